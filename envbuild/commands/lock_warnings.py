"""Ask indexes about what a new lockfile holds and had better not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.warnings import may_be_yanked, unmentioned_extras, yank_reason, yanked_text
from envbuild.resolution.resolution import locked_choice
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.resolution.resolution import LockedChoice, MetadataSource


def note_yanked(
    locked: dict[str, Lockfile], previous: Mapping[str, Lockfile], metadata: MetadataSource
) -> dict[str, Lockfile]:
    """The lockfiles, with what their indexes have withdrawn of what is pinned in them."""
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
    """Whether the pins are those of the lockfile before, which were looked at to see whether they stand."""
    return previous is not None and lockfile.packages is previous.packages


def doubts(
    previous: Lockfile | None, locked: Lockfile | None, metadata: MetadataSource
) -> tuple[str, ...]:
    """What is said of what is yanked, and of extras that their package does not have.

    Of a lockfile that stays as it is, None as the new one, only what it says itself.
    """
    lockfile = locked or previous
    if lockfile is None:
        return ()
    told = () if locked is None else _missing_extras(locked, metadata)
    return (*_yanked_texts(lockfile), *told)


def _missing_extras(lockfile: Lockfile, metadata: MetadataSource) -> Iterator[str]:
    doubtful = tuple(unmentioned_extras(lockfile))
    choices = tuple(choice for package, _, _ in doubtful for choice in _choices(package)[:1])
    provided = metadata.extras(tuple(dict.fromkeys(choices))) if choices else {}
    for (package, extra, asker), choice in zip(doubtful, choices, strict=True):
        if choice.sha256 in provided and extra not in provided[choice.sha256]:
            name = f"{package.name} {package.version}"
            yield f"{name} has no extra '{extra}', which {asker} asks for"


def _yanked_texts(lockfile: Lockfile) -> Iterator[str]:
    """What is said of each release in a lockfile that its index has withdrawn."""
    return (yanked_text(package) for package in lockfile.packages if package.yanked is not None)


def _choices(package: LockedPackage) -> tuple[LockedChoice, ...]:
    return tuple(locked_choice(package, file, file.targets[0]) for file in package.files)


def _with_reasons(lockfile: Lockfile, yanked: Mapping[str, str]) -> Lockfile:
    """The lockfile with each package's reason; a package counts as yanked where one of its files is."""
    if not yanked:
        return lockfile
    return replace(lockfile, packages=tuple(_judged(lockfile.packages, yanked)))


def _judged(
    packages: Iterable[LockedPackage], yanked: Mapping[str, str]
) -> Iterator[LockedPackage]:
    for package in packages:
        reasons = [yanked[file.sha256] for file in package.files if file.sha256 in yanked]
        yield replace(package, yanked=yank_reason(reasons[0])) if reasons else package
