"""What `envbuild store move` will do, as a value; changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from posixpath import basename
from typing import TYPE_CHECKING

from envbuild.build.recovery import unkept_wheels
from envbuild.commands.repair import wanted_from_receipt
from envbuild.environment.derivation import compute_key
from envbuild.errors import EnvbuildError, HostError, NoError, Problem, UsageError
from envbuild.posix.deletion import count_bytes
from envbuild.store.generation_check import check_generation
from envbuild.store.generations import is_unused
from envbuild.store.guard import require_store
from envbuild.store.marker import (
    check_environment_path,
    check_store_path,
    refuse_foreign_folder,
)
from envbuild.store.move_record import MoveRecord, read_move
from envbuild.store.settings import read_settings
from envbuild.target.host import disk_free
from envbuild.value import replace, value
from envbuild.wheelcache.carrying import entries_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envbuild.store.manifest import Manifest
    from envbuild.store.plan import Wanted
    from envbuild.store.store import Store
    from envbuild.store.verifier import Verifier
    from envbuild.target.target import Interpreter

_RESERVE = 16 << 20
"""Bytes for receipts, records and what environments do not link."""

_REPAIR = "run `envbuild verify --repair` first"


@value
class MovedEnvironment:
    """An environment of the old store, and what it is built from in the new one."""

    name: str
    """The old folder's name."""

    wanted: Wanted
    """Its own name is another one if its Python lies in the store: then the Python's path, and so the key, changes."""

    key: str
    recorded: str | None
    """The sha256 of its receipt, from the generation record."""


@value
class StoreMovePlan:
    """What a move will do."""

    old: Path
    new: Path
    generations: tuple[tuple[Manifest, int], ...]
    """Each with its number in the new store, in order; the last one becomes current."""

    environments: tuple[MovedEnvironment, ...]
    size: int
    """The bytes that the new disk needs."""

    free: int
    """The bytes that are free there."""

    goes_on: bool
    """Whether an earlier move to there was interrupted."""

    complete: bool = False
    """Whether everything is there already, and only the old store is left to be removed."""

    @property
    def numbers(self) -> tuple[tuple[int, int], ...]:
        """The number of each generation in the old store and in the new one."""
        return tuple((manifest.generation, number) for manifest, number in self.generations)


