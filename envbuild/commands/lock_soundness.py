"""What a resolution has to be told so that what it locks holds together, and the last look before it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UnsatisfiableError
from envbuild.lockfile.soundness import judge_target
from envbuild.requirement.parse import is_open
from envbuild.resolution.known_packages import known_package
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.resolution.resolution import KnownPackage
    from envbuild.target.target import Target

KnownByTarget = dict["Target", tuple["KnownPackage", ...]]
"""What files say inside, for each target that a resolver is to believe it for."""

ROUNDS = 12
"""Resolutions that may each meet a version whose own words nobody had told it."""


def metadata_to_tell(
    lockfiles: Iterable[Lockfile], told: Mapping[Target, tuple[KnownPackage, ...]]
) -> KnownByTarget:
    """For each target with something unmet, what the packages that ask for it say inside.

    Where a package is there that nobody asks for, it is not known who had it brought: then all are told.
    There are two reasons why a resolver has not heard it: the target leaves a marker open,
    which a resolver decides for one host, and an index serves other metadata than its files hold.
    """
    found: KnownByTarget = {}
    for lockfile in lockfiles:
        for target in lockfile.targets:
            unmet = tuple(judge_target(lockfile, target))
            packages = lockfile.packages_for(target)
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
    """What still is unmet in lockfiles that are about to be written."""
    for lockfile in lockfiles:
        for target in lockfile.targets:
            for unmet in judge_target(lockfile, target):
                name = unmet.asker or unmet.package
                yield Problem(
                    message=f"what was resolved for {lockfile.driver} on {target} "
                    f"does not hold together: {unmet.message}",
                    key=f"drivers.{lockfile.driver}.requires",
                    hint=f"take another version of {name}, such as by "
                    f'constraints = ["{name}!=VERSION"], or declare an override',
                )


def explained(
    error: UnsatisfiableError, told: Mapping[Target, tuple[KnownPackage, ...]]
) -> UnsatisfiableError:
    """Why nothing satisfies a driver, where it was told what files say inside."""
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
            f"markers of {', '.join(names)} ask for different things on hosts of one target: "
            'name a patch release, such as python = ["3.12.4"], or declare an override'
        )
    else:
        names = sorted({f"{one.name} {one.version}" for known in told.values() for one in known})
        hint = (
            f"the files of {', '.join(names)} ask for more than their index says they do; "
            "take other versions, and tell who runs the index"
        )
    return UnsatisfiableError([replace(problem, hint=hint) for problem in error.problems])
