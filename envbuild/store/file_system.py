"""What a store cannot do because of its file system, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.abilities import probe_folder, remove_left
from envbuild.posix.mounts import file_system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.posix.abilities import Abilities


def check_file_system(root: Path, link_mode: str = "hardlink") -> tuple[str, ...]:
    """What the store's file system lacks although environments can be built on it; half a sentence each.

    HostError if none can. OSError if nothing can be written there.
    """
    remove_left(root)
    abilities = probe_folder(root)
    unfit = [words for able, words in _needed(abilities) if not able]
    kind = file_system(root)
    name = f"the file system of {root}{f' ({kind})' if kind else ''}"
    if unfit:
        hint = f"put the store elsewhere, with --store; `findmnt --target {root}` says what is mounted there"
        raise HostError(Problem(message=f"{name} {words}", hint=hint) for words in unfit)
    return tuple(f"{name} {words}" for able, words in _useful(abilities, link_mode) if not able)


def _needed(abilities: Abilities) -> Iterator[tuple[bool, str]]:
    yield (
        abilities.programs,
        "is mounted noexec: no program and no native module there starts",
    )
    yield abilities.symbolic_links, "has no symbolic links, which environments need"
    yield abilities.modes, "does not keep file permissions"
    yield abilities.locks, "has no file locks, so commands would disturb one another"


def _useful(abilities: Abilities, link_mode: str) -> Iterator[tuple[bool, str]]:
    if link_mode == "clone":
        yield (
            abilities.clones,
            'cannot clone files, so link-mode = "clone" makes plain copies',
        )
    else:
        yield (
            abilities.hard_links or link_mode == "copy",
            "has no hard links: every environment takes its full size, and wheels are unpacked again for each",
        )
    yield (
        abilities.leases,
        "has no locks of open files: gc knows running processes only by their files",
    )
    yield (
        abilities.case,
        "does not distinguish capital letters: wheels with files whose names differ only in them cannot be built",
    )
    yield (
        abilities.fine_times,
        "keeps times in whole seconds: `verify --quick` may miss a change within a second",
    )
