"""Make lockfiles from the resolutions of drivers, so that every requirement is satisfied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.lock_jobs import targets_of
from envbuild.conflicts.rules import coexist_problems
from envbuild.errors import IndexFailureError, Problem, UnsatisfiableError
from envbuild.lockfile.soundness import judge_target
from envbuild.requirement.parse import is_open
from envbuild.resolution.known_packages import known_package
from envbuild.resolution.merging import merge_resolutions
from envbuild.resolution.resolution import PublishedMetadata
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.commands.lock_jobs import Job, LockGroup, Upgrade
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.first_pins import FirstPin
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.progress import Progress
    from envbuild.resolution.resolution import (
        KnownPackage,
        MetadataSource,
        Resolution,
        ResolvedFile,
    )
    from envbuild.target.target import Target


@value
class Merger:
    """Merges the resolutions of drivers that are locked together."""

    declaration: Declaration
    metadata: MetadataSource
    progress: Progress
    resolve: Callable[[KnownByTarget], Mapping[Target, Resolution]]
    """Resolves targets again, each with the METADATA of the given files."""

    def merge_until_sound(
        self, group: LockGroup, resolutions: tuple[Resolution, ...], upgrade: Upgrade
    ) -> dict[str, Lockfile]:
        """Each driver's lockfile; targets with unsatisfied requirements are resolved again with their files' METADATA.

        UnsatisfiableError if that does not help, or if drivers could not be locked together.
        """
        locked = self._merge(group, resolutions, upgrade)
        told: KnownByTarget = {}
        for _ in range(ROUNDS):
            news = metadata_to_tell(locked.values(), told)
            if not news:
                break
            told |= {target: (*told.get(target, ()), *known) for target, known in news.items()}
            try:
                again = self.resolve({target: told[target] for target in news})
            except UnsatisfiableError as error:
                raise explained(error, told) from error
            resolutions = tuple(again.get(one.target, one) for one in resolutions)
            locked = self._merge(group, resolutions, upgrade)
        if problems := coexist_problems(self.declaration, locked):
            raise UnsatisfiableError(problems)
        if unsound := tuple(unsound_problems(locked.values())):
            raise UnsatisfiableError(unsound)
        return locked

    def _merge(
        self, group: LockGroup, resolutions: tuple[Resolution, ...], upgrade: Upgrade
    ) -> dict[str, Lockfile]:
        """Each driver's lockfile from the group's resolutions."""
        files = {file.content: file for resolution in resolutions for file in resolution.files}
        for job in group:
            self.progress.stage(job.driver.name, "reading the packages' own requirements")
            _check_hashes(job.first_pins, files.values())
        metadata = self._metadata(group, files, upgrade)
        locked: dict[str, Lockfile] = {}
        for job in group:
            wanted = targets_of(job.driver)
            own = tuple(one for one in resolutions if one.target in wanted)
            if len(group) > 1:
                from envbuild.resolution.joint_request import own_part

                own = tuple(
                    own_part(resolution, job.inputs, metadata, job.inherited) for resolution in own
                )
            locked[job.driver.name] = merge_resolutions(
                driver=job.driver.name,
                inputs=job.inputs,
                resolutions=tuple(sorted(own, key=lambda one: wanted.index(one.target))),
                metadata=metadata,
                inherited=job.inherited,
            )
        return locked

    def _metadata(
        self, group: LockGroup, files: Mapping[str, ResolvedFile], upgrade: Upgrade
    ) -> Mapping[str, PublishedMetadata]:
        """METADATA of the files; for one that a previous lockfile has it is not read again."""
        known = {
            content: metadata
            for job in group
            for content, metadata in _known_metadata(job, upgrade)
            if content in files
        }
        unknown = tuple(file for content, file in files.items() if content not in known)
        return {**known, **self.metadata.fetch(unknown)}


def _known_metadata(job: Job, upgrade: Upgrade) -> Iterator[tuple[str, PublishedMetadata]]:
    """Known METADATA of wheels from a driver's lockfile, by sha256; without packages that an upgrade names.

    `Requires-Python` is kept only for the lockfile's Pythons, so nothing is known for another Python.
    """
    previous = job.previous
    if previous is None:
        return
    if not {*job.inputs.pythons} <= {target.python for target in previous.targets}:
        return
    for package in previous.packages:
        if package.name in upgrade.packages:
            continue
        for file in (one for one in package.files if one.name.endswith(".whl")):
            yield (
                file.sha256,
                PublishedMetadata(
                    requires=package.requires,
                    size=file.size,
                    requires_python=package.requires_python,
                ),
            )


def _check_hashes(pins: Iterable[FirstPin], files: Iterable[ResolvedFile]) -> None:
    """IndexFailureError names every file of a pinned version whose hash is not among the pin's hashes."""
    known = {(pin.name, pin.version): pin.hashes for pin in pins if pin.hashes}
    problems = [
        Problem(
            message=f"the file {file.file} of the index does not match the imported hash",
            detail=f"imported: {', '.join(known[file.package, file.version])}\nnow: {file.sha256}",
            hint="find out who changed it; without locks/DRIVER.pins it is locked as it is now",
        )
        for file in files
        if (file.package, file.version) in known
        and file.sha256 not in known[file.package, file.version]
    ]
    if problems:
        raise IndexFailureError(problems)


