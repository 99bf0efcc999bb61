"""The parts of an unpacked wheel that differ between environments: its scripts, and its RECORD."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envbuild.lean_json import as_list
from envbuild.wheelcache.record import record_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_ENCODING = "latin-1"
"""It maps every byte to a character."""


class Script(NamedTuple):
    """A file that has its environment's path in it, such as a console script."""

    path: str
    """Relative to site-packages, as in the RECORD."""

    mode: int
    parts: tuple[str, ...]
    """The content, split at the environment's path."""

    def render(self, environment: bytes) -> bytes:
        """The content in an environment."""
        return environment.join(part.encode(_ENCODING) for part in self.parts)


class WheelFacts(NamedTuple):
    """The facts in an unpacked wheel's table."""

    dist_info: str
    """The folder's name, such as `numpy-2.3.4.dist-info`."""

    minor: str
    """The Python that its paths are for, such as `3.12`; empty for any."""

    scripts: tuple[Script, ...]
    record: tuple[str | int, ...]
    """The RECORD's lines, with a number for a script's line; empty if RECORD is stored like other files."""

    def render_record(self, environment: bytes) -> bytes:
        """The RECORD in an environment."""
        lines = [
            _record_line(self.scripts[line], environment) if isinstance(line, int) else line
            for line in self.record
        ]
        return "\n".join(lines).encode("utf-8", "surrogateescape")

    def as_json(self) -> dict[str, object]:
        """The facts of an entry."""
        return {
            "dist_info": self.dist_info,
            "minor": self.minor,
            "scripts": [list(script) for script in self.scripts],
            "record": list(self.record),
        }


def wheel_facts(facts: Mapping[str, object]) -> WheelFacts | None:
    """An entry's facts → value; None if they are invalid."""
    try:
        return WheelFacts(
            dist_info=str(facts["dist_info"]),
            minor=str(facts["minor"]),
            scripts=tuple(
                Script(path=path, mode=mode, parts=tuple(parts))
                for path, mode, parts in as_list(facts["scripts"])
            ),
            record=tuple(as_list(facts["record"])),
        )
    except (KeyError, TypeError, ValueError):
        return None


def script_of(path: str, mode: int, content: bytes, environment: bytes) -> Script | None:
    """A file's script; None if the file does not have the environment's path in it."""
    parts = content.split(environment)
    if len(parts) == 1:
        return None
    return Script(path=path, mode=mode, parts=tuple(part.decode(_ENCODING) for part in parts))


def record_template(text: str, scripts: Sequence[Script]) -> tuple[str | int, ...] | None:
    """The lines of a RECORD with a number for each script; None if a script has no line."""
    numbers = {script.path: number for number, script in enumerate(scripts)}
    lines: list[str | int] = []
    for line in text.split("\n"):
        number = numbers.pop(line.rsplit(",", 2)[0], None)
        lines.append(line if number is None else number)
    return None if numbers else tuple(lines)


def bound_minor(paths: Iterable[str], minor: str) -> str:
    """The Python that paths outside site-packages are for: `minor`, or empty if none names it."""
    name = f"python{minor}"
    return minor if any(path.startswith("../") and name in path for path in paths) else ""


def _record_line(script: Script, environment: bytes) -> str:
    content = script.render(environment)
    return f"{script.path},{record_digest(content)},{len(content)}"
