"""One of several builds unpacks a wheel that is not cached yet; the others wait for it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from envbuild.errors import HostError
from envbuild.posix.file_locks import most_locks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envbuild.lockfile.chosen_file import ChosenFile
    from envbuild.wheelcache.wheels import WheelCache

_PATIENCE = 60.0
"""Seconds to wait for another build, which may be unpacking something large."""


class Claims(NamedTuple):
    """Wanted files: those in the cache, and those that a build has to make."""

    cached: tuple[ChosenFile, ...]
    mine: tuple[ChosenFile, ...]
    """Not cached yet; this build makes them."""

    busy: tuple[ChosenFile, ...]
    """Not cached yet; another build is making them."""


def claim(cache: WheelCache, files: Iterable[ChosenFile], held: ExitStack) -> Claims:
    """Take the locks of what is not cached until `held` is closed, without waiting.

    A build may hold only so many locks: further files count as busy until the next call.
    """
    cached: list[ChosenFile] = []
    mine: list[ChosenFile] = []
    busy: list[ChosenFile] = []
    most = most_locks()
    for file in files:
        with ExitStack() as attempt:
            if cache.has(file.sha256):
                cached.append(file)
                continue
            if len(mine) == most:
                busy.append(file)
                continue
            try:
                attempt.enter_context(cache.making(file.sha256, timeout=0))
            except HostError:
                busy.append(file)
                continue
            if cache.has(file.sha256):  # made between the two looks
                cached.append(file)
                continue
            held.push(attempt.pop_all())
            mine.append(file)
    return Claims(cached=tuple(cached), mine=tuple(mine), busy=tuple(busy))


def claim_again(
    cache: WheelCache, files: Sequence[ChosenFile], held: ExitStack
) -> tuple[ChosenFile, ...]:
    """Take the locks of files that are cached again, whatever is there; those whose lock was free."""
    claimed = []
    for file in files[: most_locks()]:
        try:
            held.enter_context(cache.making(file.sha256, timeout=0))
        except HostError:
            continue
        claimed.append(file)
    return tuple(claimed)


def wait_for(cache: WheelCache, file: ChosenFile) -> bool:
    """Wait until another build has cached a wheel, or given up; False where it takes too long."""
    try:
        with cache.making(file.sha256, timeout=_PATIENCE):
            return True
    except HostError:
        return False
