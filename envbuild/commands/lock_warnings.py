"""Warnings from indexes about a new lockfile: yanked releases, missing extras, passed-over versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.lockfile import HeldBack
from envbuild.lockfile.warnings import (
    PRE_RELEASE,
    change_hint,
    held_back_text,
    may_be_yanked,
    unmentioned_extras,
    yank_reason,
    yanked_text,
)
from envbuild.requirement.parse import admits, parse_requirement, parse_version
from envbuild.resolution.resolution import locked_choice
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.errors import EnvbuildError
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.resolution.resolution import LockedChoice, MetadataSource


def note_yanked(
    locked: dict[str, Lockfile], previous: Mapping[str, Lockfile], metadata: MetadataSource
) -> dict[str, Lockfile]:
    """The lockfiles with the releases that their indexes have yanked."""
    asked = {
        driver: may_be_yanked(lockfile, previous.get(driver))
        for driver, lockfile in locked.items()
        if not _has_same_pins(lockfile, previous.get(driver))
    }
    choices = {
        choice: None
        for driver, lockfile in locked.items()
        for package in lockfile.packages
        if package.name in asked.get(driver, ())
        for choice in _choices(package)
    }
    found = metadata.yanked(tuple(choices)) if choices else {}
    return {driver: _with_reasons(lockfile, found) for driver, lockfile in locked.items()}


def _has_same_pins(lockfile: Lockfile, previous: Lockfile | None) -> bool:
    """Whether the pins are the previous ones, which were revalidated."""
    return previous is not None and lockfile.packages is previous.packages


def doubts(
    previous: Lockfile | None, locked: Lockfile | None, metadata: MetadataSource
) -> tuple[str, ...]:
    """Warnings about yanked releases and missing extras.

    A lockfile that stays (None as the new one) only repeats its own.
    """
    lockfile = locked or previous
    if lockfile is None:
        return ()
    told = () if locked is None else _missing_extras(locked, metadata)
    return (*_yanked_texts(lockfile), *told)


def unused_sources(
    declaration: Declaration, lockfiles: Mapping[str, Lockfile]
) -> dict[str, tuple[str, ...]]:
    """For each driver, a warning about every source that no lockfile has a package of.

    A source that several drivers share is reported once; if one of them has no lockfile, nothing is known.
    """
    found: dict[str, tuple[str, ...]] = {}
    for source in declaration.sources:
        sharing = [
            driver.name
            for driver in declaration.drivers
            if driver.enabled and any(one.origin == source.origin for one in driver.sources)
        ]
        known = [lockfiles[name] for name in sharing if name in lockfiles]
        used = any(one.index == source.origin for lockfile in known for one in lockfile.packages)
        if known and len(known) == len(sharing) and not used:
            words = (
                f"nothing requires {source.package}, whose source is declared on line {source.line}"
            )
            found[sharing[0]] = (*found.get(sharing[0], ()), words)
    return found


def _missing_extras(lockfile: Lockfile, metadata: MetadataSource) -> Iterator[str]:
    doubtful = tuple(unmentioned_extras(lockfile))
    choices = tuple(choice for package, _, _ in doubtful for choice in _choices(package)[:1])
    provided = metadata.extras(tuple(dict.fromkeys(choices))) if choices else {}
    for (package, extra, asker), choice in zip(doubtful, choices, strict=True):
        if choice.sha256 in provided and extra not in provided[choice.sha256]:
            name = f"{package.name} {package.version}"
            yield f"{name} has no extra '{extra}', which {asker} requests"


def _yanked_texts(lockfile: Lockfile) -> Iterator[str]:
    """The warning for each yanked release in a lockfile."""
    return (yanked_text(package) for package in lockfile.packages if package.yanked is not None)


def _choices(package: LockedPackage) -> tuple[LockedChoice, ...]:
    return tuple(locked_choice(package, file, file.targets[0]) for file in package.files)


def _with_reasons(lockfile: Lockfile, yanked: Mapping[str, str]) -> Lockfile:
    """The lockfile with each package's reason; a package is yanked if one of its files is."""
    if not yanked:
        return lockfile
    return replace(lockfile, packages=tuple(_judged(lockfile.packages, yanked)))


def _judged(
    packages: Iterable[LockedPackage], yanked: Mapping[str, str]
) -> Iterator[LockedPackage]:
    for package in packages:
        reasons = [yanked[file.sha256] for file in package.files if file.sha256 in yanked]
        yield replace(package, yanked=yank_reason(reasons[0])) if reasons else package


_SIDE_BY_SIDE = 4


def note_held_back(
    locked: dict[str, Lockfile], previous: Mapping[str, Lockfile], metadata: MetadataSource
) -> dict[str, Lockfile]:
    """The lockfiles with passed-over versions; reusable pins are not asked about."""
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
    """The error of a failed lock, with the versions that were passed over."""
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
    """Whether the driver's current ranges still admit the passed-over version."""
    version = held.passed_over or held.locked
    inputs = lockfile.inputs
    wanted = map(parse_requirement, (*inputs.all_requires, *inputs.constraints))
    return all(admits(one.specifier, version) for one in wanted if one.name == held.package)


def unasked_pre_releases(lockfile: Lockfile) -> Iterator[HeldBack]:
    """The locked pre-releases that no range names."""
    inputs = lockfile.inputs
    texts = [*inputs.all_requires, *inputs.constraints, *inputs.overrides]
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
    """Whether a range names a pre-release (PEP 440)."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return bool(SpecifierSet(specifier).prereleases)
    except InvalidSpecifier:
        return False
