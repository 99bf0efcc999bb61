"""Whether a lockfile holds together: every requirement met, one file a package and target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import Code, Finding
from envbuild.lockfile.lines import package_line
from envbuild.lockfile.soundness import Asked, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.lockfile.soundness import Unmet
    from envbuild.target.target import Target

_HINT = "run `envbuild lock` and commit what it writes"


def asked_by(lockfile: Lockfile) -> Asked:
    """What a lockfile's driver asks for."""
    inputs = lockfile.inputs
    return Asked(
        driver=lockfile.driver,
        requires=inputs.requires,
        constraints=inputs.constraints,
        overrides=inputs.overrides,
    )


def judge_target(lockfile: Lockfile, target: Target) -> Iterator[Unmet]:
    """Everything unmet on one of a lockfile's targets."""
    packages = (
        package
        for package in lockfile.packages
        if package.targets is lockfile.targets or target in package.targets
    )
    return judge(asked_by(lockfile), packages, target)


def unsound_reasons(lockfile: Lockfile) -> tuple[str, ...]:
    """Why a lockfile does not hold together, one sentence each; empty where it does."""
    found = (
        unmet.message for target in lockfile.targets for unmet in judge_target(lockfile, target)
    )
    return tuple(dict.fromkeys(found))


def check_soundness(lockfile: Lockfile, file: str) -> tuple[Finding, ...]:
    """What is wrong with a lockfile that could be read, each thing once over all targets."""
    found: list[Finding] = []
    for package in lockfile.packages:
        found += _file_findings(lockfile, package, file)
    for target in lockfile.targets:
        found += _target_findings(lockfile, target, file)
    return tuple(dict.fromkeys(found))


def _file_findings(lockfile: Lockfile, package: LockedPackage, file: str) -> Iterator[Finding]:
    if len(package.files) == 1 and package.files[0].targets is package.targets:
        return
    for target in package.targets:
        files = sum(target in locked.targets for locked in package.files)
        if files != 1:
            message = f"{package.name} {package.version} has {files} files for {target}, not one"
            line = package_line(lockfile, package.name, package.version)
            yield _finding(Code.INCOMPLETE_LOCKFILE, lockfile, message, file, line)


def _target_findings(lockfile: Lockfile, target: Target, file: str) -> Iterator[Finding]:
    names = [package.name for package in lockfile.packages if target in package.targets]
    if len(set(names)) != len(names):
        message = f"a package is locked twice for {target}"
        yield _finding(Code.INCOMPLETE_LOCKFILE, lockfile, message, file, None)
    for unmet in judge_target(lockfile, target):
        code = Code.INCOMPLETE_LOCKFILE if unmet.missing else Code.UNMET_REQUIREMENT
        place = unmet.asker if unmet.missing or unmet.package == "python" else unmet.package
        line = package_line(lockfile, place) if place else None
        yield _finding(code, lockfile, unmet.message, file, line)


def _finding(code: Code, lockfile: Lockfile, message: str, file: str, line: int | None) -> Finding:
    return Finding(
        code=code, subject=lockfile.driver, message=message, path=file, hint=_HINT, line=line
    )
