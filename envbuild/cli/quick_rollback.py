"""The front door of `rollback`: goes back where all is as it was built, and leaves the rest to `commands.rollback`.

It takes the same lock and does the same two steps: a quick look, then one rename.
"""

from __future__ import annotations

import fcntl
import os

from envbuild.cli.quick_verify import (
    are_as_built,
    environment_of,
    generation_numbers,
    holds_its_links,
    recorded_manifest,
)
from envbuild.report.changed import change_words, rolled_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from envbuild.text import Text


def roll_back_quickly(root: str, wanted: int | None) -> Text | None:
    """What `rollback` prints after it has gone back; None where nothing was done.

    OSError where the link is another one by now, and did not reach the disk.
    """
    try:
        lock = os.open(f"{root}/locks/generations.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # who waits says for whom
        os.close(lock)
        return None
    try:
        plan = _plan(root, lock, wanted)
        if plan is None:
            return None
        before, after, changes = plan
        if before != after and not _replace_current(root, after):
            return None
        return rolled_back(before, after, changes)
    finally:
        os.close(lock)


def _plan(root: str, lock: int, wanted: int | None) -> tuple[int, int, list[str]] | None:
    """From where, to where, and what that changes; None where that has to be looked at closely."""
    try:
        if not os.path.samestat(os.fstat(lock), os.stat(f"{root}/locks/generations.lock")):  # noqa: PTH116
            return None
        numbers = generation_numbers(root)
        folder, _, name = os.readlink(f"{root}/current").rpartition("/")  # noqa: PTH115
        if folder != "generations" or name not in numbers:
            return None
        current = int(name)
        target = _target(wanted, sorted(map(int, numbers)), current)
        if str(target) not in numbers:
            return None
        now = recorded_manifest(root, name)
        then = recorded_manifest(root, str(target))
        if now is None or then is None or not _is_sound(root, str(target), then):
            return None
        return current, target, list(_changes(now["drivers"], then["drivers"]))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _target(wanted: int | None, numbers: Sequence[int], current: int) -> int:
    """The generation that was named, else the nearest before the current one; LookupError where there is none."""
    return [number for number in numbers if number < current][-1] if wanted is None else wanted


def _is_sound(root: str, number: str, manifest: Mapping[str, Any]) -> bool:
    names = sorted(set(map(environment_of, manifest["drivers"].values())))
    return holds_its_links(f"{root}/generations/{number}", manifest) and are_as_built(root, names)


def _changes(
    now: Mapping[str, Mapping[str, Any]], then: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """In words, what differs between the drivers of two manifests, as `compare_manifests` tells."""
    for name in sorted({*now, *then}):
        one, other = now.get(name), then.get(name)
        if one is None or other is None:
            gone = one["version"] if one is not None else None
            yield change_words(name, gone, other["version"] if other is not None else None, ())
        elif (one["key"], one["version"]) != (other["key"], other["version"]):
            old, new = one["packages"], other["packages"]
            moved = [
                (package, old.get(package), new.get(package))
                for package in sorted({*old, *new})
                if old.get(package) != new.get(package)
            ]
            yield change_words(name, one["version"], other["version"], moved)


def _replace_current(root: str, number: int) -> bool:
    """Point `current` elsewhere as `replace_link` does; False where that could not be done."""
    scratch = f"{root}/.current.tmp"
    try:
        if os.path.lexists(scratch):
            os.unlink(scratch)  # noqa: PTH108
        os.symlink(f"generations/{number}", scratch)  # noqa: PTH211
        os.replace(scratch, f"{root}/current")  # noqa: PTH105
    except OSError:
        return False
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
