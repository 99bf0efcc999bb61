"""The commands that a wheel installs, read from its own entry points and scripts; nothing of it is run."""

from __future__ import annotations

import configparser
import zipfile
from typing import IO, TYPE_CHECKING

from envbuild.wheelcache.metadata import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 1 << 20
"""Bytes of entry points that are read at most."""

_GROUPS = ("console_scripts", "gui_scripts")
_SCRIPTS = ("/scripts/", "/data/bin/")
"""The folders of a wheel's `.data` whose files end up in an environment's `bin/`."""


def find_commands(wheel: IO[bytes]) -> tuple[str, ...]:
    """The names that a wheel puts into `bin/`, in order; ValueError where it is no readable wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return tuple(sorted(set(_commands(archive))))
    except UNREADABLE as error:
        raise ValueError("it is no readable zip archive") from error


def _commands(archive: zipfile.ZipFile) -> Iterator[str]:
    for name in archive.namelist():
        top, slash, rest = name.partition("/")
        if top.endswith(".data"):
            yield from _script(f"{slash}{rest}")
        elif top.endswith(".dist-info") and rest == "entry_points.txt":
            with archive.open(name) as stream:
                yield from _entry_points(stream.read(_LARGEST).decode(errors="replace"))


def _script(path: str) -> Iterator[str]:
    """The command that a file of `.data` is; none where it goes elsewhere."""
    for folder in _SCRIPTS:
        command = path.removeprefix(folder)
        if command != path and command and "/" not in command:
            yield command


def _entry_points(text: str) -> Iterator[str]:
    """The scripts of an `entry_points.txt`; none where it cannot be read, which an installer will say."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for group in _GROUPS:
        if parser.has_section(group):
            yield from (name.strip() for name in parser.options(group))
