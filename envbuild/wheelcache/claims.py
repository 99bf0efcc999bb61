"""Which of several builds makes a wheel that is not kept yet: one does, the others wait for it."""

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
"""Seconds to wait for another build; one that takes longer is busy with something large."""


class Claims(NamedTuple):
    """Files by who has them."""

    kept: tuple[ChosenFile, ...]
    mine: tuple[ChosenFile, ...]
    """Not kept yet, and ours to make."""

    busy: tuple[ChosenFile, ...]
    """Not kept yet, and another build is making them."""


def claim(cache: WheelCache, files: Iterable[ChosenFile], held: ExitStack) -> Claims:
    """Take the locks of what is not kept, for as long as `held`, waiting for none.

    What is more than one build may hold counts as busy, and is free the next time.
    """
    kept: list[ChosenFile] = []
    mine: list[ChosenFile] = []
    busy: list[ChosenFile] = []
    most = most_locks()
    for file in files:
        with ExitStack() as attempt:
            if cache.has(file.sha256):
                kept.append(file)
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
                kept.append(file)
                continue
            held.push(attempt.pop_all())
            mine.append(file)
    return Claims(kept=tuple(kept), mine=tuple(mine), busy=tuple(busy))


def claim_again(
    cache: WheelCache, files: Sequence[ChosenFile], held: ExitStack
) -> tuple[ChosenFile, ...]:
    """Take the locks of what may be kept already, to keep it anew; those that were free and may be held."""
    claimed = []
    for file in files[: most_locks()]:
        try:
            held.enter_context(cache.making(file.sha256, timeout=0))
        except HostError:
            continue
        claimed.append(file)
    return tuple(claimed)


def wait_for(cache: WheelCache, file: ChosenFile) -> bool:
    """Wait until another build has made a wheel, or given up; False where it takes too long."""
    try:
        with cache.making(file.sha256, timeout=_PATIENCE):
            return True
    except HostError:
        return False
