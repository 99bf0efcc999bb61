"""Record in a lockfile which commands and modules its packages provide, as far as its driver needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import UsageError
from envbuild.lockfile.provided_commands import command_problems, packages_to_look_at
from envbuild.lockfile.runnable_modules import module_problem, record_modules
from envbuild.resolution.resolution import ResolvedFile
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.commands.lock_jobs import Job
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.resolution.resolution import MetadataSource


def record_commands(
    job: Job, lockfile: Lockfile, files: Mapping[str, ResolvedFile], metadata: MetadataSource
) -> Lockfile:
    """The lockfile with the commands of the packages that had to be read.

    `files` has by sha256 the wheels as a resolution saw them.
    Wheels that the previous lockfile knows are not read again.
    """
    known, given = _known(job.previous), lockfile
    lockfile = replace(
        lockfile,
        packages=tuple(
            one if one.commands is None else replace(one, commands=None)
            for one in lockfile.packages
        ),
    )
    while packages := packages_to_look_at(job.driver, lockfile):
        asked = {one.files[0].sha256: _first_file(one, files) for one in packages}
        unknown = tuple(file for sha256, file in asked.items() if sha256 not in known)
        if unknown:
            known |= metadata.commands(unknown)
        lockfile = replace(
            lockfile,
            packages=tuple(
                replace(one, commands=known[one.files[0].sha256]) if one in packages else one
                for one in lockfile.packages
            ),
        )
    return given if lockfile.packages == given.packages else lockfile


def with_commands(
    job: Job,
    lockfile: Lockfile,
    files: Mapping[str, ResolvedFile],
    metadata: MetadataSource,
    declared_in: str,
) -> Lockfile:
    """The lockfile with the commands and the module that its driver needs; UsageError if they are missing."""
    lockfile = record_commands(job, lockfile, files, metadata)
    lockfile = _with_module(job, lockfile, files, metadata)
    problems = (
        *command_problems(job.driver, lockfile, declared_in),
        *module_problem(job.driver, lockfile, declared_in),
    )
    if problems:
        raise UsageError(problems)
    return lockfile


def _with_module(
    job: Job, lockfile: Lockfile, files: Mapping[str, ResolvedFile], metadata: MetadataSource
) -> Lockfile:
    module = job.driver.module
    before = job.previous.packages if job.previous is not None else ()
    known = {one.files[0].sha256 for one in before if module in one.modules}

    def having(packages: tuple[LockedPackage, ...]) -> frozenset[str]:
        wheels = dict.fromkeys(_first_file(one, files) for one in packages)
        return metadata.having(tuple(wheels), module or "")

    found = record_modules(job.driver, lockfile, known, having)
    return lockfile if found.packages == lockfile.packages else found


def refuse_missing_commands(jobs: Iterable[Job], declaration: Declaration) -> None:
    """UsageError if a fresh lockfile lacks a command of the driver."""
    problems = [
        problem
        for job in jobs
        if job.previous is not None and not job.reasons
        for problem in command_problems(job.driver, job.previous, declaration.file)
    ]
    if problems:
        raise UsageError(problems)


def _known(previous: Lockfile | None) -> dict[str, tuple[str, ...]]:
    return {
        package.files[0].sha256: package.commands
        for package in (previous.packages if previous is not None else ())
        if package.commands is not None
    }


def _first_file(package: LockedPackage, files: Mapping[str, ResolvedFile]) -> ResolvedFile:
    """One wheel of a package, for its commands; without an address if no resolution saw it."""
    file = package.files[0]
    unseen = ResolvedFile(
        package=package.name,
        version=package.version,
        file=file.name,
        url="",
        sha256=file.sha256,
        indexes=((package.index, (package.name,)),),
    )
    return files.get(file.sha256, unseen)