KnownByTarget = dict["Target", tuple["KnownPackage", ...]]
"""METADATA that a resolver must use, for each target."""

ROUNDS = 12
"""The most resolutions, each of which may take a version whose METADATA is not known yet."""


def metadata_to_tell(
    lockfiles: Iterable[Lockfile], told: Mapping[Target, tuple[KnownPackage, ...]]
) -> KnownByTarget:
    """For each target with an unsatisfied requirement, the METADATA of the packages that have it.

    If a package is there that nothing requires, its origin is unknown, so all METADATA is given.
    A resolver can miss a requirement for two reasons: its marker is open on the target,
    and the resolver decides it for one host; or the index serves other METADATA than its files have.
    """
    found: KnownByTarget = {}
    for lockfile in lockfiles:
        for target in lockfile.targets:
            unmet = tuple(judge_target(lockfile, target))
            packages = tuple(one for one in lockfile.packages_for(target) if one.files)
            astray = not all(package.required_by for package in packages)
            if not unmet and not astray:
                continue
            askers = {one.asker for one in unmet}
            known = {(one.name, one.version) for one in told.get(target, ())}
            news = tuple(
                _known(package, target)
                for package in packages
                if (package.name, package.version) not in known
                and (astray or package.name in askers or any(map(is_open, package.requires)))
            )
            if news and (astray or askers & {one.name for one in news}):
                found[target] = tuple(dict.fromkeys((*found.get(target, ()), *news)))
    return found


def _known(package: LockedPackage, target: Target) -> KnownPackage:
    return known_package(package, next(file for file in package.files if target in file.targets))


def unsound_problems(lockfiles: Iterable[Lockfile]) -> Iterator[Problem]:
    """The unsatisfied requirements of lockfiles that are about to be written."""
    for lockfile in lockfiles:
        for target in lockfile.targets:
            for unmet in judge_target(lockfile, target):
                name = unmet.asker or unmet.package
                yield Problem(
                    message=f"the resolution of {lockfile.driver} on {target} "
                    f"is inconsistent: {unmet.message}",
                    key=f"drivers.{lockfile.driver}.requires",
                    hint=f"take another version of {name}, such as by "
                    f'constraints = ["{name}!=VERSION"], or declare an override',
                )


def explained(
    error: UnsatisfiableError, told: Mapping[Target, tuple[KnownPackage, ...]]
) -> UnsatisfiableError:
    """Why nothing satisfies a driver that was resolved with its files' METADATA."""
    texts = [text for known in told.values() for one in known for text in one.requires]
    if any(map(is_open, texts)):
        names = sorted(
            {
                one.name
                for known in told.values()
                for one in known
                if any(map(is_open, one.requires))
            }
        )
        hint = (
            f"markers of {', '.join(names)} have different results on hosts of one target: "
            'name a patch release, such as python = ["3.12.4"], or declare an override'
        )
    else:
        names = sorted({f"{one.name} {one.version}" for known in told.values() for one in known})
        hint = (
            f"the files of {', '.join(names)} have more requirements than their index says; "
            "use other versions, and tell the index's operator"
        )
    return UnsatisfiableError([replace(problem, hint=hint) for problem in error.problems])
