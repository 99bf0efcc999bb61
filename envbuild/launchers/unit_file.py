"""The commands of a systemd unit file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION = re.compile(r"\[([^\]]+)\]")
_PREFIXES = "@-:+!|"
"""Prefixes of an executable's path (systemd.service(5))."""

_INSTANCE = re.compile(r"@([^/@]+)\.service$")


@value
class ExecLine:
    """One command of a unit."""

    line: int
    """Counted from 1."""

    executable: str
    """The first word without its prefixes; `%i` and `%I` are replaced if they are known."""


def parse_unit(text: str, *, name: str) -> tuple[ExecLine, ...] | None:
    """Every effective `ExecStart=`, in order; None for a text that is no unit.

    An empty `ExecStart=` clears those before it; `name` is the file's name, for its instance.
    """
    if "\0" in text:
        return None
    instance = _INSTANCE.search(name)
    section, known = "", False
    found: list[ExecLine] = []
    for number, line in _joined(text):
        head = _SECTION.fullmatch(line)
        if head:
            section, known = head[1], True
        elif not known or "=" not in line:
            return None
        elif section == "Service" and line.partition("=")[0].strip() == "ExecStart":
            value = line.partition("=")[2].strip()
            if not value:
                found.clear()
                continue
            executable = _first_word(value.lstrip(_PREFIXES))
            if instance:
                executable = executable.replace("%i", instance[1]).replace("%I", instance[1])
            found.append(ExecLine(line=number, executable=executable))
    return tuple(found) if known else None


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not empty or comments, with continuations joined, and the number of the first."""
    waiting, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not waiting and (not stripped or stripped[0] in "#;"):
            continue
        if waiting and stripped[:1] in ("#", ";"):
            continue
        start = start if waiting else number
        if stripped.endswith("\\"):
            waiting += stripped[:-1] + " "
            continue
        yield start, (waiting + stripped).strip()
        waiting = ""
    if waiting:
        yield start, waiting.strip()


def _first_word(value: str) -> str:
    if value[:1] in ("'", '"'):
        return value[1:].partition(value[0])[0]
    return next(iter(value.split(maxsplit=1)), "")
