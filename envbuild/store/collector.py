"""List what a store holds, and remove what a gc's plan names."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from envbuild.environment.receipt import read_receipt_head
from envbuild.errors import HostError
from envbuild.posix.file_locks import locked_if_free
from envbuild.posix.files import sync_folder
from envbuild.posix.shortage import pass_shortage_on
from envbuild.store.garbage import Kept, StoredEnvironment, StoredGeneration
from envbuild.store.processes import find_processes, is_leased
from envbuild.store.pythons import python_name
from envbuild.store.roots import named_by_roots, remove_dead_roots
from envbuild.store.trash import LOCK, Trash
from envbuild.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.environment.lease import Process
    from envbuild.environment.receipt import ReceiptHead
    from envbuild.store.garbage import GcPlan
    from envbuild.store.store import Store

_SHARED = ("generations.lock", "cache.lock", LOCK)
"""Locks that belong to no environment."""


@value
class Collector:
    """Reads the state of a store for a gc, and carries out its plan."""

    store: Store

    def generations(self) -> tuple[StoredGeneration, ...]:
        """Every generation, by number."""
        return tuple(map(self._generation, self.store.generation_numbers()))

    def environments(self) -> tuple[StoredEnvironment, ...]:
        """Every environment with or without a receipt, and every receipt without an environment."""
        running: dict[str, list[Process]] = {}
        for process in find_processes(self.store.environments):
            running.setdefault(process.environment, []).append(process)
        exported: dict[str, list[str]] = {}
        for _, file, names in named_by_roots(self.store.root):
            for name in names:
                exported.setdefault(name, []).append(file)
        return tuple(
            self._environment(name, tuple(running.get(name, ())), tuple(exported.get(name, ())))
            for name in sorted(self._names())
        )

    def take(self, plan: GcPlan) -> GcPlan:
        """Rename away what the plan names; entries that came into use meanwhile stay.

        The caller holds `switching`. Returns the plan as it was carried out.
        """
        trash = Trash(folder=self.store.trash)
        if plan.generations:
            self.store.keep_numbers()
        for number in plan.generations:
            trash.take(self.store.generation(number))
            trash.take(self.store.records.path(number))
        if plan.generations:
            sync_folder(self.store.root / "generations")
        gone = tuple(name for name in plan.environments if self._take_environment(name, trash))
        kept = (
            Kept(subject=name, reasons=("it came into use",))
            for name in plan.environments
            if name not in gone
        )
        self._take_leftovers(trash)
        return replace(plan, environments=gone, kept=(*plan.kept, *kept))

    def _take_environment(self, name: str, trash: Trash) -> bool:
        """Remove one environment, holding every lock on it; False if a lock is held or a process runs.

        If a process takes its lease meanwhile, the environment is put back.
        """
        environment = self.store.environment(name)
        with ExitStack() as held:
            locks = (self.store.claim(name), self.store.building_lock(name))
            for lock in locks:
                if not held.enter_context(locked_if_free(lock, make=True)):
                    return False
            if is_leased(environment):
                return False
            paths = (self.store.receipt(name), self.store.stats(name))
            places = [trash.take(path) for path in paths]
            if trash.take(environment, is_leased) == environment:
                trash.put_back(zip(reversed(paths), reversed(places), strict=True))
                return False
            for lock in locks:
                lock.unlink(missing_ok=True)
        return True

    def _take_leftovers(self, trash: Trash) -> None:
        """Remove leftovers of killed runs: incomplete generations, files of removed environments."""
        remove_dead_roots(self.store.root)
        for path in self.store.generation(0).parent.glob(".*.tmp"):
            trash.take(path)
        numbers = set(self.store.generation_numbers())
        for path in self.store.records.folder.glob("*.json"):
            if path.stem.isdecimal() and int(path.stem) not in numbers:
                trash.take(path)
        with locked_if_free(self.store.cache_lock) as free:  # no build is running
            for path in self.store.staging.glob("*") if free else ():
                trash.take(path)
        names = self._names()
        for path in (*self.store.receipt("x").parent.glob("*.stat"), *self._locks()):
            if path.stem not in names:
                with locked_if_free(path) as free:
                    if free:
                        path.unlink(missing_ok=True)

    def _locks(self) -> Iterator[Path]:
        for path in self.store.claim("x").parent.iterdir():
            if path.suffix in (".lock", ".claim") and path.name not in _SHARED:
                yield path

    def _names(self) -> set[str]:
        confirmed = {path.name for path in _listed(self.store.environments)}
        receipts = {
            path.stem for path in _listed(self.store.receipt("x").parent) if path.suffix == ".json"
        }
        return confirmed | receipts

    def _generation(self, number: int) -> StoredGeneration:
        """Every generation with all environments that its manifest, its record or its links name."""
        folder = self.store.generation(number)
        links = (path for path in _listed(folder) if path.is_symlink())
        needed = {os.path.basename(os.readlink(link)) for link in links}  # noqa: PTH115, PTH119
        created = None
        try:
            manifest = self.store.read_generation(number)
            if manifest is not None:
                created = manifest.created
                needed |= {Path(driver.environment).name for driver in manifest.drivers}
            needed |= {name for name, _ in self.store.records.read(number).receipts}
        except HostError:
            pass  # `verify` reports damage
        return StoredGeneration(number=number, created=created, environments=tuple(sorted(needed)))

    def _environment(
        self, name: str, processes: tuple[Process, ...], exported: tuple[str, ...]
    ) -> StoredEnvironment:
        head = self._receipt_head(name)
        links = (
            head.python if head is not None else "",
            _link_target(self.store.environment(name) / "bin/python"),
        )
        pythons = (python_name(self.store.pythons, path) for path in links)
        return StoredEnvironment(
            name=name,
            created=head.created if head is not None else None,
            processes=processes,
            busy=self._is_busy(name),
            leased=is_leased(self.store.environment(name)),
            size=head.size if head is not None else None,
            pythons=tuple({python for python in pythons if python is not None}),
            exported=exported,
        )

    def _receipt_head(self, name: str) -> ReceiptHead | None:
        try:
            return read_receipt_head(self.store.receipt(name))
        except (OSError, ValueError) as error:
            pass_shortage_on(error)
            return None

    def _is_busy(self, name: str) -> bool:
        for path in (self.store.claim(name), self.store.building_lock(name)):
            with locked_if_free(path) as free:
                if not free:
                    return True
        return False


def _link_target(link: Path) -> str:
    """The target of a link; empty if it is not a link."""
    try:
        return os.readlink(link)  # noqa: PTH115
    except OSError:
        return ""


def _listed(folder: Path) -> tuple[Path, ...]:
    try:
        return tuple(folder.iterdir())
    except FileNotFoundError:
        return ()
