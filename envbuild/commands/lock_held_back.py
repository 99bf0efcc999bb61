"""Ask what of a driver's own requirements is held back, and keep it with what was locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.held_back import PRE_RELEASE, change_hint, held_back_text
from envbuild.lockfile.lockfile import HeldBack
from envbuild.requirement.parse import admits, parse_requirement, parse_version
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.errors import EnvbuildError
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.resolution.resolution import MetadataSource

_SIDE_BY_SIDE = 4


def note_held_back(
    locked: dict[str, Lockfile], previous: Mapping[str, Lockfile], metadata: MetadataSource
) -> dict[str, Lockfile]:
    """The lockfiles, with what was passed over for each; nothing is asked about pins that stand."""
    from envbuild.posix.workers import Workers

    with Workers(_SIDE_BY_SIDE, thread_name_prefix="held-back") as pool:
        looking = {
            driver: pool.submit(_held_back, lockfile, previous.get(driver), metadata)
            for driver, lockfile in locked.items()
        }
        return {
            driver: replace(locked[driver], held_back=future.result())
            for driver, future in looking.items()
        }


def with_held_back(
    error: EnvbuildError, lockfile: Lockfile, metadata: MetadataSource
) -> EnvbuildError:
    """The error of what could not be locked as it was resolved, with what was passed over for it."""
    held = metadata.held_back(lockfile)
    if not held:
        return error
    told = "\n".join(f"note: {held_back_text(one)}" for one in held)
    hints = "; ".join(dict.fromkeys(change_hint(one.reason, one.blockers) for one in held))
    return error.with_problems(
        replace(
            problem,
            detail="\n".join(filter(None, (problem.detail, told))),
            hint="; ".join(filter(None, (hints, problem.hint))),
        )
        for problem in error.problems
    )


def _held_back(
    lockfile: Lockfile, previous: Lockfile | None, metadata: MetadataSource
) -> tuple[HeldBack, ...]:
    if previous is not None and lockfile.packages is previous.packages:
        return tuple(held for held in previous.held_back if _is_asked(held, lockfile))
    found = (*metadata.held_back(lockfile), *unasked_pre_releases(lockfile))
    return tuple(sorted(found, key=lambda held: (held.package, held.reason, held.locked)))


def _is_asked(held: HeldBack, lockfile: Lockfile) -> bool:
    """Whether the driver's ranges, which may be others now, still admit what was passed over."""
    version = held.passed_over or held.locked
    inputs = lockfile.inputs
    wanted = map(parse_requirement, (*inputs.requires, *inputs.constraints))
    return all(admits(one.specifier, version) for one in wanted if one.name == held.package)


def unasked_pre_releases(lockfile: Lockfile) -> Iterator[HeldBack]:
    """The locked pre-releases whose range nobody wrote with one in it."""
    inputs = lockfile.inputs
    texts = [*inputs.requires, *inputs.constraints, *inputs.overrides]
    texts += [text for package in lockfile.packages for text in package.requires]
    early = [one for one in lockfile.packages if parse_version(one.version).is_prerelease]
    if not early:
        return
    asked = {one.name for one in map(parse_requirement, texts) if _asks_for_one(one.specifier)}
    for package in early:
        if package.name not in asked:
            yield HeldBack(
                package=package.name,
                locked=package.version,
                passed_over=None,
                reason=PRE_RELEASE,
                blockers=(package.name,),
                targets=package.targets,
            )


def _asks_for_one(specifier: str) -> bool:
    """Whether a range names a pre-release, as PEP 440 has it."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return bool(SpecifierSet(specifier).prereleases)
    except InvalidSpecifier:
        return False
