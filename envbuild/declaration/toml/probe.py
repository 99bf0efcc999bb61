"""`probe`, `imports`, `probe-timeout`: what must succeed before an environment is switched to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration.toml.table import Key, Place, TextError, kind, list_of, text

if TYPE_CHECKING:
    from envbuild.declaration.toml.table import Reader

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_LONGEST = 24 * 60 * 60
"""In seconds: what takes longer than a day is no probe."""

_EXAMPLE = 'probe = [["vllm", "--version"]]'


def _word(written: str) -> str:
    if "\0" in written:
        raise TextError("an argument cannot hold a NUL character")
    return written


def _module(written: str) -> str:
    if not _MODULE.fullmatch(written):
        hint = "write what stands behind `import`, such as 'vllm' or 'vllm.entrypoints'"
        raise TextError(f"{written!r} is not the name of a module", hint=hint)
    return written


_read_words: Reader[tuple[str, ...]] = list_of(text(_word), filled=True)


def _read_argv(value: object, place: Place) -> tuple[str, ...] | None:
    if isinstance(value, str):
        hint = f"write the command and its arguments apart: {_EXAMPLE}"
        place.wrong("must be a list of words, not a string", hint=hint)
        return None
    words = _read_words(value, place)
    if words is None:
        return None
    if _PROGRAM.fullmatch(words[0]):
        return words
    hint = "just its name: it is looked for in the environment's bin/, never elsewhere"
    place.at(0).wrong(f"{words[0]!r} is not the name of a command", hint=hint)
    return None


def _read_seconds(value: object, place: Place) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        place.wrong(f"must be a number of seconds, not {kind(value)}", hint="such as 60")
        return None
    if not 1 <= value <= _LONGEST:
        place.wrong(f"must be from 1 to {_LONGEST} seconds, not {value}")
        return None
    return value


PROBE = Key("probe", list_of(_read_argv, filled=True))
IMPORTS = Key("imports", list_of(text(_module), filled=True, unique=True))
PROBE_TIMEOUT = Key("probe-timeout", _read_seconds)

PROBE_KEYS: tuple[Key[object], ...] = (PROBE, IMPORTS, PROBE_TIMEOUT)
