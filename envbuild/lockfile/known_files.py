"""The files in lockfiles, by name: none of them may return with other content."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envbuild.lockfile.difference import FileChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias

    from envbuild.lockfile.lockfile import Lockfile

    Known: TypeAlias = Mapping[str, frozenset[str]]
    """File name → every sha256 under which it is locked."""


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
    """The files in lockfiles; drivers that were locked separately may have one name with several sha256."""
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
