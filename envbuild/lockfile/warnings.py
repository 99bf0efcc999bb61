"""What a lockfile holds although it is doubtful: withdrawn releases, and extras that nobody provides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.requirement.graph import active_edges
from envbuild.requirement.parse import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile

_ADDRESS = re.compile(r"\S*://\S*")
_LONGEST = 200
"""Characters of a reason that are kept: anybody who may upload writes it."""


def yank_reason(text: str) -> str:
    """A reason as an index gives it, on one line, without addresses and control characters."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    words = " ".join(_ADDRESS.sub("…", plain).split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1].rstrip()}…"


def yanked_text(package: LockedPackage) -> str:
    """What is said of a locked release that its index has withdrawn (PEP 592)."""
    reason = f": {package.yanked}" if package.yanked else ", and no reason is given"
    return f"{package.name} {package.version} is yanked from index '{package.index}'{reason}"


def may_be_yanked(lockfile: Lockfile, previous: Lockfile | None) -> frozenset[str]:
    """The packages that a resolver takes although they are yanked: those that are pinned exactly.

    A pin is one of the lockfile before, or a requirement with `==`.
    """
    before = () if previous is None else previous.packages
    known = {(package.name, package.version) for package in before}
    found = {
        package.name for package in lockfile.packages if (package.name, package.version) in known
    }
    inputs = lockfile.inputs
    for text in (*inputs.requires, *inputs.constraints, *inputs.overrides):
        if "==" in (wanted := parse_requirement(text)).specifier:
            found.add(wanted.name)
    for package in lockfile.packages:
        asked = (text for text in package.requires if "==" in text.partition(";")[0])
        found |= {parse_requirement(text).name for text in asked}
    return frozenset(found)


def unmentioned_extras(lockfile: Lockfile) -> Iterator[tuple[LockedPackage, str, str]]:
    """Each package with an extra that somebody asks for and no requirement of it is about, and who asks.

    Whether the package has it nevertheless stands in METADATA alone (`Provides-Extra`).
    """
    seen: set[tuple[str, str, str]] = set()
    for target in lockfile.targets:
        packages = {package.name: package for package in lockfile.packages_for(target)}
        published = {name: package.requires for name, package in packages.items()}
        inputs = lockfile.inputs
        for edge in active_edges(inputs.requires, published, target, inputs.overrides):
            package = packages.get(edge.package)
            if package is None:
                continue
            for extra in edge.extras:
                key = (edge.package, extra, edge.requirer or lockfile.driver)
                if key not in seen and not _mentions(package, extra):
                    seen.add(key)
                    yield (package, extra, key[2])


def _mentions(package: LockedPackage, extra: str) -> bool:
    """Whether the extra's name, in whatever spelling, stands in a marker of the package."""
    spelling = re.compile("[-_.]+".join(map(re.escape, extra.split("-"))), re.IGNORECASE)
    markers = (text.partition(";")[2] for text in package.requires)
    return any("extra" in marker and spelling.search(marker) for marker in markers)
