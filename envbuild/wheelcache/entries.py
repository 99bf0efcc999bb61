"""Cache entries: folders of files that environments link, each complete or absent.

An entry's files are hashed when it is made.
Linking changes a file's ctime, and so does every write, and the `utime` that would hide a write.
So each time an entry is linked, the start and the end are noted as the times of its `stamp`;
only the kernel can set the end.
A file whose ctime is between them has not been touched since; any other file is read:
something else has linked or unlinked it, somebody has written to it, or the clock was set back.
This relies on the kernel, to a tick of its clock (some ms), and on the disk to return what was written;
on the disk only after the file system was synced, so an entry that was not synced is read once after a boot.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from envbuild.digest import stream_sha256
from envbuild.errors import HostError
from envbuild.lean_json import open_text, read_ordinary
from envbuild.posix.file_locks import locked
from envbuild.wheelcache.entry import Entry, EntryFile, parse_entry, render_entry
from envbuild.wheelcache.linking import Linked, link_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from envbuild.wheelcache.linking import SitePackages

_TABLE = "table"
_STAMP = "stamp"
_SYNCED = "synced"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_COARSE = 50_000_000
"""The kernel's times may be behind its clock by so many ns."""


class Window(NamedTuple):
    """When an entry was last linked, in ns since the epoch: its files' ctimes are between the two."""

    since: int
    until: int


_NEVER = Window(0, -1)
_PATIENCE = 60.0
"""Seconds to wait for others that link the same entry; longer could deadlock, because they may wait for our locks."""


def read_digest(folder: int, name: bytes) -> str:
    """The sha256 of a file in an open folder; follows no link."""
    descriptor = os.open(name, _READ, dir_fd=folder)
    with open(descriptor, "rb", buffering=0) as stream:  # noqa: PTH123
        return stream_sha256(stream)


