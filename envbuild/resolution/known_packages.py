"""What a lockfile knows about packages that are resolved again, and whether that is still true.

A resolution is much faster if it need not fetch METADATA that is locked.
Locked METADATA belongs to a file's sha256, but a resolver asks by name and version.
So it counts only if the resolution takes that very file, or the index still lists it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.resolution.resolution import KnownPackage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lockfile.lockfile import Inputs, LockedFile, LockedPackage, Lockfile
    from envbuild.resolution.resolution import Resolution
    from envbuild.target.target import Target

_OF_OLD = re.compile(r"[<>]=?\s*[\w.]*\.\*")
"""A form from before PEP 440 (`six>=1.*`), which resolvers accept only in METADATA."""


def known_package(package: LockedPackage, file: LockedFile) -> KnownPackage:
    """A package as a lockfile has it for one of its files."""
    return KnownPackage(
        name=package.name,
        version=package.version,
        file=file.name,
        sha256=file.sha256,
        index=package.index,
        requires=package.requires,
    )


def known_packages(lockfile: Lockfile, target: Target) -> tuple[KnownPackage, ...]:
    """The locked wheels of a target.

    Packages that are built from source are left out: a new build may have other METADATA.
    """
    return tuple(
        known_package(package, file)
        for package in lockfile.packages
        if not any(map(_OF_OLD.search, package.requires))
        for file in package.files
        if target in file.targets and file.name.endswith(".whl")
    )


def unconfirmed(known: tuple[KnownPackage, ...], resolution: Resolution) -> frozenset[str]:
    """The names of known packages for which the resolution took another file, or none.

    It judged these by locked METADATA that may no longer be right.
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
    """The packages with an extra that is requested now and was not requested when they were locked.

    A lockfile drops requirements with addresses, which a resolver would refuse.
    So locked METADATA is complete only for the extras that were requested.
    `published` gives each package of the new resolution its requirements.
    """
    locked = {package.name: package.requires for package in before.packages_for(target)}
    known = _asked_extras(before.inputs, target, locked)
    return frozenset(name for name, _ in _asked_extras(inputs, target, published) - known)


def _asked_extras(
    inputs: Inputs, target: Target, published: Mapping[str, tuple[str, ...]]
) -> set[tuple[str, str]]:
    edges = inputs.edges_on(target, published)
    return {(edge.package, extra) for edge in edges for extra in edge.extras}
