"""The patch releases of Python on which a locked package is needed, as a marker.

Packages that depend on the kernel are exported for all kernels: locked packages never exclude each other.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from envbuild.launchers.markers import render_marker
from envbuild.lockfile.soundness import packages_here
from envbuild.requirement.parse import is_open
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile

_NAMED = re.compile(r"(3\.\d+)\.(\d+)")
_VARIABLE = "python_full_version"


def package_marker(package: LockedPackage, lockfile: Lockfile) -> str | None:
    """The marker of a package: its targets, and the patch releases that need it."""
    base = render_marker(package.targets, lockfile.targets)
    needed = _needed(lockfile)
    minors = dict.fromkeys(target.minor for target in package.targets)
    conditions = {minor: needed.get((package.name, minor)) for minor in minors}
    if not any(conditions.values()):
        return base
    if len({target.minor for target in lockfile.targets}) == 1:
        (own,) = conditions.values()
    else:
        own = " or ".join(
            f"python_version == '{minor}'" + (f" and ({text})" if text else "")
            for minor, text in conditions.items()
        )
    return own if base is None else f"({base}) and ({own})"


@lru_cache(maxsize=16)
def _needed(lockfile: Lockfile) -> dict[tuple[str, str], str]:
    """The condition by package and minor version, if not every patch release needs it."""
    asked = (*lockfile.inputs.all_requires, *lockfile.inputs.overrides)
    texts = [text for package in lockfile.packages for text in package.requires]
    texts = [text for text in (*asked, *texts) if is_open(text)]
    minors = {target.minor for target in lockfile.targets if not target.has_patch}
    found: dict[tuple[str, str], str] = {}
    for minor in minors if texts else ():
        starts = _starts(texts, minor)
        on = [_names(lockfile, minor, start) for start in starts]
        for name in set().union(*on):
            held = [name in names for names in on]
            if not all(held):
                found[name, minor] = " or ".join(_ranges(minor, starts, held))
    return found


def _starts(texts: list[str], minor: str) -> list[int]:
    """The first patch releases of ranges that may have different answers."""
    named = {int(patch) for text in texts for own, patch in _NAMED.findall(text) if own == minor}
    return sorted({0, 1} | named | {patch + 1 for patch in named})


def _names(lockfile: Lockfile, minor: str, patch: int) -> set[str]:
    return {
        package.name
        for target in lockfile.targets
        if target.python == minor
        for package in packages_here(lockfile, target, replace(target, python=f"{minor}.{patch}"))
    }


def _ranges(minor: str, starts: list[int], held: list[bool]) -> Iterator[str]:
    """Each run of patch releases that need something."""
    edges = [False, *held, False]
    begins = [at for at, (before, now) in enumerate(pairwise(edges)) if now and not before]
    ends = [at for at, (before, now) in enumerate(pairwise(edges)) if before and not now]
    for begin, end in zip(begins, ends, strict=True):
        parts = []
        if begin > 0:
            parts.append(f"{_VARIABLE} >= '{minor}.{starts[begin]}'")
        if end < len(starts):
            parts.append(f"{_VARIABLE} < '{minor}.{starts[end]}'")
        yield " and ".join(parts)