class Entries:
    """The entries of one cache, by name; safe for several threads and processes."""

    def __init__(
        self,
        root: Path,
        *,
        digest: Callable[[int, bytes], str] = read_digest,
        patience: float = _PATIENCE,
    ) -> None:
        """`digest` gives the sha256 of a file, from its folder's descriptor and its name."""
        self.root = root
        self._digest = digest
        self._patience = patience

    def is_usable(self) -> bool:
        """Whether the cache is writable; if not, it counts as empty."""
        locks = self.root / "locks"
        try:
            locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            return False
        return os.access(self.root, os.W_OK) and os.access(locks, os.W_OK)

    def folder(self, name: str) -> Path:
        """The folder of an entry."""
        return self.root / name

    def has(self, name: str) -> bool:
        """Whether there is an entry; it may be damaged."""
        return os.path.exists(f"{self.root}/{name}/{_STAMP}")  # noqa: PTH110

    def weight(self, name: str) -> int:
        """The bytes of an entry's table, about 110 for each file; 0 if there is no entry."""
        try:
            return os.stat(f"{self.root}/{name}/{_TABLE}").st_size  # noqa: PTH116
        except OSError:
            return 0

    def making(self, name: str, *, timeout: float | None = None) -> AbstractContextManager[int]:
        """Hold an entry's lock, against other threads and other processes.

        HostError if another holds it for longer than `timeout` (seconds; None waits without limit).
        """
        return locked(self.root / "locks" / name, timeout=timeout)

    def link(
        self,
        name: str,
        target: SitePackages,
        *,
        accept: Callable[[Entry], bool] | None = None,
        skip: Collection[str] = (),
        only: Collection[str] | None = None,
    ) -> Linked | None:
        """Put an intact entry's files into an environment; the caller must not hold `making`.

        None if there is no such entry, if `accept` refuses it, or if its lock is held for too long.
        A changed entry is removed. Paths in `skip` are left out; with `only`, just these are linked.
        """
        with ExitStack() as held:
            try:
                held.enter_context(self.making(name, timeout=self._patience))
            except HostError:
                return None
            found = self.believed(name)
            if found is None:
                self.discard(name)
                return None
            entry, window = found
            if accept is not None and not accept(entry):
                return None
            if only is not None:
                skip = {file.path for file in entry.files} - set(only)
            folder = os.fsencode(self.folder(name))
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if not self._are_intact(descriptor, entry.files, window):
                    copied = self._read_copy(descriptor, entry)
                    if copied is None:
                        self.discard(name)
                        return None
                    entry, window = copied, _NEVER
                    self._rewrite(name, entry)
                begin = before_now()
                linked = link_files(folder, descriptor, entry, target, skip)
            finally:
                os.close(descriptor)
            everything = linked.files == entry.files
            anew = everything or window == _NEVER
            self.stamp(name, begin if anew else min(begin, window.since))
            return linked

    def begin(self, name: str) -> Path:
        """An empty folder to make an entry in; the caller holds `making`."""
        import shutil

        for left in self.root.glob(f".{name}.*"):  # left by a killed sync
            shutil.rmtree(left, ignore_errors=True)
        scratch = self.root / f".{name}.{os.urandom(4).hex()}"
        scratch.mkdir(mode=0o700)
        return scratch

    def publish(
        self,
        name: str,
        scratch: Path,
        files: Iterable[tuple[str, str]],
        facts: Mapping[str, object],
    ) -> None:
        """Turn a folder into an entry: path and sha256 of its files `0`, `1`, …; the caller holds `making`."""
        rows = []
        since = before_now()
        for number, (path, sha256) in enumerate(files):
            status = os.lstat(f"{scratch}/{number}")
            since = min(since, status.st_ctime_ns)
            mode = status.st_mode & 0o7777
            rows.append(
                EntryFile(path, mode, status.st_size, sha256, status.st_mtime_ns, status.st_ino)
            )
        table = render_entry(Entry(files=tuple(rows), facts=facts))
        (scratch / _TABLE).write_bytes(table)
        digest = hashlib.sha256(table).hexdigest()
        (scratch / _STAMP).write_text(f"{digest} {_boot()}\n", encoding="ascii")
        self.discard(name)
        scratch.rename(self.folder(name))
        self.stamp(name, since)

    def settle(self, names: Iterable[str]) -> None:
        """Note that entries are on the disk: the caller has synced the file system since they were made.

        A failure is ignored: the entry is then read once more after a boot.
        """
        for name in names:
            with suppress(OSError):
                synced = f"{self.root}/{name}/{_SYNCED}"
                os.close(os.open(synced, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def discard(self, name: str) -> None:
        """Remove an entry, if there is one; environments keep the files that they have linked."""
        import shutil

        old = self.root / f".{name}.{os.urandom(4).hex()}"
        try:
            self.folder(name).rename(old)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            old = self.folder(name)  # of a lower layer, which overlayfs does not rename
        shutil.rmtree(old, ignore_errors=True)
        with suppress(OSError):
            old.unlink()  # somebody put a file there

    def stamp(self, name: str, since: int) -> None:
        """Note that only envbuild has touched an entry's files from `then` until now."""
        os.utime(f"{self.root}/{name}/{_STAMP}", ns=(since, since))

    def window(self, name: str) -> Window | None:
        """When an entry was last linked, from its stamp; None if its files must be read."""
        try:
            _, window = self._read_stamp(name)
        except (OSError, ValueError):
            return None
        return None if window == _NEVER else window

    def _read_stamp(self, name: str) -> tuple[str, Window]:
        """The table's digest, and when the entry was last linked; OSError or ValueError without a valid stamp."""
        folder = f"{self.root}/{name}"
        with open_text(f"{folder}/{_STAMP}") as stream:
            digest, boot = stream.read().split()
            status = os.fstat(stream.fileno())
        if boot != _boot() and not os.path.exists(f"{folder}/{_SYNCED}"):  # noqa: PTH110
            return digest, _NEVER
        return digest, Window(status.st_mtime_ns, status.st_ctime_ns)

    def believed(self, name: str) -> tuple[Entry, Window] | None:
        """An entry's table and when its files were last linked; the files are not checked.

        None if there is no entry, or its table was changed.
        """
        try:
            digest, window = self._read_stamp(name)
            table = read_ordinary(f"{self.root}/{name}/{_TABLE}")
            if hashlib.sha256(table).hexdigest() != digest:
                return None
            entry = parse_entry(table)
        except (OSError, ValueError):
            return None
        return (entry, window) if entry is not None else None

    def _are_intact(self, folder: int, files: Iterable[EntryFile], window: Window) -> bool:
        """Whether every file is as it was cached; a touched file is read."""
        since, until = window
        try:
            for number, file in enumerate(files):
                name = b"%d" % number
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if not looks_the_same(status, file):
                    return False
                untouched = since <= status.st_ctime_ns <= until
                if not untouched and self._digest(folder, name) != file.sha256:
                    return False
        except OSError:
            return False
        return True

    def _read_copy(self, folder: int, entry: Entry) -> Entry | None:
        """The table of an entry that was copied: most inodes are others; None for no copy, or a damaged one."""
        files = []
        try:
            seen = [
                os.stat(b"%d" % number, dir_fd=folder, follow_symlinks=False)
                for number in range(len(entry.files))
            ]
            moved = sum(
                one.st_ino != file.inode for one, file in zip(seen, entry.files, strict=True)
            )
            if 2 * moved <= len(seen):
                return None
            for number, (status, file) in enumerate(zip(seen, entry.files, strict=True)):
                if (status.st_mode & 0o7777, status.st_size) != (file.mode, file.size):
                    return None
                if self._digest(folder, b"%d" % number) != file.sha256:
                    return None
                files.append(file._replace(inode=status.st_ino, mtime_ns=status.st_mtime_ns))
        except OSError:
            return None
        return entry._replace(files=tuple(files))

    def _rewrite(self, name: str, entry: Entry) -> None:
        """Write another table of an entry; after a kill in between, the entry is made again."""
        folder, table = self.folder(name), render_entry(entry)
        (folder / _SYNCED).unlink(missing_ok=True)
        (folder / _TABLE).write_bytes(table)
        digest = hashlib.sha256(table).hexdigest()
        (folder / _STAMP).write_text(f"{digest} {_boot()}\n", encoding="ascii")


def looks_the_same(status: os.stat_result, file: EntryFile) -> bool:
    """Whether a file's status is as it was when it was cached, except its ctime."""
    return (
        status.st_ino == file.inode
        and status.st_size == file.size
        and status.st_mtime_ns == file.mtime_ns
        and status.st_mode & 0o7777 == file.mode
    )


def cache_roots(cache: Path) -> Iterator[Path]:
    """The folders of entries: one of wheels, one of bytecode for each interpreter."""
    yield from (root for root in (cache / "wheels",) if root.is_dir())
    yield from sorted(cache.glob("bytecode/*/"))


def before_now() -> int:
    """A time that no later ctime is before, in ns since the epoch."""
    return time.time_ns() - _COARSE


@cache
def _boot() -> str:
    """The id of this boot of the host; a random one if the kernel does not tell it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.urandom(16).hex()
