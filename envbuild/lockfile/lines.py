"""Where in a lockfile's text its parts stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.text import render_lockfile

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import Lockfile

_NAME, _VERSION = 'name = "', 'version = "'


def package_line(lockfile: Lockfile, package: str, version: str | None = None) -> int | None:
    """The line, counted from 1, of a package's table; None where it has none.

    A lockfile's text is always the one that its value gives.
    """
    lines = _package_lines(lockfile)
    if version is not None:
        return lines.get((package, version))
    return next((line for (name, _), line in lines.items() if name == package), None)


_known: dict[int, tuple[Lockfile, dict[tuple[str, str], int]]] = {}
"""By identity: to hash a whole lockfile for each of its findings takes longer than all else."""


def _package_lines(lockfile: Lockfile) -> dict[tuple[str, str], int]:
    known = _known.get(id(lockfile))
    if known is None or known[0] is not lockfile:
        known = _known[id(lockfile)] = (lockfile, _find_lines(lockfile))
    return known[1]


def _find_lines(lockfile: Lockfile) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    name = ""
    for number, line in enumerate(render_lockfile(lockfile).splitlines(), start=1):
        if line.startswith(_NAME):
            name = line.removeprefix(_NAME).rstrip('"')
        elif name and line.startswith(_VERSION):
            found[name, line.removeprefix(_VERSION).rstrip('"')] = number - 1
            name = ""
    return found
