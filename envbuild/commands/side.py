"""A side of a comparison: the packages of a driver at a generation, at a git revision, or as they are locked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.commands.revision import fleet_at
from envbuild.environment.installed import read_distributions
from envbuild.environment.receipt import parse_receipt
from envbuild.errors import HostError, Problem, UsageError
from envbuild.lockfile.lockfile import LockedFile, LockedPackage
from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.lockfile.git import Git
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.store.manifest import Manifest
    from envbuild.store.store import Store
    from envbuild.target.target import Target


@value
class LockedSide:
    """The packages of a driver on one target."""

    words: str
    """What it is, such as `generation 3`."""

    packages: tuple[LockedPackage, ...]
    requires: tuple[str, ...] = ()
    """The driver's own requirements; empty if unknown."""


def side_of_lockfile(words: str, lockfile: Lockfile, target: Target) -> LockedSide:
    """What a lockfile has for a target; UsageError if it is not locked for it."""
    if target not in lockfile.targets:
        message = f"{words} has no lockfile of {lockfile.driver} for {target}"
        raise UsageError(
            Problem(message=message, hint="name a generation or a revision that has it")
        )
    return LockedSide(
        words=words,
        packages=lockfile.packages_for(target),
        requires=lockfile.inputs.requires_on(target),
    )


def side_at_revision(
    git: Git, revision: str, declaration_name: str, driver: str, target: Target
) -> LockedSide:
    """What a driver had locked at a git revision; UsageError if it was not."""
    lockfile = fleet_at(git, revision, declaration_name).lockfiles.get(driver)
    if lockfile is None:
        message = f"{driver} has no lockfile at {revision}"
        raise UsageError(
            Problem(message=message, hint="name a generation or a revision that has it")
        )
    return side_of_lockfile(f"revision {revision}", lockfile, target)


def side_of_generation(store: Store, number: int, driver: str, target: Target) -> LockedSide:
    """What a driver's environment of a generation was built from.

    UsageError if the generation does not have it, HostError if the environment is gone.
    """
    manifest = _manifest(store, number)
    entry = manifest.driver(driver)
    if entry is None:
        message = f"generation {number} does not have {driver}"
        raise UsageError(Problem(message=message, hint="`envbuild history` lists the generations"))
    environment = Path(entry.environment)
    receipt = store.receipt(environment.name)
    try:
        files = parse_receipt(receipt.read_text(), file=str(receipt)).derivation.files
    except (OSError, ValueError) as error:
        message = f"the environment of generation {number} cannot be read: {error}"
        raise HostError(Problem(file=str(receipt), message=message)) from error
    requires = {one.name: one.requires for one in read_distributions(environment)}
    return LockedSide(
        words=f"generation {number}",
        packages=tuple(
            LockedPackage(
                name=file.package,
                version=file.version,
                index=file.index,
                targets=(target,),
                requires=requires.get(file.package, ()),
                required_by=(),
                files=(
                    LockedFile(
                        name=file.file, size=file.size, sha256=file.sha256, targets=(target,)
                    ),
                ),
            )
            for file in files
        ),
    )


def _manifest(store: Store, number: int) -> Manifest:
    manifest = store.read_generation(number)
    if manifest is None:
        message = f"there is no generation {number}"
        raise UsageError(Problem(message=message, hint="`envbuild history` lists the generations"))
    return manifest
