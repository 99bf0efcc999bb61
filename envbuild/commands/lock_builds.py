"""Pin what building a driver's sources requires, with the driver's own resolver."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envbuild.backend.requirements import RequirementPinner
from envbuild.lockfile.builds import chosen_file, locked_build, needs_build, options_digest
from envbuild.lockfile.lockfile import LockedBuild, LockedFile
from envbuild.resolution.joint_request import joint_inputs_request
from envbuild.resolution.resolution import Pin
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.commands.lock_jobs import Job, Upgrade
    from envbuild.declaration.declaration import BuildOptions, Declaration
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.posix.workers import Workers
    from envbuild.resolution.resolution import MetadataSource, Resolver, ResolveRequest
    from envbuild.target.target import Target


class _Pinned(NamedTuple):
    """The build requirements of one package on one target."""

    package: LockedPackage
    target: Target
    requires: tuple[str, ...]
    files: tuple[LockedFile, ...]
    """Each for this target alone."""


@value
class BuildLocker:
    """Adds builds to lockfiles."""

    declaration: Declaration
    resolver: Resolver
    metadata: MetadataSource
    upgrade: Upgrade

    def with_builds(self, job: Job, lockfile: Lockfile, pool: Workers) -> Lockfile:
        """The lockfile with the build requirements of its sources, and the built wheels that still count.

        What the previous lockfile has stays, unless the declaration, the source or an upgrade changes it.
        """
        wanted = [
            (package, file, target)
            for package in lockfile.packages
            for file in package.files
            for target in file.targets
            if needs_build(file.name)
        ]
        if not wanted:
            return lockfile
        pinned = [pool.submit(self._pin, job, lockfile, *one) for one in wanted]
        found = _grouped((one.result() for one in pinned), self.declaration, lockfile.targets)
        made = replace(lockfile, builds=found)
        return replace(
            made, packages=tuple(_with_built(one, made, job.previous) for one in made.packages)
        )

    def _pin(
        self,
        job: Job,
        lockfile: Lockfile,
        package: LockedPackage,
        file: LockedFile,
        target: Target,
    ) -> _Pinned:
        options = self.declaration.build_of(package.name)
        before = _build_before(job.previous, package, file, target)
        if before is not None and self._stays(before, options, lockfile, target):
            files = tuple(
                replace(one, targets=(target,)) for one in before.files if target in one.targets
            )
            return _Pinned(package, target, before.requires, files)
        request = preferring(job, lockfile, before, target, self.upgrade)
        requires = self.metadata.build_requirements(chosen_file(package, file), request)
        pinner = RequirementPinner(resolve=self.resolver.resolve, fetch=self.metadata.fetch)
        chosen = pinner.pin(requires, options, request)
        files = tuple(
            LockedFile(name=one.file, size=one.size, sha256=one.sha256, targets=(target,))
            for one in chosen
        )
        return _Pinned(package, target, requires, files)

    def _stays(
        self, before: LockedBuild, options: BuildOptions, lockfile: Lockfile, target: Target
    ) -> bool:
        """Whether earlier pins of a build are kept."""
        if self.upgrade.everything or before.package in self.upgrade.packages:
            return False
        if (before.added, before.options) != (options.requires, options_digest(options)):
            return False
        versions = lockfile.versions_on(target)
        added = set(_names(options.requires))
        for name, version in versions_of(before.files, target):
            if name in self.upgrade.packages:
                return False
            if name in added and versions.get(name, version) != version:
                return False
        return True


def preferring(
    job: Job, lockfile: Lockfile, build: LockedBuild | None, target: Target, upgrade: Upgrade
) -> ResolveRequest:
    """The driver's request on a target; its pins are the driver's versions, then those of an earlier build."""
    own = lockfile.versions_on(target)
    if build is not None and not upgrade.everything:
        earlier = versions_of(build.files, target)
        own = {name: version for name, version in earlier if name not in upgrade.packages} | own
    pins = tuple(Pin(name=name, version=version) for name, version in sorted(own.items()))
    return joint_inputs_request((job.driver.name,), (job.inputs,), target, pins)


def _names(requires: Iterable[str]) -> Iterator[str]:
    from envbuild.requirement.parse import parse_requirement

    return (parse_requirement(text).name for text in requires)


def versions_of(files: Iterable[LockedFile], target: Target) -> Iterator[tuple[str, str]]:
    """Package and version of each wheel of a target."""
    from envbuild.target.wheel_choice import parse_wheel_name

    for file in files:
        if target in file.targets:
            name, version, *_ = parse_wheel_name(file.name)
            yield name, str(version)


def _build_before(
    previous: Lockfile | None, package: LockedPackage, file: LockedFile, target: Target
) -> LockedBuild | None:
    """The build of the same source in the previous lockfile."""
    if previous is None or target not in previous.targets:
        return None
    return next(
        (
            locked_build(previous, one, target)
            for one in previous.packages_for(target)
            if (one.name, one.version) == (package.name, package.version)
            and any(other.sha256 == file.sha256 and target in other.targets for other in one.files)
        ),
        None,
    )


def _grouped(
    pinned: Iterable[_Pinned], declaration: Declaration, targets: tuple[Target, ...]
) -> tuple[LockedBuild, ...]:
    """One build for each package and its targets with the same requirements, by name and version."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[_Pinned]] = {}
    for one in pinned:
        key = (one.package.name, one.package.version, one.requires)
        groups.setdefault(key, []).append(one)
    builds = []
    for (name, version, requires), members in sorted(groups.items()):
        options = declaration.build_of(name)
        taking = {one.target for one in members}
        builds.append(
            LockedBuild(
                package=name,
                version=version,
                targets=tuple(target for target in targets if target in taking),
                requires=requires,
                added=options.requires,
                options=options_digest(options),
                files=_merged((file for one in members for file in one.files), targets),
            )
        )
    return tuple(builds)