@value
class MovePlanner:
    """Plans the move of a store."""

    old: Store
    new: Store
    keep: int
    """How many generations are moved, with the current one."""

    interpreter_at: Callable[[str], Interpreter | None]
    """The Python at a path; None if there is none."""

    verifier: Verifier
    """Of the new store."""

    def plan(self) -> StoreMovePlan:
        """What would be done.

        NoError if something cannot be moved, UsageError or HostError if it cannot be moved there.
        """
        require_store(self.old.root)
        self._refuse_place()
        record = self._begun()
        if record is not None and record.complete:
            return StoreMovePlan(
                old=self.old.root,
                new=self.new.root,
                generations=(),
                environments=(),
                size=0,
                free=disk_free(self.new.root),
                goes_on=True,
                complete=True,
            )
        manifests = self._manifests()
        environments = self._environments(manifests)
        first = self.old.next_generation()
        plan = StoreMovePlan(
            old=self.old.root,
            new=self.new.root,
            generations=tuple((one, first + at) for at, one in enumerate(manifests)),
            environments=environments,
            size=self._size(environments),
            free=disk_free(self.new.root),
            goes_on=record is not None,
        )
        self._refuse_others(record)
        if not plan.goes_on and plan.size > plan.free:
            raise _no_space(plan)
        return plan

    def _refuse_place(self) -> None:
        old, new = self.old.root, self.new.root
        check_store_path(new)
        real, target = (Path(os.path.realpath(root)) for root in (old, new))
        if real == target:
            message = f"{new} is the same folder as {old}"
        elif target.is_relative_to(real) or real.is_relative_to(target):
            message = f"one of {old} and {new} is inside the other"
        else:
            return
        raise UsageError(Problem(key="DIR", message=message, hint="name another folder"))

    def _begun(self) -> MoveRecord | None:
        """The move that was begun into the new store; HostError if that is a store of its own, or of another move."""
        record = read_move(self.new.root)
        if self.new.root.is_dir() and not self.new.exists():
            refuse_foreign_folder(self.new.root)
        if record is not None and record.old == str(self.old.root):
            return record
        if record is None and (not self.new.exists() or is_unused(self.new.root)):
            return None
        message = f"{self.new.root} is a store already"
        if record is not None:
            message = f"{record.old} is being moved to {self.new.root}"
        raise HostError(Problem(message=message, hint="name an empty or a new folder"))

    def _refuse_others(self, record: MoveRecord | None) -> None:
        """HostError if somebody has synced into the new store since the move was begun."""
        own = {number for _, number in record.generations} if record is not None else set()
        others = [number for number in self.new.generation_numbers() if number not in own]
        if others:
            message = (
                f"{self.new.root} has a generation {others[0]} that does not belong to this move"
            )
            hint = "keep one of the two stores, and remove the other with `envbuild store remove`"
            raise HostError(Problem(message=message, hint=hint))

    def _manifests(self) -> tuple[Manifest, ...]:
        """The manifests to move, in order, the current one last; NoError if one was changed."""
        current = self.old.require_current().generation
        others = [number for number in self.old.generation_numbers() if number != current]
        numbers = [*(others[1 - self.keep :] if self.keep > 1 else ()), current]
        found = [check_generation(str(self.old.root), number) for number in numbers]
        problems = [
            Problem(message=f"generation {one.number}: {one.findings[0].message}", hint=_REPAIR)
            for one in found
            if one.findings
        ]
        if problems:
            raise NoError(problems)
        return tuple(one.manifest for one in found if one.manifest is not None)

    def _environments(self, manifests: Iterable[Manifest]) -> tuple[MovedEnvironment, ...]:
        """What each environment is built from; NoError lists those that cannot be built again."""
        keys = {
            basename(driver.environment): (driver.key, manifest.generation)
            for manifest in manifests
            for driver in manifest.drivers
        }
        found: list[MovedEnvironment] = []
        problems: list[Problem] = []
        for name, (key, generation) in sorted(keys.items()):
            try:
                found.append(self._environment(name, key, generation))
            except EnvbuildError as error:
                problems += (
                    replace(one, message=f"{name} cannot be built again: {one.message}")
                    for one in error.problems
                )
        if problems:
            raise NoError(problems)
        for one in found:
            check_environment_path(self.new.environment(one.wanted.environment))
        return tuple(found)

    def _environment(self, name: str, key: str, generation: int) -> MovedEnvironment:
        wanted = wanted_from_receipt(self.old, name, key, self.interpreter_at)
        if wanted is None:
            message = "its receipt was changed, or was written by an envbuild with another layout"
            hint = "sync first, for a new one; `--keep 1` moves only the current generation"
            raise NoError(Problem(message=message, hint=hint))
        recorded = self.old.records.read(generation).receipt(name)
        there = self._there(wanted)
        found = MovedEnvironment(name=name, wanted=there, key=key, recorded=recorded)
        self.is_kept(found, self.old)
        return found

    def is_kept(self, environment: MovedEnvironment, store: Store) -> bool:
        """Whether a store has all its wheels; NoError if not, and the old environment, which has them, was changed."""
        unkept = unkept_wheels(store.cache, environment.wanted)
        if not unkept:
            return True
        verifier = replace(self.verifier, root=str(self.old.root))
        name, key, recorded = environment.name, environment.key, environment.recorded
        if verifier.verify(name, key=key, recorded=recorded):
            message = f"the wheels of {', '.join(unkept[:3])} are not kept, and it was changed"
            raise NoError(Problem(message=message, hint=_REPAIR))
        return False

    def _there(self, wanted: Wanted) -> Wanted:
        """What is wanted in the new store: a Python of the old store lies elsewhere then."""
        before, after = self.pythons()
        python = wanted.derivation.python
        if not python.startswith(f"{before}/"):
            return wanted
        derivation = replace(wanted.derivation, python=f"{after}{python[len(str(before)) :]}")
        return replace(wanted, derivation=derivation, key=compute_key(derivation))

    def pythons(self) -> tuple[Path, Path]:
        """The folders of managed Pythons, as derivations name them."""
        old, new = (Path(os.path.realpath(one.root)) for one in (self.old, self.new))
        return old / self.old.pythons.name, new / self.new.pythons.name

    def _size(self, environments: Iterable[MovedEnvironment]) -> int:
        """The bytes that the new store needs; on the same file system files are linked."""
        sizes = [self.old.receipt_size(one.name) for one in environments]
        size = count_bytes([self.old.pythons, self.old.cache / "built"]) + _RESERVE
        if read_settings(self.old.root).link_mode != "hardlink":
            size += sum(sizes)
        if _device(self.old.root) != _device(self.new.root):
            size += entries_size(self.old.cache)
        return size


def _device(path: Path) -> int:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return existing.stat().st_dev


def _no_space(plan: StoreMovePlan) -> HostError:
    need, free = (f"{size / (1 << 20):,.0f} MiB" for size in (plan.size, plan.free))
    message = f"{plan.new} needs {need}, but its disk has {free} free"
    hint = "`envbuild gc --cache` makes the store smaller; `--keep 1` moves only the current generation"
    return HostError(Problem(message=message, hint=hint))
