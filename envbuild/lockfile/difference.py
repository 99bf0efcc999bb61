"""The difference between two states: of a lockfile, of a fleet, and of installed packages."""

from __future__ import annotations

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedFile, Lockfile
    from envbuild.target.target import Target


@value
class FileChange:
    """Two files of one version: the one before, and the one now."""

    package: str
    """Normalised (PEP 503)."""

    version: str
    name: str
    """The name of the file that is taken now."""

    was: str
    """The name of the file that was taken before."""

    before: str
    """The sha256 of the file that was taken before."""

    after: str


@value
class Change:
    """A package whose locked versions differ, or a version whose locked file does."""

    package: str
    before: tuple[str, ...]
    """The versions locked before, over all targets, in order; empty if it is new."""

    after: tuple[str, ...]
    """The versions locked now; empty if it was removed."""

    file: FileChange | None = None
    """The file that differs, if the version is the same on both sides."""

    @property
    def kind(self) -> str:
        """`added`, `removed` or `moved`; of a file `replaced`, or `refiled` under another name."""
        if self.file is not None:
            return "replaced" if self.file.name == self.file.was else "refiled"
        if not self.before:
            return "added"
        return "moved" if self.after else "removed"


@value
class DriverDiff:
    """A driver, before and after."""

    driver: str
    kind: str
    """`added`, `removed`, `changed` or `same`."""

    before: str | None
    """The driver's version before; None if it is new."""

    after: str | None
    """The driver's version now; None if it was removed."""

    changes: tuple[Change, ...]
    """Ordered by name."""

    download: int | None
    """How many bytes the wheels of the first target grow; None if one side is unknown."""

    @property
    def versions(self) -> str:
        """`1.0 → 2.0`, or the one that there is."""
        sides = dict.fromkeys(version for version in (self.before, self.after) if version)
        return " → ".join(sides)

    @property
    def replaced(self) -> tuple[Change, ...]:
        """The changes of files that have the same name and other content."""
        return tuple(change for change in self.changes if change.kind == "replaced")

    @property
    def accelerator(self) -> tuple[Change, ...]:
        """The changes of packages that belong to an accelerator kind."""
        return tuple(change for change in self._moved if is_accelerator(change.package))

    @property
    def major(self) -> tuple[Change, ...]:
        """The other changes to another major version."""
        return tuple(
            change
            for change in self._moved
            if is_major(change) and not is_accelerator(change.package)
        )

    @property
    def minor(self) -> tuple[Change, ...]:
        """All other changes."""
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
    from envbuild.target.accelerator import all_kinds

    return any(kind.owns(package) for kind in all_kinds())


def is_major(change: Change) -> bool:
    """Whether the newest version has another epoch or first number than before."""
    if not change.before or not change.after:
        return False
    from envbuild.requirement.parse import parse_version

    before, after = (max(map(parse_version, side)) for side in (change.before, change.after))
    return (before.epoch, before.major) != (after.epoch, after.major)


def compare_lockfiles(before: Lockfile | None, after: Lockfile) -> tuple[Change, ...]:
    """Every package whose versions differ and every file that does within a version, in name order."""
    old = _versions(before) if before is not None else {}
    new = _versions(after)
    moved = (
        Change(package=name, before=old.get(name, ()), after=new.get(name, ()))
        for name in {*old, *new}
        if old.get(name) != new.get(name)
    )
    files = dict.fromkeys(_file_changes(before, after)) if before is not None else {}
    return tuple(sorted((*moved, *files), key=_place))


def _place(change: Change) -> tuple[str, str]:
    return change.package, change.file.name if change.file is not None else ""


def _versions(lockfile: Lockfile) -> dict[str, tuple[str, ...]]:
    versions: dict[str, tuple[str, ...]] = {}
    for package in lockfile.every_package:
        known = versions.get(package.name, ())
        if package.version not in known:
            versions[package.name] = (*known, package.version)
    return versions


def _file_changes(before: Lockfile, after: Lockfile) -> Iterator[Change]:
    old = _files(before)
    for key, now in _files(after).items():
        was = old.get(key, now)
        if was.sha256 != now.sha256:
            yield file_change(key[0], key[1], (was.name, was.sha256), (now.name, now.sha256))


def file_change(
    package: str, version: str, before: tuple[str, str], after: tuple[str, str]
) -> Change:
    """The change of a version's file; each side is its name and its sha256."""
    file = FileChange(
        package=package,
        version=version,
        name=after[0],
        was=before[0],
        before=before[1],
        after=after[1],
    )
    return Change(package=package, before=(version,), after=(version,), file=file)


def _files(lockfile: Lockfile) -> dict[tuple[str, str, Target], LockedFile]:
    """The file of each package, version and target."""
    return {
        (package.name, package.version, target): file
        for package in lockfile.packages
        for file in package.files
        for target in file.targets
    }


def compare_fleets(
    before: Mapping[str, Lockfile], after: Mapping[str, Lockfile]
) -> tuple[DriverDiff, ...]:
    """Every driver of either side; current ones first."""
    names = [*after, *(name for name in before if name not in after)]
    return tuple(compare_driver(name, before.get(name), after.get(name)) for name in names)


def compare_driver(driver: str, before: Lockfile | None, after: Lockfile | None) -> DriverDiff:
    """One driver; all packages of a removed driver count as removed."""
    if after is None:
        assert before is not None
        return DriverDiff(
            driver=driver,
            kind="removed",
            before=before.version,
            after=None,
            changes=(),
            download=-before.size_on(before.targets[0]),
        )
    changes = compare_lockfiles(before, after)
    size = after.size_on(after.targets[0])
    if before is not None:
        size -= before.size_on(before.targets[0])
    kind = "added" if before is None else "changed" if before != after else "same"
    return DriverDiff(
        driver=driver,
        kind=kind,
        before=before.version if before is not None else None,
        after=after.version,
        changes=changes if before is not None else (),
        download=size,
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
    """The changes that a sync of a lockfile would make to the installed packages of a target.

    `here` is the target with this host's Python and kernel; `files` are the file and sha256
    that each package was installed from, if known.
    """
    from envbuild.lockfile.soundness import packages_here

    needed = packages_here(lockfile, target, here)
    locked = {package.name: package.version for package in needed}
    changes = [*moved_packages(packages, locked)]
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


def moved_packages(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """The packages of two environments whose versions differ, in name order."""
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Change(
                package=name,
                before=(before[name],) if name in before else (),
                after=(after[name],) if name in after else (),
            )
