"""What one lockfile has that another has not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias

    from envbuild.lockfile.lockfile import LockedFile, Lockfile
    from envbuild.target.target import Target

    Known: TypeAlias = Mapping[str, frozenset[str]]
    """File name → every sha256 under which it is locked."""


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
    """The versions locked before, over all targets, in order; empty where it is new."""

    after: tuple[str, ...]
    """The versions locked now; empty where it is gone."""

    file: FileChange | None = None
    """The file that differs where the version, which both sides then name, is the same."""

    @property
    def kind(self) -> str:
        """`added`, `removed` or `moved`; of a file `replaced`, or `refiled` under another name."""
        if self.file is not None:
            return "replaced" if self.file.name == self.file.was else "refiled"
        if not self.before:
            return "added"
        return "moved" if self.after else "removed"


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
    for package in lockfile.packages:
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


class NamedFile(NamedTuple):
    """A file of a package, as a lockfile or a resolution names it."""

    package: str
    """Normalised (PEP 503)."""

    version: str
    file: str
    """The file's name."""

    sha256: str


def files_of(lockfile: Lockfile) -> Iterator[NamedFile]:
    """Every file of a lockfile."""
    for package in lockfile.packages:
        for file in package.files:
            yield NamedFile(package.name, package.version, file.name, file.sha256)


def known_files(lockfiles: Iterable[Lockfile]) -> Known:
    """What lockfiles hold; drivers that were locked apart may know one name with several sha256."""
    known: dict[str, set[str]] = {}
    for lockfile in lockfiles:
        for named in files_of(lockfile):
            known.setdefault(named.file, set()).add(named.sha256)
    return {file: frozenset(digests) for file, digests in known.items()}


def replaced_files(known: Known, files: Iterable[NamedFile]) -> tuple[FileChange, ...]:
    """Those whose name is known and whose sha256 is not, each once, in the order given."""
    return tuple(
        FileChange(
            package=named.package,
            version=named.version,
            name=named.file,
            was=named.file,
            before=min(known[named.file]),
            after=named.sha256,
        )
        for named in dict.fromkeys(files)
        if named.file in known and named.sha256 not in known[named.file]
    )
