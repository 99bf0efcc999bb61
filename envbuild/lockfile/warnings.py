"""Warnings about a lockfile: yanked releases, missing extras, newer versions that were passed over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.requirement.parse import parse_requirement
from envbuild.toml_text import toml_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.lockfile.lockfile import HeldBack, LockedPackage, Lockfile
    from envbuild.target.target import Target


_ADDRESS = re.compile(r"\S*://\S*")
_LONGEST = 200
"""A longer reason is cut, in characters: every uploader can write one."""


def yank_reason(text: str) -> str:
    """A reason from an index, on one line, without addresses and control characters."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    words = " ".join(_ADDRESS.sub("…", plain).split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1].rstrip()}…"


def yanked_text(package: LockedPackage) -> str:
    """The warning about a locked release that its index has yanked (PEP 592)."""
    reason = f": {package.yanked}" if package.yanked else ", and no reason is given"
    return f"{package.name} {package.version} is yanked from index '{package.index}'{reason}"


def may_be_yanked(lockfile: Lockfile, previous: Lockfile | None) -> frozenset[str]:
    """The packages that a resolver takes although they are yanked: exactly pinned ones.

    A pin comes from the earlier lockfile, or from a requirement with `==`.
    """
    before = () if previous is None else previous.packages
    known = {(package.name, package.version) for package in before}
    found = {
        package.name for package in lockfile.packages if (package.name, package.version) in known
    }
    inputs = lockfile.inputs
    for text in (*inputs.all_requires, *inputs.constraints, *inputs.overrides):
        if "==" in (wanted := parse_requirement(text)).specifier:
            found.add(wanted.name)
    for package in lockfile.packages:
        asked = (text for text in package.requires if "==" in text.partition(";")[0])
        found |= {parse_requirement(text).name for text in asked}
    return frozenset(found)


def unmentioned_extras(lockfile: Lockfile) -> Iterator[tuple[LockedPackage, str, str]]:
    """Each package with a requested extra that no requirement of it mentions, and the packages that request it.

    Only METADATA says whether the package has the extra (`Provides-Extra`).
    """
    seen: set[tuple[str, str, str]] = set()
    for target in lockfile.targets:
        packages = {package.name: package for package in lockfile.packages_for(target)}
        for edge in lockfile.edges_on(target):
            package = packages.get(edge.package)
            if package is None:
                continue
            for extra in edge.extras:
                key = (edge.package, extra, edge.requirer or lockfile.driver)
                if key not in seen and not _mentions(package, extra):
                    seen.add(key)
                    yield (package, extra, key[2])


def _mentions(package: LockedPackage, extra: str) -> bool:
    """Whether a marker of the package mentions the extra, in any spelling."""
    spelling = re.compile("[-_.]+".join(map(re.escape, extra.split("-"))), re.IGNORECASE)
    markers = (text.partition(";")[2] for text in package.requires)
    return any("extra" in marker and spelling.search(marker) for marker in markers)


SOURCE, PYTHON, PLATFORM = "source", "python", "platform"
TOO_NEW, PRE_RELEASE = "exclude-newer", "pre-release"
REASONS = (SOURCE, PYTHON, PLATFORM, TOO_NEW, PRE_RELEASE)
"""Why a newer version is not locked; a pre-release is listed if nothing else was found."""


def held_back_text(held: HeldBack) -> str:
    """The passed-over version and the reason, in one sentence without a final stop."""
    if held.reason == PRE_RELEASE:
        return f"{held.package} {held.locked} is a pre-release, and no requirement names one"
    why = obstacle_text(held.reason, held.blockers, held.targets)
    return f"{held.package} {held.passed_over} was passed over for {held.locked}: {why}"


def obstacle_text(reason: str, packages: tuple[str, ...], targets: Iterable[Target]) -> str:
    """What excludes packages on some targets."""
    names, one = ", ".join(packages), len(packages) == 1
    targets = tuple(targets)
    pythons = ", ".join(dict.fromkeys(target.python for target in targets))
    platforms = ", ".join(dict.fromkeys(str(target.platform) for target in targets))
    does = "has" if one else "have"
    return {
        SOURCE: f"{names} {does} only source distributions",
        PYTHON: f"{names} {does} nothing for Python {pythons}",
        PLATFORM: f"{names} {does} no wheel for {platforms}",
        TOO_NEW: f"{names} {'was' if one else 'were'} uploaded later than exclude-newer allows",
    }[reason]


def held_back_hint(held: HeldBack) -> str:
    """The line that allows the newer version, and the command that takes it."""
    if held.reason == PRE_RELEASE:
        return (
            f'constraints = ["{held.package}=={held.locked}"] accepts the pre-release, '
            "or require another version"
        )
    change = change_hint(held.reason, held.blockers)
    return f"{change}; `envbuild lock --upgrade-package {held.package}` then takes it"


def change_hint(reason: str, names: Iterable[str]) -> str:
    """The line of a declaration that allows excluded packages."""
    names = tuple(names)
    if reason == SOURCE:
        them, their = ("it", "its") if len(names) == 1 else ("them", "their")
        return f"allow-sdist = {toml_list(names)} allows building {them}, which runs {their} code"
    if reason == TOO_NEW:
        limits = ", ".join(f"{name} = false" for name in names)
        return f"exclude-newer-packages = {{ {limits} }} allows releases of any age"
    if reason == PYTHON:
        return f"another Python in `python` may have {' and '.join(names)}"
    return f"another platform in `platforms` may have {' and '.join(names)}"


def held_back_table(held: HeldBack) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "package": held.package,
        "locked": held.locked,
        "passed_over": held.passed_over,
        "reason": held.reason,
        "blockers": list(held.blockers),
        "targets": list(map(str, held.targets)),
        "message": held_back_text(held),
        "hint": held_back_hint(held),
    }
