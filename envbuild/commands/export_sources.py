"""What an export is made from: drivers of the manifest, lockfiles of the declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError, HostError, NoError, Problem, UsageError
from envbuild.launchers.files import read_subject
from envbuild.nearest_name import name_hint
from envbuild.value import replace

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Declaration, Driver
    from envbuild.launchers.fleet import Subject
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.store.manifest import Manifest


def subjects_of(
    manifest: Manifest, names: tuple[str, ...], declaration: Declaration | None, format_: str
) -> tuple[Subject, ...]:
    """The named drivers of the manifest, or all of them.

    NoError names every driver that is not built; HostError every path that is gone.
    With a declaration, each driver has to be in it.
    """
    known = [driver.name for driver in manifest.drivers]
    problems = [_not_built(name, known) for name in dict.fromkeys(names) if name not in known]
    if problems:
        raise NoError(problems)
    chosen = [driver for driver in manifest.drivers if not names or driver.name in names]
    declared = {driver.name: _declared(driver.name, declaration, format_) for driver in chosen}
    found: list[Subject] = []
    gone: list[Problem] = []
    for driver in chosen:
        try:
            found.append(read_subject(driver, declared[driver.name]))
        except EnvbuildError as error:
            gone += error.problems
    if gone:
        raise HostError(gone)
    return tuple(found)


def lockfile_for(folder: LockFolder, driver: str, target: str | None) -> tuple[Lockfile, str]:
    """A driver's lockfile, cut down to one target where one is named, and the file's digest.

    NoError where there is none; UsageError where it has no such target.
    """
    stored = folder.read(driver)
    if stored is None:
        message = f"{driver} has no lockfile"
        hint = f"run `envbuild lock {driver}`"
        raise NoError(Problem(file=folder.name(driver), message=message, hint=hint))
    if target is None:
        return stored.lockfile, stored.digest
    return _only(stored.lockfile, target), stored.digest


def _only(lockfile: Lockfile, name: str) -> Lockfile:
    chosen = tuple(target for target in lockfile.targets if str(target) == name)
    if not chosen:
        message = f"{lockfile.driver} is not locked for {name!r}"
        hint = f"there are: {', '.join(map(str, lockfile.targets))}"
        raise UsageError(Problem(key="--target", message=message, hint=hint))
    packages = tuple(
        replace(
            package,
            targets=chosen,
            files=tuple(
                replace(file, targets=chosen) for file in package.files if chosen[0] in file.targets
            ),
        )
        for package in lockfile.packages
        if chosen[0] in package.targets
    )
    return replace(lockfile, targets=chosen, packages=packages)


def _declared(name: str, declaration: Declaration | None, format_: str) -> Driver | None:
    if declaration is None:
        return None
    driver = declaration.driver(name)
    if driver is None:
        message = f"{name} is built but no longer declared, so its ranges are not known"
        hint = f"name the drivers to export, as in `envbuild export {format_} DRIVER`"
        raise NoError(Problem(file=declaration.file, message=message, hint=hint))
    return driver


def _not_built(name: str, known: list[str]) -> Problem:
    message = f"the current generation has no driver {name!r}, so there is no path to export"
    hint = f"run `envbuild sync {name}`, or correct the name; {name_hint(name, known)}"
    return Problem(message=message, hint=hint)