def _merged(files: Iterable[LockedFile], targets: tuple[Target, ...]) -> tuple[LockedFile, ...]:
    """Each file once, with all of its targets in order."""
    found: dict[tuple[str, str], list[LockedFile]] = {}
    for file in files:
        found.setdefault((file.name, file.sha256), []).append(file)
    return tuple(
        replace(
            same[0],
            targets=tuple(t for t in targets if any(t in one.targets for one in same)),
        )
        for _, same in sorted(found.items())
    )


def _with_built(
    package: LockedPackage, lockfile: Lockfile, previous: Lockfile | None
) -> LockedPackage:
    """The package with the wheels that were built from the same source in the same way."""
    if previous is None:
        return package
    kept: Mapping[tuple[str, str], list[LockedFile]]
    kept = {}
    for target in package.targets:
        for wheel in _built_before(package, target, lockfile, previous):
            kept.setdefault((wheel.name, wheel.sha256), []).append(
                replace(wheel, targets=(target,))
            )
    files = _merged((one for same in kept.values() for one in same), lockfile.targets)
    return replace(package, built=files) if files else package


def _built_before(
    package: LockedPackage, target: Target, lockfile: Lockfile, previous: Lockfile
) -> Iterator[LockedFile]:
    """The wheel of a target, if source and build requirements are what they were."""
    sources = {file.sha256 for file in package.files if target in file.targets}
    now = locked_build(lockfile, package, target)
    for before in previous.packages_for(target) if target in previous.targets else ():
        if (before.name, before.version) != (package.name, package.version):
            continue
        same = any(file.sha256 in sources and target in file.targets for file in before.files)
        then = locked_build(previous, before, target)
        if same and now is not None and then is not None and _is_same(now, then, target):
            yield from (wheel for wheel in before.built if target in wheel.targets)


def _is_same(one: LockedBuild, other: LockedBuild, target: Target) -> bool:
    """Whether two builds have the same key on a target."""
    files, others = (
        sorted(file.sha256 for file in build.files if target in file.targets)
        for build in (one, other)
    )
    return files == others and one.options == other.options
