"""`envbuild diff`: what was added, removed or changed, driver by driver."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.commands.revision import fleet_at
from envbuild.commands.selection import locked_and_not
from envbuild.environment.receipt import read_derivation
from envbuild.lockfile.difference import DriverDiff, compare_fleets, compare_installed
from envbuild.lockfile.known_files import NamedFile
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.git import Git
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.store.manifest import Manifest, ManifestDriver
    from envbuild.store.store import Store
    from envbuild.target.target import Host, Target


@value
class DiffResult:
    """The result of `envbuild diff`."""

    against: str
    """The revision as the user named it, or `generation N`."""

    drivers: tuple[DriverDiff, ...]
    not_locked: tuple[str, ...] = ()
    """The enabled drivers that have no lockfile yet."""


def diff_revision(
    declaration: Declaration,
    folder: LockFolder,
    git: Git,
    revision: str,
    declaration_name: str,
) -> DiffResult:
    """Compare the lockfiles in the folder with those of a revision."""
    now, missing = locked_and_not(declaration, folder)
    then = fleet_at(git, revision, declaration_name)
    before = {name: one for name, one in then.lockfiles.items() if name not in missing}
    drivers = compare_fleets(before, now)
    return DiffResult(against=revision, drivers=drivers, not_locked=missing)


def diff_installed(
    declaration: Declaration,
    folder: LockFolder,
    manifest: Manifest,
    host: Host,
    built_from: Callable[[ManifestDriver], tuple[NamedFile, ...]],
) -> DiffResult:
    """Compare the lockfiles in the folder with the current generation.

    `built_from` gives the files that a driver's environment was built from; none if unknown.
    """
    lockfiles, missing = locked_and_not(declaration, folder)
    diffs = [
        _installed(name, lockfile, manifest, host, built_from)
        for name, lockfile in lockfiles.items()
    ]
    gone = [
        DriverDiff(
            driver=driver.name,
            kind="removed",
            before=driver.version,
            after=None,
            changes=(),
            download=None,
        )
        for driver in manifest.drivers
        if driver.name not in lockfiles and driver.name not in missing
    ]
    against = f"generation {manifest.generation}"
    return DiffResult(against=against, drivers=(*diffs, *gone), not_locked=missing)


def _installed(
    name: str,
    lockfile: Lockfile,
    manifest: Manifest,
    host: Host,
    built_from: Callable[[ManifestDriver], tuple[NamedFile, ...]],
) -> DriverDiff:
    driver = manifest.driver(name)
    if driver is None:
        return DriverDiff(
            driver=name,
            kind="added",
            before=None,
            after=lockfile.version,
            changes=(),
            download=None,
        )
    target = _target_of(lockfile, driver.python_version, host)
    here = replace(target, python=driver.python_version, kernel=host.kernel)
    files = {named.package: (named.file, named.sha256) for named in built_from(driver)}
    return compare_installed(
        name, driver.version, dict(driver.packages), lockfile, target, files, here
    )


def _target_of(lockfile: Lockfile, python_version: str, host: Host) -> Target:
    """The target of an installed Python of this host; the nearest if there is none."""
    runs = [target for target in lockfile.targets if host.runs(target.platform)]
    same = [target for target in runs if f"{python_version}.".startswith(f"{target.python}.")]
    return (same or runs or list(lockfile.targets))[0]


def files_of_environment(store: Store, environment: str) -> tuple[NamedFile, ...]:
    """The files that an environment was built from; none if its receipt cannot be read.

    `verify` reports such a receipt.
    """
    receipt = store.receipt(Path(environment).name)
    try:
        files = read_derivation(receipt).files
        return tuple(NamedFile(one.package, one.version, one.file, one.sha256) for one in files)
    except (OSError, ValueError):
        return ()
