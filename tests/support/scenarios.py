"""Whole package indexes as small files: `tests/scenarios/NAME.toml` → wheels.

The format, one line a package version:

    [packages]
    "a 1.0" = ["b>=2", "c; extra == 'fast'"]      # name, version, what it requires
    "b 2.0" = []
    "c 1.0" = { requires = ["b"], requires-python = ">=3.12", commands = ["serve"] }
    "d 1.0" = { sdist = true }                    # no wheel, only a source distribution
    "e 1.0" = { tags = ["cp312-cp312-manylinux_2_28_x86_64", "py3-none-any"] }
    "f 1.0" = { uploaded = "2026-02-01T00:00:00Z", yanked = "broken", extras = ["x"] }

Extras come from the markers; `extras` names further ones.
Each command answers as `wheels.command_wheel` says.
Other tables of the file (the case's declaration, what is expected) belong to the test that reads it
and are found in `Scenario.case`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.index_server import UPLOADED, IndexServer
from tests.support.wheels import Sdist, Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent / "scenarios"
_KEYS = {
    "requires",
    "requires-python",
    "extras",
    "commands",
    "tags",
    "sdist",
    "uploaded",
    "yanked",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One file of the scenario's index, and how the index shows it."""

    file: Wheel | Sdist
    uploaded: str = UPLOADED
    yanked: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """An index, and whatever else the file says about it."""

    name: str
    releases: tuple[Release, ...]
    case: dict[str, Any]
    """The file's tables other than `packages`."""

    @property
    def files(self) -> tuple[Wheel | Sdist, ...]:
        """The wheels and source distributions alone."""
        return tuple(release.file for release in self.releases)

    def fill(self, index: IndexServer) -> None:
        """Put every file into a running index."""
        for release in self.releases:
            index.add(release.file, uploaded=release.uploaded, yanked=release.yanked)

    def write(self, folder: Path) -> None:
        """Write every file into a flat folder."""
        for file in self.files:
            file.write(folder)


def load_scenario(name: str) -> Scenario:
    """Read `tests/scenarios/NAME.toml`."""
    return parse_scenario(name, (FOLDER / f"{name}.toml").read_text())


def parse_scenario(name: str, text: str) -> Scenario:
    """Make a scenario of a file's text; ValueError for a key that the format does not know."""
    table = tomllib.loads(text)
    packages = table.pop("packages", {})
    releases = tuple(
        release for key, value in packages.items() for release in _releases(key, value)
    )
    return Scenario(name=name, releases=releases, case=table)


def _releases(key: str, value: list[str] | dict[str, Any]) -> Iterator[Release]:
    """Yield the files of one line."""
    entry: dict[str, Any] = value if isinstance(value, dict) else {"requires": value}
    if unknown := entry.keys() - _KEYS:
        raise ValueError(f"{key}: unknown {', '.join(sorted(unknown))}")
    name, version = key.split()
    wheel = _wheel(name, version, entry)
    tagged = (replace(wheel, tag=tag) for tag in entry.get("tags", (wheel.tag,)))
    for file in (Sdist(wheel=wheel),) if entry.get("sdist") else tagged:
        uploaded = entry.get("uploaded", UPLOADED)
        yield Release(file=file, uploaded=uploaded, yanked=entry.get("yanked"))


def _wheel(name: str, version: str, entry: dict[str, Any]) -> Wheel:
    ready = command_wheel(name, version)
    return replace(
        ready,
        requires=tuple(entry.get("requires", ())),
        extras=tuple(entry.get("extras", ())),
        requires_python=entry.get("requires-python"),
        commands=dict.fromkeys(entry.get("commands", ()), ready.commands[name]),
    )
