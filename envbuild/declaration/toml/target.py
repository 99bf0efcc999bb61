"""Keys that decide what a driver is locked for: Pythons, platforms, accelerators, the age of packages."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import TYPE_CHECKING

from envbuild.declaration.resolvers import all_resolvers
from envbuild.declaration.toml.requirement import parse_package, parse_versions
from envbuild.declaration.toml.table import (
    Key,
    Place,
    TextError,
    kind,
    list_of,
    read_table,
    text,
)
from envbuild.nearest_name import near_hint
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
"""Platforms for hints about a misspelt one."""

_BACKEND = re.compile(r"(?!cuda)[a-z0-9]{1,20}(\.[0-9]{1,4}){0,3}")
_CUDA_IN_WORDS = re.compile(r"cu(?:da)?[-_ ]?(\d{1,2})\.?(\d)", re.IGNORECASE)
_FEATURE = re.compile(r"[a-z0-9][a-z0-9_]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE
)
_ZONE_MISSING = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?")
_AGE = re.compile(r"(?P<count>[1-9]\d{0,4}) (?P<unit>hour|day|week)s?")
_BACKEND_FORMS = 'write "cpu", "xpu", the version of CUDA or ROCm, "cu128" or "rocm6.4", or "auto"'
_DATE_FORMS = (
    "write a date '2026-11-01', a timestamp '2026-11-01T12:00:00Z', "
    "or an age '12 hours', '7 days', '2 weeks'"
)


def python(written: str) -> str:
    """A Python request, such as `3.12`."""
    try:
        return parse_python(written)
    except ValueError as error:
        hint = str(error)
        if re.search(r"[<>=~!*]", written):
            hint = """list the versions in order of preference, such as ["3.12", "3.11"]"""
        raise TextError(f"{written!r} is not a supported Python version", hint=hint) from None


def platform(written: str) -> str:
    """A platform for which there are wheels, in normal form."""
    try:
        parsed = parse_platform(written)
    except ValueError as error:
        hint = near_hint(written, _COMMON_PLATFORMS, str(error))
        raise TextError(f"{written!r} is not a platform", hint=hint) from None
    near = nearest_platform(parsed)
    if near != parsed:
        raise _out_of_range(written, parsed, near)
    return str(parsed)


def _out_of_range(written: str, platform: Platform, near: Platform) -> TextError:
    older = near.version < platform.version
    why = "its wheels run on newer ones too" if older else "there are no wheels for older ones"
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
    """Read `{ NAME = false | "date" }`, in name order; None means false."""
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
                place.at(name).wrong(f"'{package}' is listed twice", hint="remove one of them")
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


def _feature(written: str) -> str:
    if not _FEATURE.fullmatch(written):
        hint = "lower-case letters, digits and underscores, as /proc/cpuinfo has them"
        raise TextError(f"{written!r} is not a feature of a processor", hint=hint)
    return written


def torch_backend(written: str) -> str:
    """A torch backend; whether there is one of that name is uv's to say."""
    if not _BACKEND.fullmatch(written):
        cuda = _CUDA_IN_WORDS.fullmatch(written)
        hint = f"did you mean 'cu{cuda[1]}{cuda[2]}'?" if cuda else _BACKEND_FORMS
        raise TextError(f"{written!r} is not a torch backend", hint=hint)
    return written


_VERSION_KEYS: tuple[Key[str], ...] = tuple(
    Key(
        kind.name,
        text(
            partial(parse_versions, kind=kind.name, example=kind.example),
            hint=f'write {kind.name} = "{kind.example}"',
        ),
    )
    for kind in all_kinds()
    if kind.example
)
_COMPUTE = Key(
    "compute",
    text(partial(parse_versions, kind="compute", example=">=8.0"), hint='write compute = ">=8.0"'),
)
FEATURES = Key("features", list_of(text(_feature), filled=True, unique=True))
_CPU_HINT = 'write cpu = { features = ["avx512f"] }'


def _read_cpu(value: object, place: Place) -> tuple[str, ...] | None:
    """Read `{ features = ["avx512f"] }`."""
    table = read_table(value, place, (FEATURES,), hint=_CPU_HINT)
    if table is not None and not table.has(FEATURES):
        place.wrong("names no feature", hint=_CPU_HINT)
    return table.get(FEATURES) if table is not None else None


CPU = Key("cpu", _read_cpu)


def resolver(written: str) -> str:
    """The name of a resolver."""
    known = [kind.name for kind in all_resolvers()]
    if written not in known:
        hint = near_hint(written, known, f"known: {', '.join(known)}")
        raise TextError(f"there is no resolver {written!r}", hint=hint)
    return written


ACCELERATOR_KEYS: tuple[Key[object], ...] = (*_VERSION_KEYS, _COMPUTE, CPU)


def read_accelerator(value: object, place: Place) -> Accelerator | None:
    """Read `{ KIND = "RANGE" }`, with one kind; some kinds also take `compute = "RANGE"`."""
    first, *others = (f'{key.name} = "{_example(key.name)}"' for key in _VERSION_KEYS)
    instead = " or ".join((*others, _CPU_HINT.removeprefix("write ")))
    hint = f"write it like accelerator = {{ {first} }}, or instead {instead}"
    table = read_table(value, place, ACCELERATOR_KEYS, hint=hint)
    if table is None:
        return None
    kinds = [key.name for key in (*_VERSION_KEYS, CPU) if table.has(key)]
    if len(kinds) != 1:
        place.wrong("must name one kind", hint=hint)
        return None
    if table.has(_COMPUTE) and not _has_compute(kinds[0]):
        place.at(_COMPUTE.name).wrong(
            f"{kinds[0]} has no compute capability", hint="remove `compute`, or use cuda"
        )
        return None
    features = table.get(CPU)
    versions = [versions for key in _VERSION_KEYS if (versions := table.get(key)) is not None]
    if not features and not versions:
        return None
    return Accelerator(
        kind=kinds[0],
        versions=versions[0] if versions else "",
        compute=table.get(_COMPUTE) or "",
        features=tuple(sorted(features or ())),
    )


def _example(name: str) -> str:
    """A range of a kind's versions, for hints."""
    return next(kind.example for kind in all_kinds() if kind.name == name)


def _has_compute(name: str) -> bool:
    return any(kind.name == name and kind.has_compute for kind in all_kinds())
