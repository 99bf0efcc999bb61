"""What a driver is locked for: Pythons, platforms, accelerators, and how old its packages must be."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import TYPE_CHECKING

from envbuild.declaration.toml.requirement import parse_package, parse_versions
from envbuild.declaration.toml.table import (
    Key,
    Place,
    TextError,
    kind,
    read_table,
    text,
)
from envbuild.nearest_name import nearest
from envbuild.target.accelerator import Accelerator, all_kinds
from envbuild.target.platform_range import library_of, nearest_platform
from envbuild.target.target import parse_platform, parse_python

if TYPE_CHECKING:
    from envbuild.target.target import Platform

_COMMON_PLATFORMS = (
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "x86_64-manylinux_2_17",
    "x86_64-musllinux_1_2",
    "aarch64-musllinux_1_2",
    "arm64-macosx_14_0",
    "x86_64-macosx_14_0",
)
"""What a text that is no platform is compared with, for a hint."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE
)
_ZONE_MISSING = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?")
_AGE = re.compile(r"(?P<count>[1-9]\d{0,4}) (?P<unit>hour|day|week)s?")
_DATE_FORMS = (
    "write a date '2026-11-01', a timestamp '2026-11-01T12:00:00Z', "
    "or an age '12 hours', '7 days', '2 weeks'"
)


def python(written: str) -> str:
    """A Python to ask for, such as `3.12`."""
    try:
        return parse_python(written)
    except ValueError as error:
        hint = str(error)
        if re.search(r"[<>=~!*]", written):
            hint = """list the versions in order of preference, such as ["3.12", "3.11"]"""
        raise TextError(f"{written!r} is not a Python to ask for", hint=hint) from None


def platform(written: str) -> str:
    """A platform for which there are wheels, in normal form."""
    try:
        parsed = parse_platform(written)
    except ValueError as error:
        near = nearest(written, _COMMON_PLATFORMS)
        hint = f"did you mean '{near}'?" if near else str(error)
        raise TextError(f"{written!r} is not a platform", hint=hint) from None
    near_one = nearest_platform(parsed)
    if near_one != parsed:
        raise _out_of_range(written, parsed, near_one)
    return str(parsed)


def _out_of_range(written: str, platform: Platform, near: Platform) -> TextError:
    older = (near.major, near.minor) < (platform.major, platform.minor)
    why = (
        "what is locked for it runs on newer ones too" if older else "there are no wheels for older"
    )
    return TextError(
        f"{written!r} cannot be locked for: no wheel tags are known for {library_of(platform)}",
        hint=f"write '{near}': {why}",
    )


def read_exclude_newer(value: object, place: Place) -> str | None:
    """Read a date, a timestamp or an age, in quotes or as TOML's own date."""
    if isinstance(value, dt.date):
        value = value.isoformat()
    return text(_exclude_newer, hint=_DATE_FORMS)(value, place)


def read_exclude_newer_packages(
    value: object, place: Place
) -> tuple[tuple[str, str | None], ...] | None:
    """Read `{ NAME = false | "date" }`, in name order; None stands for false."""
    hint = """write it like exclude-newer-packages = { NAME = false, OTHER = "2026-11-01" }"""
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=hint)
        return None
    found: dict[str, str | None] = {}
    for name, limit in value.items():
        package = text(parse_package)(name, place.at(name))
        if limit is True:
            place.at(name).wrong("must be false or a date, not true", hint=hint)
        elif package is not None:
            if package in found:
                place.at(name).wrong(f"'{package}' stands here twice", hint="leave one out")
            found[package] = None if limit is False else read_exclude_newer(limit, place.at(name))
    return tuple(sorted(found.items()))


def _exclude_newer(written: str) -> str:
    age = _AGE.fullmatch(written)
    if age is not None:
        return f"{age['count']} {age['unit']}{'' if age['count'] == '1' else 's'}"
    if _ZONE_MISSING.fullmatch(written):
        raise TextError(f"{written!r} has no time zone", hint="end it with Z for UTC")
    if not (_DATE.fullmatch(written) or _TIMESTAMP.fullmatch(written)):
        raise TextError(f"{written!r} is neither a date nor an age", hint=_DATE_FORMS)
    try:
        dt.datetime.fromisoformat(written.upper())
    except ValueError as error:
        raise TextError(f"{written!r} is not in the calendar: {error}") from None
    return written.upper()


def overlap(written: str) -> str:
    """What happens if two packages bring one path: `warn` or `refuse`."""
    if written not in ("warn", "refuse"):
        raise TextError(
            f"{written!r} is neither 'warn' nor 'refuse'", hint='write "warn" or "refuse"'
        )
    return written


ACCELERATOR_KEYS: tuple[Key[str], ...] = tuple(
    Key(
        kind.name,
        text(
            partial(parse_versions, kind=kind.name, example=kind.example),
            hint=f'write {kind.name} = "{kind.example}"',
        ),
    )
    for kind in all_kinds()
)


def read_accelerator(value: object, place: Place) -> Accelerator | None:
    """Read `{ KIND = "RANGE" }`, with one kind."""
    forms = (f'accelerator = {{ {kind.name} = "{kind.example}" }}' for kind in all_kinds())
    hint = f"write it like {' or '.join(forms)}"
    table = read_table(value, place, ACCELERATOR_KEYS, hint=hint)
    if table is None:
        return None
    if len(table.present) != 1:
        place.wrong("must name one kind", hint=hint)
    found = [(key.name, table.get(key)) for key in ACCELERATOR_KEYS]
    asked = [(kind, versions) for kind, versions in found if versions is not None]
    return Accelerator(kind=asked[0][0], versions=asked[0][1]) if len(asked) == 1 else None
