"""The digest of a source's files (names, modes, bytes), and a copy of exactly these."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import TYPE_CHECKING

from envbuild.sourcetree.listing import refuse_endless, refused
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from io import FileIO
    from pathlib import Path

_PIECE = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LFS = b"version https://git-lfs.github.com/spec/"
_SCM = re.compile(rb"setuptools[-_]scm|hatch[-_]vcs|flit[-_]scm|vcs[-_]versioning")
ARCHIVAL = ".git_archival.txt"
"""What `git archive` leaves for setuptools-scm and hatch-vcs, so that they know the version without a repository."""


@value
class Snapshot:
    """The files of a source as they were read."""

    sha256: str
    """Of the names, modes and contents of all files, 64 hex digits."""

    size: int
    """The bytes of all files."""


class _Reader:
    """Reads files one after the other; into a folder, if there is one."""

    def __init__(self, folder: str, shown: str, copy: Path | None) -> None:
        self._folder, self._shown, self._copy = folder, shown, copy
        self._root = os.path.realpath(folder)
        self._looked_at: set[str] = set()
        """Folders, relative, that no link leads out of and that the copy has."""

        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, path: str) -> None:
        """One file; UsageError if it cannot be part of a source."""
        place = f"{self._folder}/{path}"
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode):
            self._add_link(path, place)
        elif stat.S_ISREG(status.st_mode):
            self._enter(os.path.dirname(path), path)  # noqa: PTH120
            self._add_file(path, place)
        else:
            hint = "sources have files, folders and links"
            raise refused(self._shown, f"has {path!r}, which is not an ordinary file", hint)

    def add_text(self, path: str, content: bytes) -> None:
        """A file that is not in the folder."""
        self._note("file", path, hashlib.sha256(content).hexdigest(), len(content))
        if self._copy is not None:
            (self._copy / path).write_bytes(content)

    def _enter(self, folder: str, path: str) -> None:
        """Check a file's folder, and make the copy's, once for all of its files."""
        if folder in self._looked_at:
            return
        inside = os.path.normpath(f"{self._root}/{folder}")
        if os.path.realpath(f"{self._folder}/{folder}") != inside:
            raise self._leaves(path)
        if self._copy is not None:
            (self._copy / folder).mkdir(parents=True, exist_ok=True)
        self._looked_at.add(folder)

    def _add_link(self, path: str, place: str) -> None:
        target = os.readlink(place)  # noqa: PTH115
        real = os.path.realpath(place)
        if os.path.isabs(target) or os.path.commonpath((self._root, real)) != self._root:  # noqa: PTH117
            raise self._leaves(path)
        self._note("link", path, target, 0)
        if self._copy is not None:
            copy = self._copy / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(target)

    def _leaves(self, path: str) -> Exception:
        hint = "put the target of the link into the folder"
        return refused(self._shown, f"has the link {path!r}, which leads out of it", hint)

    def _add_file(self, path: str, place: str) -> None:
        digest = hashlib.sha256()
        with open(os.open(place, _READ), "rb", buffering=0) as stream:  # noqa: PTH123
            before = os.fstat(stream.fileno())
            sink = self._sink(path, before.st_mode)
            try:
                first = stream.read(_PIECE)
                if first.startswith(_LFS):
                    hint = "fetch the files themselves (`git lfs pull`), or remove them from the source"
                    words = f"has {path!r}, which is a pointer of Git LFS and not the file"
                    raise refused(self._shown, words, hint)
                piece: bytes | None = first
                size = 0
                while piece:
                    size += len(piece)
                    digest.update(piece)
                    if sink is not None:
                        sink.write(piece)
                    refuse_endless(self._shown, size=self.size + size)
                    piece = stream.read(_PIECE)
                after = os.fstat(stream.fileno())
            finally:
                if sink is not None:
                    sink.close()
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, size):
            hint = "run it again when nothing writes there"
            raise refused(self._shown, f"was changed while it was read: {path!r}", hint)
        mode = "program" if before.st_mode & 0o111 else "file"
        self._note(mode, path, digest.hexdigest(), size)

    def _sink(self, path: str, mode: int) -> FileIO | None:
        if self._copy is None:
            return None
        opened = open(f"{self._copy}/{path}", "wb", buffering=0)  # noqa: PTH123, SIM115
        os.fchmod(opened.fileno(), 0o755 if mode & 0o111 else 0o644)
        return opened

    def _note(self, kind: str, path: str, content: str, size: int) -> None:
        self.size += size
        refuse_endless(self._shown, size=self.size)
        row = f"{kind} {content} {path}\0"
        self._digest.update(row.encode(errors="surrogateescape"))


def read_tree(
    folder: str,
    paths: Iterable[str],
    *,
    shown: str,
    copy: Path | None = None,
    more: Mapping[str, bytes] | None = None,
) -> Snapshot:
    """Read the files of a folder, into `copy` if there is one; `more` has files that are not in it.

    UsageError says why a folder cannot be a source; OSError comes from the host.
    """
    reader = _Reader(folder, shown, copy)
    added = more or {}
    listed = sorted({*paths, *added})
    refuse_endless(shown, files=len(listed))
    for path in listed:
        if path in added:
            reader.add_text(path, added[path])
        else:
            reader.add(path)
    return Snapshot(sha256=reader.sha256, size=reader.size)


def takes_version_from_git(folder: str, paths: Iterable[str]) -> bool:
    """Whether a project's version is that of git's tags, as setuptools-scm and hatch-vcs have it."""
    for name in {"pyproject.toml", "setup.py", "setup.cfg"} & {*paths}:
        try:
            with open(os.open(f"{folder}/{name}", _READ), "rb") as stream:  # noqa: PTH123
                if _SCM.search(stream.read(_PIECE)):
                    return True
        except OSError:
            continue
    return False


def archival(commit: str, described: str) -> bytes:
    """The content of `.git_archival.txt`; `described` is what `lockfile.git.DESCRIBE` says, or empty."""
    lines = [f"node: {commit}", *([f"describe-name: {described}"] if described else [])]
    return "".join(f"{line}\n" for line in lines).encode()
