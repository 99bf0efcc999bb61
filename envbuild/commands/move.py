"""`envbuild store move`: build a store again at another path, verify it, and remove the old one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.build.recovery import recover_wheels
from envbuild.commands.store import exclusively, refuse_running, remove_all
from envbuild.commands.verify import verify
from envbuild.errors import HostError, Problem
from envbuild.posix.deletion import remove_tree
from envbuild.posix.shortage import unwritable
from envbuild.release.record import FOLDER as RELEASES
from envbuild.release.record import ReleaseRecord
from envbuild.store.carrying import carry_files, carry_pythons
from envbuild.store.generation import moved_manifest
from envbuild.store.guard import require_store
from envbuild.store.move_record import FILE, MoveRecord, write_move
from envbuild.store.roots import named_by_roots
from envbuild.value import replace, value
from envbuild.wheelcache.carrying import carry_entries
from envbuild.wheelcache.wheels import WheelCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from envbuild.build.builder import Builder
    from envbuild.commands.move_plan import MovePlanner, StoreMovePlan
    from envbuild.store.plan import Wanted
    from envbuild.store.store import Store


@value
class MovedStore:
    """The result of a move."""

    plan: StoreMovePlan
    applied: bool
    """False for a dry run."""

    exports: tuple[str, ...] = ()
    """The exported files that were written anew."""

    needed: tuple[str, ...] = ()
    """The exported files that still name the old store, which therefore stays."""

    freed: int | None = None
    """The bytes that the removal of the old store freed; None if it stays."""

    foreign: tuple[str, ...] = ()
    """Names in the old folder that are not envbuild's, and stay."""

    @property
    def exit_code(self) -> int:
        """1 if the old store stays although it should go, else 0."""
        return 1 if self.needed else 0


@value
class StoreMover:
    """Moves a store; the old one stays as it is until the new one is complete and verified."""

    planner: MovePlanner
    keep_old: bool
    leave_link: bool
    open_builder: Callable[[], AbstractContextManager[Builder]]
    """Builds into the new store, without a network."""

    refresh: Callable[[], tuple[str, ...]] | None
    """Writes anew what was exported with exact paths of the old store; None if that is not wanted."""

    @property
    def old(self) -> Store:
        """The store that is moved."""
        return self.planner.old

    @property
    def new(self) -> Store:
        """The store that it is moved to."""
        return self.planner.new

    def move(self) -> MovedStore:
        """Move it; errors as in `MovePlanner.plan`, and NoError while a process runs from the old store.

        A move that was interrupted goes on when it is asked for again.
        """
        require_store(self.old.root)
        try:
            with exclusively(self.old):
                plan = self.planner.plan()
                if not plan.complete:
                    refuse_running(self.old)
                    self._build(plan)
                return self._finish(plan)
        except OSError as error:
            raise unwritable(error.filename or self.new.root, error) from error

    def _build(self, plan: StoreMovePlan) -> None:
        """Make the new store, with its current generation as the last step before it is verified."""
        self.new.prepare()
        record = MoveRecord(old=str(self.old.root), generations=plan.numbers)
        write_move(self.new.root, record)
        self._forget_generations()
        carry_files(self.old.root, self.new.root)
        carry_pythons(*self.planner.pythons())
        carry_entries(self.old.cache, self.new.cache)
        keys = {}
        with self.open_builder() as builder:
            names = [one.wanted.environment for one in plan.environments]
            with self.new.claiming(names):
                for one in plan.environments:
                    wanted = self._with_interpreter(one.wanted)
                    if not self.planner.is_kept(one, self.new):
                        wheels = WheelCache(self.new.cache / "wheels", copies=True)
                        recover_wheels(wanted, self.old.environment(one.name), wheels)
                    builder.build(wanted)
                    keys[one.name] = (wanted.environment, wanted.key)
                self._add_generations(plan, keys)
        found = verify(str(self.new.root), self.planner.verifier).findings
        if found:
            message = (
                f"{self.new.root} is not as it was built: {found[0].subject}: {found[0].message}"
            )
            raise HostError(Problem(message=message, hint=f"{self.old.root} stays as it is"))
        write_move(self.new.root, replace(record, complete=True))

    def _with_interpreter(self, wanted: Wanted) -> Wanted:
        found = self.planner.interpreter_at(wanted.derivation.python)
        if found is None:
            message = f"the Python {wanted.derivation.python} does not start"
            raise HostError(Problem(message=message, hint=f"{self.old.root} stays as it is"))
        return replace(wanted, interpreter=found)

    def _forget_generations(self) -> None:
        """Remove those of an interrupted move: they are only links, and the old store may have others now."""
        self.new.current.unlink(missing_ok=True)
        for number in self.new.generation_numbers():
            remove_tree(self.new.generation(number))
            self.new.records.path(number).unlink(missing_ok=True)

    def _add_generations(self, plan: StoreMovePlan, keys: dict[str, tuple[str, str]]) -> None:
        followed = ReleaseRecord(folder=self.old.root / RELEASES)
        with self.new.switching():
            for manifest, number in plan.generations:
                root, size_of = str(self.new.root), self.new.receipt_size
                self.new.add_generation(moved_manifest(manifest, root, number, keys, size_of))
                if (seen := followed.of_generation(manifest.generation)) is not None:
                    ReleaseRecord(folder=self.new.root / RELEASES).follow(seen, number)

    def _finish(self, plan: StoreMovePlan) -> MovedStore:
        """Write exports anew, and remove the old store unless something needs it."""
        exports = self.refresh() if self.refresh is not None else ()
        needed = tuple(dict.fromkeys(file for _, file, _ in named_by_roots(self.old.root)))
        moved = MovedStore(plan=plan, applied=True, exports=exports, needed=needed)
        if self.keep_old:
            return replace(moved, needed=())
        if needed:
            return moved
        refuse_running(self.old)
        removed = remove_all(self.old.root)
        (self.new.root / FILE).unlink(missing_ok=True)
        if self.leave_link and not os.path.lexists(self.old.root):
            self.old.root.symlink_to(self.new.root)
        return replace(moved, freed=removed.freed, foreign=removed.foreign)
