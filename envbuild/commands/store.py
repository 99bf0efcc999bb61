"""`envbuild store`: what a store is and holds, and its removal."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envbuild.errors import HostError, NoError, Problem
from envbuild.posix.deletion import count_bytes, remove_tree
from envbuild.posix.file_locks import locked, locked_if_free
from envbuild.posix.files import sync_folder
from envbuild.posix.mounts import file_system
from envbuild.posix.shortage import unwritable
from envbuild.store.contents import OWN_NAMES
from envbuild.store.guard import MARKER, require_store
from envbuild.store.processes import find_processes, is_leased
from envbuild.target.host import disk_free
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.store.store import Store

_PARTS = ("envs", "cache", "pythons", "releases", "trash")
"""The folders that take space."""


@value
class StoreInfo:
    """What a store is and holds."""

    root: Path
    file_system: str
    """Its type, such as `ext4`; empty if the kernel does not tell it."""

    free: int
    """Bytes that are free there."""

    current: int | None
    """The number of the current generation."""

    generations: int
    environments: int
    size: int
    """Bytes of disk of everything in it; an inode counts once."""

    parts: tuple[tuple[str, int], ...]
    """Folders, and the bytes that are in no other folder of the store."""

    foreign: tuple[str, ...]
    """Names in it that are not envbuild's."""


@value
class RemovedStore:
    """The result of a removal."""

    root: Path
    freed: int
    """Bytes of disk."""

    foreign: tuple[str, ...]
    """Names that stay, because they are not envbuild's; the folder stays with them."""


def store_info(store: Store) -> StoreInfo:
    """What is in a store; every file is looked at, none is opened. Errors as in `require_store`."""
    require_store(store.root)
    root = store.root
    environments = root / "envs"
    return StoreInfo(
        root=root,
        file_system=file_system(root),
        free=disk_free(root),
        current=store.current_number(),
        generations=len(store.generation_numbers()),
        environments=len(_names(environments)),
        size=count_bytes([root]),
        parts=tuple((name, count_bytes([root / name])) for name in _PARTS),
        foreign=_foreign(root),
    )


def remove_store(store: Store) -> RemovedStore:
    """Remove a whole store: `current` first and the marker last, so that a killed removal can be repeated.

    What is not envbuild's stays. Errors as in `require_store`;
    NoError if a process runs from it, BusyError if another envbuild works in it,
    HostError if it cannot be written.
    """
    require_store(store.root)
    try:
        with exclusively(store):
            refuse_running(store)
            return remove_all(store.root)
    except OSError as error:
        raise unwritable(store.root, error) from error


@contextmanager
def exclusively(store: Store) -> Iterator[None]:
    """Keep every other command that changes a store away; HostError if one is working there."""
    (store.root / "locks").mkdir(exist_ok=True)
    with (
        locked(store.root / "locks/generations.lock"),
        locked_if_free(store.cache_lock, make=True) as free,
    ):
        if not free:
            message = f"another envbuild is using {store.root}"
            raise HostError(Problem(message=message, hint="wait for it, or end it"))
        yield


def refuse_running(store: Store) -> None:
    """NoError names the processes that run from a store's environments, or from its Pythons."""
    found = {
        process.pid: str(process)
        for folder in (store.pythons, store.environments)
        for process in find_processes(folder)
    }
    running = [found[pid] for pid in sorted(found)]
    leased = [name for name in _names(store.environments) if is_leased(store.environment(name))]
    if not running and not leased:
        return
    shown = running or [f"{name}: a process that cannot be seen from here" for name in leased]
    message = f"{store.root} is in use by {'; '.join(shown[:5])}"
    hint = "stop what `envbuild ps` lists; units that start from this store will fail without it"
    raise NoError(Problem(message=message, hint=hint))


def remove_all(root: Path) -> RemovedStore:
    """Remove what is envbuild's in a store, in an order in which it can be repeated; the caller keeps others away.

    The folder stays if something else is in it, or if a disk is mounted there.
    """
    freed = count_bytes([root])
    names = [name for name in OWN_NAMES if name not in ("current", MARKER)]
    for name in ("current", *names):
        remove_tree(root / name)
    sync_folder(root)
    foreign = _foreign(root)
    (root / MARKER).unlink()
    if foreign:
        freed -= count_bytes([root])
    else:
        for left in root.iterdir():  # scratch files of killed commands
            remove_tree(left)
        _remove_folder(root)
    return RemovedStore(root=root, freed=freed, foreign=foreign)


def _remove_folder(root: Path) -> None:
    """Remove an empty folder, and the link that leads to it, if it is one."""
    try:
        root.resolve().rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return
    if root.is_symlink():
        root.unlink()


def _foreign(root: Path) -> tuple[str, ...]:
    scratch = tuple(f".{known}." for known in OWN_NAMES)
    return tuple(
        name for name in _names(root) if name not in OWN_NAMES and not name.startswith(scratch)
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []
