"""How the answers of a driver's targets make one lockfile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UnsatisfiableError
from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile
from envbuild.target.python_bound import patch_clauses
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.lockfile.lockfile import Inputs
    from envbuild.resolution.resolution import PublishedMetadata, Resolution, ResolvedFile
    from envbuild.target.target import Target


def merge_resolutions(
    *,
    driver: str,
    inputs: Inputs,
    resolutions: tuple[Resolution, ...],
    metadata: Mapping[str, PublishedMetadata],
    inherited: tuple[LockedPackage, ...] = (),
) -> Lockfile:
    """Make one lockfile from the results of all targets.

    `metadata` is keyed by `ResolvedFile.content`.
    `inherited` are the packages of the host.
    `Requires-Python` is kept if it separates patch releases of a target's Python.
    If files of one version publish different requirements, the lockfile has one package for each,
    with its own targets, so that locked requirements are those of the target's file.
    """
    from packaging.version import Version

    targets = tuple(resolution.target for resolution in resolutions)
    pythons = {target.minor for target in targets}

    def bound(file: ResolvedFile) -> str:
        text = metadata[file.content].requires_python
        return text if any(patch_clauses(text, minor) for minor in pythons) else ""

    asked_by = _requirers(inputs, resolutions, metadata, inherited)
    groups: dict[tuple[str, str, tuple[str, ...], str, str], list[tuple[Target, ResolvedFile]]] = {}
    for resolution in resolutions:
        for file in resolution.files:
            requires = metadata[file.content].requires
            key = (file.package, file.version, requires, bound(file), file.index)
            groups.setdefault(key, []).append((resolution.target, file))
    packages = tuple(
        LockedPackage(
            name=name,
            version=version,
            index=index,
            # one tuple for most packages, which is compared by identity
            targets=targets if len(chosen) == len(targets) else tuple(one for one, _ in chosen),
            requires=requires,
            required_by=tuple(
                sorted(set().union(*(asked_by[target][name] for target, _ in chosen)))
            ),
            files=_files(chosen, metadata),
            requires_python=requires_python,
        )
        for (name, version, requires, requires_python, index), chosen in sorted(
            groups.items(), key=lambda item: (item[0][0], Version(item[0][1]), *item[0][2:])
        )
    )
    return Lockfile(
        driver=driver,
        version=_version_of(driver, inputs.version_of, resolutions[0], inherited),
        inputs=inputs,
        targets=targets,
        packages=packages,
        inherited=tuple(
            replace(
                package,
                targets=on,
                required_by=tuple(
                    sorted(set().union(*(asked_by[target][package.name] for target in on)))
                ),
            )
            for package in inherited
            if (on := tuple(target for target in targets if target in package.targets))
        ),
    )


def _files(
    chosen: Iterable[tuple[Target, ResolvedFile]], metadata: Mapping[str, PublishedMetadata]
) -> tuple[LockedFile, ...]:
    targets: dict[tuple[str, str, int], list[Target]] = {}
    for target, file in chosen:
        key = (file.file, file.sha256, metadata[file.content].size)
        targets.setdefault(key, []).append(target)
    return tuple(
        LockedFile(name=name, size=size, sha256=sha256, targets=tuple(taking))
        for (name, sha256, size), taking in sorted(targets.items())
    )


def _version_of(
    driver: str, package: str, resolution: Resolution, inherited: tuple[LockedPackage, ...]
) -> str:
    """The version of the package that gives the driver its version."""
    for one in inherited:
        if one.name == package and resolution.target in one.targets:
            return one.version
    for file in resolution.files:
        if file.package == package:
            return file.version
    problem = Problem(
        key=f"drivers.{driver}.version-of",
        message=f"{package} gives the environment its version, but is not needed on {resolution.target}",
        hint="name another package in `version-of`",
    )
    raise UnsatisfiableError(problem)


def _requirers(
    inputs: Inputs,
    resolutions: tuple[Resolution, ...],
    metadata: Mapping[str, PublishedMetadata],
    inherited: tuple[LockedPackage, ...],
) -> dict[Target, dict[str, set[str]]]:
    """For every target and package, the packages that require it there."""
    asked_by: dict[Target, dict[str, set[str]]] = {}
    for resolution in resolutions:
        published = resolution.published(metadata, inherited)
        target = resolution.target
        there: dict[str, set[str]] = {name: set() for name in published}
        for edge in inputs.edges_on(target, published):
            # an extra that requires another extra of its own package adds nothing
            if edge.package in there and edge.package != edge.requirer:
                there[edge.package].add(edge.requirer or ".")
        asked_by[target] = there
    return asked_by
