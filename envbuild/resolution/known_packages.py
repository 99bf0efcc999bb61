"""What a lockfile knows of packages that are resolved again, and whether the new resolution bears it out.

A resolution that asks the index for no METADATA that is locked takes a fraction of the time.
What is locked belongs to a file's sha256, while the resolver goes by name and version:
so it counts only where the resolution takes the very file, or where the index still lists it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.requirement.graph import active_edges
from envbuild.resolution.resolution import KnownPackage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lockfile.lockfile import Inputs, LockedFile, LockedPackage, Lockfile
    from envbuild.resolution.resolution import Resolution
    from envbuild.target.target import Target

_OF_OLD = re.compile(r"[<>]=?\s*[\w.]*\.\*")
"""A form from before PEP 440 (`six>=1.*`), which resolvers read in METADATA and nowhere else."""


def known_package(package: LockedPackage, file: LockedFile) -> KnownPackage:
    """What a lockfile says of a package by one of its files."""
    return KnownPackage(
        name=package.name,
        version=package.version,
        file=file.name,
        sha256=file.sha256,
        requires=package.requires,
    )


def known_packages(lockfile: Lockfile, target: Target) -> tuple[KnownPackage, ...]:
    """What a lockfile says of the wheels that a target takes.

    What is built from source is left out: whoever builds it anew may get something else.
    """
    return tuple(
        known_package(package, file)
        for package in lockfile.packages
        if not any(map(_OF_OLD.search, package.requires))
        for file in package.files
        if target in file.targets and file.name.endswith(".whl")
    )


def unconfirmed(known: tuple[KnownPackage, ...], resolution: Resolution) -> frozenset[str]:
    """The names of what the resolution does not take just as it is known.

    What it takes otherwise, or not at all, it has judged by what is locked, which need not be so any more.
    """
    taken = {(file.package, file.version, file.sha256) for file in resolution.files}
    return frozenset(
        package.name
        for package in known
        if (package.name, package.version, package.sha256) not in taken
    )


def newly_asked(
    before: Lockfile,
    inputs: Inputs,
    target: Target,
    published: Mapping[str, tuple[str, ...]],
) -> frozenset[str]:
    """The packages that are asked for an extra which nobody asked for when they were locked.

    A lockfile leaves out addresses in requirements, and a resolver refuses those that hold:
    so what is locked tells the whole truth of the extras that were asked for, and of no others.
    `published` gives each package of the new resolution its requirements.
    """
    locked = {package.name: package.requires for package in before.packages_for(target)}
    known = _asked_extras(before.inputs, target, locked)
    return frozenset(name for name, _ in _asked_extras(inputs, target, published) - known)


def _asked_extras(
    inputs: Inputs, target: Target, published: Mapping[str, tuple[str, ...]]
) -> set[tuple[str, str]]:
    edges = active_edges(inputs.requires, published, target, inputs.overrides)
    return {(edge.package, extra) for edge in edges for extra in edge.extras}
