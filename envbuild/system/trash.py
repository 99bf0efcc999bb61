"""Take folders away by a rename, and delete them afterwards, whoever is killed meanwhile."""

from __future__ import annotations

import glob
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass

from envbuild.system.clock import now
from envbuild.system.files import write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


_BLOCK = 512
"""Bytes that `st_blocks` counts in."""


_LOGGED = re.compile(r'\{"finished": "([0-9TZ:-]+)", "freed": (\d+)\}\n')


@dataclass(frozen=True, kw_only=True, slots=True)
class Emptied:
    """What emptying a trash came to."""

    finished: str
    """UTC, `2026-11-20T10:00:00Z`."""

    freed: int
    """Bytes of disk: an inode counts once, and only where its last link went."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trash:
    """A private folder on the store's file system; all that lies in it is to be deleted."""

    folder: Path

    def take(self, path: Path) -> Path | None:
        """Rename a folder or a file into the trash; where it lies now, None where there was nothing."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        place = self.folder / f"{path.name}.{os.getpid()}"
        number = 0
        while os.path.lexists(place):
            number += 1
            place = self.folder / f"{path.name}.{os.getpid()}.{number}"
        try:
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode) and not status.st_mode & stat.S_IWUSR:
                path.chmod(stat.S_IMODE(status.st_mode) | stat.S_IWUSR)
            path.rename(place)
        except FileNotFoundError:
            return None
        return place

    @property
    def log(self) -> Path:
        """The file that tells what emptying it last freed."""
        return self.folder.with_name(f"{self.folder.name}.json")

    def empty_after(self) -> None:
        """Delete what lies there in a process of its own, which the caller need not wait for.

        What that freed can be read from the log when it has ended.
        """
        if not self.has_any():
            return
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            return
        code = 1
        try:
            if os.fork() == 0:
                _leave()
                self.empty()
            code = 0
        finally:
            os._exit(code)

    def empty(self) -> int:
        """Delete what lies there; the bytes of disk that this freed.

        What another process deletes meanwhile is no error, and not counted here.
        """
        if not self.has_any():
            return 0
        # environments come before what tells of them: a killed run leaves what the next needs
        entries = sorted(self.folder.iterdir(), key=lambda entry: not entry.is_dir())
        size = sum(map(self._delete, entries))
        line = f'{{"finished": "{now()}", "freed": {size}}}\n'
        write_atomically(self.log, line.encode(), sync=False)
        return size

    def _delete(self, path: Path) -> int:
        wheels = self._wheels(path)
        if not wheels:
            return delete_tree(path)
        from envbuild.system.cache.witness import Witness

        with Witness(self.folder.with_name("cache"), wheels) as witness:
            return delete_tree(path, witness.saw)

    def _wheels(self, path: Path) -> tuple[str, ...]:
        """What an environment was built of, by its receipt, which lies here too; else nothing."""
        from envbuild.receipt import read_receipt_wheels

        name = path.name.rpartition(".")[0]
        for receipt in self.folder.glob(f"{glob.escape(name)}.json.*"):
            with (
                suppress(OSError, ValueError),
                receipt.open(encoding="utf-8", errors="surrogateescape") as lines,
            ):
                return read_receipt_wheels(lines)
        return ()

    def last_emptied(self) -> Emptied | None:
        """When it was emptied last and what that freed; None where nobody knows."""
        try:
            found = _LOGGED.fullmatch(self.log.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError):
            return None
        return Emptied(finished=found[1], freed=int(found[2])) if found else None

    def has_any(self) -> bool:
        """Whether something lies there, from this command or from a killed one."""
        try:
            with os.scandir(self.folder) as entries:
                return any(True for _ in entries)
        except FileNotFoundError:
            return False


def delete_tree(path: Path, saw: Callable[[os.stat_result], None] | None = None) -> int:
    """Delete a folder with all below it, whatever its modes; what is gone already is no error.

    Gives the bytes of disk that this freed: a file's count where its last link went.
    `saw` is shown each file just before.
    """
    if path.is_dir() and not path.is_symlink():
        return _delete_folder(os.fsencode(path), saw) * _BLOCK
    try:
        status = path.lstat()
        path.unlink()
    except FileNotFoundError:
        return 0
    return status.st_blocks * _BLOCK if status.st_nlink == 1 else 0


def count_bytes(folders: Iterable[Path]) -> int:
    """The bytes of disk that deleting these folders frees.

    An inode counts once, and only where every one of its links lies in the folders.
    """
    seen: dict[int, int] = {}
    waiting = [os.fsencode(folder) for folder in folders if folder.is_dir()]
    blocks = sum(os.lstat(folder).st_blocks for folder in waiting)
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                links = status.st_nlink
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif links > 1:
                    met = seen[status.st_ino] = seen.get(status.st_ino, 0) + 1
                    if met < links:
                        continue
                blocks += status.st_blocks
    return blocks * _BLOCK


def _delete_folder(folder: bytes, saw: Callable[[os.stat_result], None] | None) -> int:
    """Delete by descriptor of each folder: the kernel then walks no long paths, one for each file.

    Gives the blocks that this freed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        blocks, folders = _delete_files(descriptor, saw)
    finally:
        os.close(descriptor)
    for name in folders:
        blocks += _delete_folder(folder + b"/" + os.fsencode(name), saw)
    with suppress(OSError):
        os.rmdir(folder)  # noqa: PTH106
    return blocks


def _delete_files(
    descriptor: int, saw: Callable[[os.stat_result], None] | None
) -> tuple[int, list[str]]:
    """Delete what is no folder; the blocks that this freed, and the names of the folders.

    The number of links is looked at just before each is taken away, so that the last one counts.
    """
    blocks = os.fstat(descriptor).st_blocks
    folders: list[str] = []
    with os.scandir(descriptor) as entries:
        listed = list(entries)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
            continue
        try:
            status = entry.stat(follow_symlinks=False)
            if saw is not None:
                saw(status)
            _unlink(entry.name, descriptor)
        except FileNotFoundError:
            continue
        if status.st_nlink == 1:
            blocks += status.st_blocks
    return blocks, folders


def _unlink(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except PermissionError:  # an environment's folders are read-only, but for root
        os.fchmod(folder, 0o700)
        os.unlink(name, dir_fd=folder)


def _leave() -> None:
    """Let go of the caller: its session, its terminal, its pipes, its hurry."""
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    with suppress(OSError):
        os.nice(10)
