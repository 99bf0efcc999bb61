"""Remove folders by a rename, and delete them afterwards, even if a process is killed."""

from __future__ import annotations

import errno
import gc
import glob
import os
import re
import stat
from contextlib import contextmanager, nullcontext, suppress

from envbuild.lean_json import read_ordinary
from envbuild.posix.clock import now
from envbuild.posix.deletion import delete_tree
from envbuild.posix.file_locks import locked
from envbuild.posix.files import write_atomically
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

LOCK = "trash.lock"
"""The file in the store's `locks/` that is locked by the process that empties the trash."""

_LOGGED = re.compile(r'\{"finished": "([0-9TZ:-]+)", "freed": (\d+)\}\n')


@value
class Emptied:
    """The result of emptying a trash."""

    finished: str
    """UTC, `2026-11-20T10:00:00Z`."""

    freed: int
    """Bytes of disk: an inode counts once, when its last link is deleted."""


@value
class Trash:
    """A private folder on the store's file system; everything in it will be deleted."""

    folder: Path

    def take(self, path: Path, unless: Callable[[Path], bool] | None = None) -> Path | None:
        """Rename a folder or a file into the trash; returns its new path, None if there was nothing.

        `unless` is asked when nobody finds the path any more; if it says yes,
        the path is put back and returned.
        """
        place = self._free_place(path)
        try:
            _make_movable(path)
            path.rename(place)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return _delete_in_place(path, place, unless)
        if unless is not None and unless(place):
            self.put_back([(path, place)])
            return path
        return place

    def _free_place(self, path: Path) -> Path:
        """A path in the trash that is not taken."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        place = self.folder / f"{path.name}.{os.getpid()}"
        number = 0
        while os.path.lexists(place):
            number += 1
            place = self.folder / f"{path.name}.{os.getpid()}.{number}"
        return place

    def put_back(self, taken: Iterable[tuple[Path, Path | None]]) -> None:
        """Undo: move things back, each given with its path in the trash."""
        for path, place in taken:
            if place is None:
                continue
            mode = stat.S_IMODE(place.lstat().st_mode)
            place.rename(path)
            if path.is_dir() and not path.is_symlink():
                path.chmod(mode & ~stat.S_IWUSR)

    @property
    def log(self) -> Path:
        """The log of what the last emptying freed."""
        return self.folder.with_name(f"{self.folder.name}.json")

    def empty_after(self) -> None:
        """Delete the content in a process of its own, which the caller need not wait for.

        When it has ended, the log says what it freed.
        If the host cannot start another process, the caller waits.
        """
        if not self.has_any():
            return
        try:
            pid = os.fork()
        except OSError:
            self.empty()
            return
        if pid:
            _, status = os.waitpid(pid, 0)
            if status:
                self.empty()
            return
        code = 1
        try:
            if os.fork() == 0:
                gc.disable()  # there are many objects and no cycles
                _leave()
                self.empty()
            code = 0
        finally:
            os._exit(code)

    def empty(self) -> int:
        """Delete the content; the bytes of disk that this freed.

        One process at a time: two would each count, and log, a part. Returns 0 if another process has deleted it all.
        """
        if not self.has_any():
            return 0
        with locked(self.folder.with_name("locks") / LOCK):
            # environments go before their receipts: after a kill the next run still needs these
            entries = sorted(self.folder.iterdir(), key=lambda entry: not entry.is_dir())
            if not entries:
                return 0
            size = sum(map(self._delete, entries))
            line = f'{{"finished": "{now()}", "freed": {size}}}\n'
            write_atomically(self.log, line.encode(), sync=False)
            return size

    def _delete(self, path: Path) -> int:
        wheels = self._wheels(path) if path.is_dir() else ()
        if not wheels:
            return delete_tree(path)
        from envbuild.store.link_times import WatchedRemoval

        with WatchedRemoval(self.folder.with_name("cache"), wheels) as watched:
            return delete_tree(path, watched.looks, watched.list_files)

    def _wheels(self, path: Path) -> tuple[str, ...]:
        """The wheels of an environment, from its receipt in the trash; else nothing."""
        name = path.name.rpartition(".")[0]
        for receipt in self.folder.glob(f"{glob.escape(name)}.json.*"):
            from envbuild.environment.receipt import read_derivation

            with suppress(OSError, ValueError):
                return read_derivation(receipt).digests
        return ()

    def last_emptied(self) -> Emptied | None:
        """When it was last emptied and what that freed; None if unknown."""
        try:
            found = _LOGGED.fullmatch(read_ordinary(self.log).decode("ascii"))
        except (OSError, UnicodeDecodeError):
            return None
        return Emptied(finished=found[1], freed=int(found[2])) if found else None

    def has_any(self) -> bool:
        """Whether it has content, from this command or a killed one."""
        try:
            with os.scandir(self.folder) as entries:
                return any(True for _ in entries)
        except FileNotFoundError:
            return False


def _delete_in_place(path: Path, place: Path, unless: Callable[[Path], bool] | None) -> Path:
    """Delete a folder of a lower layer, which overlayfs does not rename.

    Its links to a Python are moved to `place` first, so that nothing starts there meanwhile.
    """
    place.mkdir(mode=0o700)
    links = [link for link in path.glob("bin/python*") if link.is_symlink()]
    moved = [(link, place / link.name) for link in links]
    with _writable(path / "bin") if moved else nullcontext():
        for link, aside in moved:
            link.rename(aside)
        if unless is not None and unless(path):
            for link, aside in moved:
                aside.rename(link)
            place.rmdir()
            return path
    delete_tree(path)
    return place


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Let a folder's owner change its names meanwhile."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    folder.chmod(mode | stat.S_IWUSR)
    try:
        yield
    finally:
        folder.chmod(mode)


def _make_movable(path: Path) -> None:
    """Let a folder's owner move it, which needs the right to write."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:  # not a folder, or its owner cannot read it
        return
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if not mode & stat.S_IWUSR:
            os.fchmod(descriptor, mode | stat.S_IWUSR)
    finally:
        os.close(descriptor)


def _leave() -> None:
    """Detach from the caller: its session, its terminal, its pipes, its priority."""
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    with suppress(OSError):
        os.nice(10)
