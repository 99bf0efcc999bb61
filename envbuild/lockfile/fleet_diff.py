"""What changes between two states of a fleet, driver by driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.changes import Change, compare_lockfiles, file_change
from envbuild.lockfile.soundness import packages_here
from envbuild.requirement.parse import parse_version
from envbuild.target.accelerator import all_kinds
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.target.target import Target


@value
class DriverDiff:
    """One driver, before and after."""

    driver: str
    kind: str
    """`added`, `removed`, `changed` or `same`."""

    before: str | None
    """The driver's version before; None where it is new."""

    after: str | None
    """The driver's version now; None where it is gone."""

    changes: tuple[Change, ...]
    """In name order."""

    download: int | None
    """By how many bytes the wheels of the first target grow; None where one side does not say."""

    @property
    def replaced(self) -> tuple[Change, ...]:
        """The changes of files that came back under their name with other bytes."""
        return tuple(change for change in self.changes if change.kind == "replaced")

    @property
    def accelerator(self) -> tuple[Change, ...]:
        """The changes of packages that belong to an accelerator."""
        return tuple(change for change in self._moved if is_accelerator(change.package))

    @property
    def major(self) -> tuple[Change, ...]:
        """The other changes that move to another major version."""
        return tuple(
            change
            for change in self._moved
            if is_major(change) and not is_accelerator(change.package)
        )

    @property
    def minor(self) -> tuple[Change, ...]:
        """All that is left."""
        return tuple(
            change
            for change in self._moved
            if not is_major(change) and not is_accelerator(change.package)
        )

    @property
    def _moved(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.kind != "replaced")


def is_accelerator(package: str) -> bool:
    """Whether a package belongs to an accelerator: its moves touch drivers and kernels."""
    return any(kind.owns(package) for kind in all_kinds())


def is_major(change: Change) -> bool:
    """Whether a moved package's newest version has another epoch or first number than before."""
    if not change.before or not change.after:
        return False
    before, after = (max(map(parse_version, side)) for side in (change.before, change.after))
    return (before.epoch, before.major) != (after.epoch, after.major)


def compare_fleets(
    before: Mapping[str, Lockfile], after: Mapping[str, Lockfile]
) -> tuple[DriverDiff, ...]:
    """Every driver of either side, those of now first."""
    names = [*after, *(name for name in before if name not in after)]
    return tuple(compare_driver(name, before.get(name), after.get(name)) for name in names)


def compare_driver(driver: str, before: Lockfile | None, after: Lockfile | None) -> DriverDiff:
    """One driver; of one that is gone every package counts as removed."""
    if after is None:
        assert before is not None
        return DriverDiff(
            driver=driver,
            kind="removed",
            before=before.version,
            after=None,
            changes=(),
            download=-download_size(before),
        )
    changes = compare_lockfiles(before, after)
    kind = "added" if before is None else "changed" if before != after else "same"
    return DriverDiff(
        driver=driver,
        kind=kind,
        before=before.version if before is not None else None,
        after=after.version,
        changes=changes if before is not None else (),
        download=download_size(after) - (download_size(before) if before is not None else 0),
    )


def compare_installed(
    driver: str,
    version: str,
    packages: Mapping[str, str],
    lockfile: Lockfile,
    target: Target,
    files: Mapping[str, tuple[str, str]],
    here: Target,
) -> DriverDiff:
    """What syncing a lockfile would change in what is installed for one of its targets.

    `here` is the target as this host is it; `files` are the file and sha256
    that each package was installed from, as far as that is known.
    """
    needed = packages_here(lockfile, target, here)
    locked = {package.name: package.version for package in needed}
    changes = [
        Change(
            package=name,
            before=(packages[name],) if name in packages else (),
            after=(locked[name],) if name in locked else (),
        )
        for name in sorted({*packages, *locked})
        if packages.get(name) != locked.get(name)
    ]
    for package in needed:
        for file in package.files:
            was = files.get(package.name, (file.name, file.sha256))
            same = packages.get(package.name) == package.version and target in file.targets
            if same and was[1] != file.sha256:
                now = (file.name, file.sha256)
                changes.append(file_change(package.name, package.version, was, now))
    return DriverDiff(
        driver=driver,
        kind="changed" if changes else "same",
        before=version,
        after=lockfile.version,
        changes=tuple(changes),
        download=None,
    )


def download_size(lockfile: Lockfile) -> int:
    """The wheels of the lockfile's first target, in bytes."""
    target = lockfile.targets[0]
    return sum(
        file.size
        for package in lockfile.packages_for(target)
        for file in package.files
        if target in file.targets
    )
