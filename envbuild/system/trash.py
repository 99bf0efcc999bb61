"""Take folders away by a rename, and delete them afterwards, whoever is killed meanwhile."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


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

    def empty_after(self) -> None:
        """Delete what lies there in a process of its own, which the caller need not wait for."""
        if not self._has_any():
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

    def empty(self) -> None:
        """Delete what lies there; what another process deletes meanwhile is no error."""
        if self._has_any():
            for entry in tuple(self.folder.iterdir()):
                delete_tree(entry)

    def _has_any(self) -> bool:
        try:
            with os.scandir(self.folder) as entries:
                return any(True for _ in entries)
        except FileNotFoundError:
            return False


def delete_tree(path: Path) -> None:
    """Delete a folder with all below it, whatever its modes; what is gone already is no error."""
    if path.is_symlink() or not path.is_dir():
        with suppress(FileNotFoundError):
            path.unlink()
        return
    _delete_folder(os.fsencode(path))


def count_bytes(folders: Iterable[Path]) -> int:
    """The bytes of disk that deleting these folders frees.

    An inode counts once, and only where every one of its links lies in the folders.
    """
    seen: dict[int, int] = {}
    blocks = 0
    waiting = [os.fsencode(folder) for folder in folders if folder.is_dir()]
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
    return blocks * 512


def _delete_folder(folder: bytes) -> None:
    """Delete by descriptor of each folder: the kernel then walks no long paths, one for each file."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        folders = _delete_files(folder, descriptor)
    finally:
        os.close(descriptor)
    for name in folders:
        _delete_folder(folder + b"/" + os.fsencode(name))
    with suppress(OSError):
        os.rmdir(folder)  # noqa: PTH106


def _delete_files(folder: bytes, descriptor: int) -> list[str]:
    """Delete what is no folder; the names of those that are."""
    folders: list[str] = []
    with os.scandir(descriptor) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    if listed and not os.access(folder, os.W_OK):
        os.chmod(folder, 0o700)  # noqa: PTH101
    for name, is_folder in listed:
        if is_folder:
            folders.append(name)
            continue
        try:
            os.unlink(name, dir_fd=descriptor)
        except FileNotFoundError:
            continue
    return folders


def _leave() -> None:
    """Let go of the caller: its session, its terminal, its pipes, its hurry."""
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    with suppress(OSError):
        os.nice(10)
