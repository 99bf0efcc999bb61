"""`[audit]`: the advisories that `envbuild audit` passes over for some time."""

from __future__ import annotations

import re
from datetime import date

from envbuild.declaration.declaration import IgnoredAdvisory
from envbuild.declaration.toml.table import Key, Place, TextError, read_table, tables, text

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FORM = 'write ignore = [{ id = "GHSA-…", reason = "…", expires = "2030-12-31" }]'


def advisory_id(written: str) -> str:
    """An advisory's id or alias."""
    if not _ID.fullmatch(written):
        raise TextError(f"{written!r} is not the id of an advisory", hint="such as 'CVE-2030-1234'")
    return written


def reason(written: str) -> str:
    """A text that says something."""
    if not written.strip():
        raise TextError("the reason is empty", hint="give the reason why it is harmless here")
    return written


def day(written: str) -> str:
    """A day that exists, as ISO 8601 has it."""
    hint = "write it like '2030-12-31'"
    if not _DAY.fullmatch(written):
        raise TextError(f"{written!r} is not a day", hint=hint)
    try:
        date.fromisoformat(written)
    except ValueError as error:
        raise TextError(f"there is no day {written}: {error}", hint=hint) from None
    return written


ID = Key("id", text(advisory_id))
REASON = Key("reason", text(reason))
EXPIRES = Key("expires", text(day))
IGNORE_KEYS: tuple[Key[object], ...] = (ID, REASON, EXPIRES)


def read_ignored(value: object, place: Place) -> tuple[IgnoredAdvisory, ...]:
    """Every entry of `ignore`; each needs all keys, and an id has one entry."""
    found: dict[str, IgnoredAdvisory] = {}
    for table in tables(IGNORE_KEYS)(value, place) or ():
        missing = [key.name for key in IGNORE_KEYS if not table.has(key)]
        if missing:
            words = " and no ".join(f"`{name}`" for name in missing)
            table.place.wrong(f"the entry has no {words}", hint=_FORM)
        named, why, until = table.get(ID), table.get(REASON), table.get(EXPIRES)
        if named is None or why is None or until is None:
            continue
        if named.casefold() in found:
            hint = "remove one of the entries"
            table.place.at(ID.name).wrong(f"{named!r} is ignored twice", hint=hint)
        found[named.casefold()] = IgnoredAdvisory(
            id=named, reason=why, expires=until, line=table.place.line
        )
    return tuple(found.values())


IGNORE = Key("ignore", read_ignored)
AUDIT_KEYS: tuple[Key[object], ...] = (IGNORE,)


def read_audit(value: object, place: Place) -> tuple[IgnoredAdvisory, ...]:
    """The `[audit]` table."""
    table = read_table(value, place, AUDIT_KEYS)
    return () if table is None else table.get(IGNORE) or ()
