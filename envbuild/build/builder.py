"""Apply a plan; only this code changes a store."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from envbuild.build.staging import IncompleteError
from envbuild.environment.contents import find_site_packages
from envbuild.environment.receipt import Receipt
from envbuild.environment.stat_list import record_looks
from envbuild.errors import EnvbuildError, IndexFailureError, Problem, UsageError
from envbuild.posix.clock import now
from envbuild.posix.deletion import remove_tree
from envbuild.posix.files import sync_file_system
from envbuild.posix.shortage import unwritable
from envbuild.posix.workers import Workers
from envbuild.store.generation import next_manifest, says_the_same
from envbuild.store.shims import moved_shims
from envbuild.value import replace, value
from envbuild.wheelcache.modules import runnable_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from envbuild.build.assembly import Assembler
    from envbuild.build.gate import Gate
    from envbuild.environment.content_digest import Contents
    from envbuild.environment.survey import Survey
    from envbuild.progress import Progress
    from envbuild.store.manifest import Manifest
    from envbuild.store.plan import Plan, Wanted
    from envbuild.store.shims import MovedShim
    from envbuild.store.store import Store

_NOT_COMMANDS = ("python", "activate", "Activate", "deactivate", "pydoc")


@value
class Failure:
    """A driver that could not be built."""

    driver: str
    error: EnvbuildError


@value
class Applied:
    """The result of applying a plan."""

    built: tuple[str, ...]
    """The drivers whose environments this call built; another process may have built others."""

    failures: tuple[Failure, ...]
    manifest: Manifest | None
    """The current generation; None if there is none."""

    switched: bool
    moved_shims: tuple[MovedShim, ...] = ()
    """The shims that start another driver since the switch, or none."""


@value
class Builder:
    """Builds environments into a store and switches its current generation."""

    store: Store
    assembler: Assembler
    progress: Progress
    jobs: int
    declared_in: str
    """The declaration's file, for messages."""

    gate: Gate

    def apply(self, plan: Plan, *, keep_going: bool) -> Applied:
        """Apply a plan: build everything, then switch once if all are valid.

        With `keep_going`, what could be built becomes current, and the other drivers stay as they were.
        """
        with self.store.claiming(item.environment for item in plan.wanted):
            missing = (item for item in plan.wanted if not self.store.is_valid(item.environment))
            built, failures = self._build_all(
                tuple(missing)
            )  # gc may have run after the plan was made
            failures += self._refusals(_without(failures, plan.wanted))
            usable = _without(failures, plan.wanted)
            refused = failures and not (keep_going and usable)
            applied = Applied(
                built=built,
                failures=tuple(failures),
                manifest=self.store.read_current(),
                switched=False,
            )
            if plan.switch and not refused:
                applied = self._switch(plan, usable, applied)
        return applied

    def _refusals(self, wanted: Iterable[Wanted]) -> Iterator[Failure]:
        """The existing environments that must not become current."""
        complete = []
        for item in wanted:
            try:
                self._check_commands(item)
            except EnvbuildError as error:
                yield Failure(driver=item.driver.name, error=error)
            else:
                complete.append(item)
        for name, refusal in self.gate.refuse(complete):
            yield Failure(driver=name, error=refusal)

    def _build_all(self, wanted: tuple[Wanted, ...]) -> tuple[tuple[str, ...], list[Failure]]:
        built: list[str] = []
        failures: list[Failure] = []
        with _uncollected(), Workers(max_workers=self.jobs) as pool:
            futures = [(item, pool.submit(self.build, item)) for item in wanted]
            for item, future in futures:
                try:
                    if future.result():
                        built.append(item.driver.name)
                except EnvbuildError as error:
                    failures.append(Failure(driver=item.driver.name, error=error))
                    self.progress.failed(item.driver.name, "failed")
        return tuple(built), failures

    def build(self, wanted: Wanted) -> bool:
        """Build one environment; False if another process has built it meanwhile."""
        name = wanted.environment
        with self.store.building(name) as lock:
            if self.store.is_valid(name):
                self.progress.done(wanted.driver.name, "there already")
                return False
            environment = self.store.environment(name)
            try:
                self.store.receipt(name).unlink(missing_ok=True)
                self._record(wanted, environment, self.fill(wanted, environment, lock))
                self.assembler.settle(wanted)
            except OSError as error:
                _leave_nothing(environment)
                raise unwritable(environment, error) from error
            except EnvbuildError:
                _leave_nothing(environment)
                raise
        self.progress.done(wanted.driver.name, f"built {name}")
        return True

    def _record(self, wanted: Wanted, environment: Path, found: Survey) -> None:
        """Write the receipt, after everything in it is on the disk."""
        with Workers(max_workers=1) as beside:
            syncing = beside.submit(sync_file_system, environment)
            stats = record_looks(found.looks)
            receipt = new_receipt(wanted, found.contents)
            del found  # frees some megabytes before the receipt's text is made
            self.store.write_receipt(receipt, stats=stats, synced=syncing.result)

    def fill(
        self, wanted: Wanted, place: Path, lock: int, *, refresh: tuple[str, ...] = ()
    ) -> Survey:
        """Make an environment in a place for its own path; what is there is removed.

        Packages in `refresh` are downloaded again, even if they are cached.
        If the cache gave an incomplete result, every package is downloaded again.
        """
        environment = self.store.environment(wanted.environment)
        everything = tuple(sorted({file.package for file in wanted.files}))
        try:
            if set(refresh) != set(everything):
                with suppress(IncompleteError):
                    return self.assembler.fill(wanted, place, environment, lock, refresh)
                self.progress.stage(wanted.driver.name, "the cache is damaged, downloading again")
            return self.assembler.fill(wanted, place, environment, lock, everything)
        except IncompleteError as error:
            raise _wrong_records(wanted, error) from error

    def _check_commands(self, wanted: Wanted) -> None:
        folder = self.store.environment(wanted.environment) / "bin"
        there = {path.name for path in folder.iterdir() if os.access(path, os.X_OK)}
        driver = wanted.driver
        problems = [
            Problem(
                file=self.declared_in,
                key=f"drivers.{driver.name}.{'binary' if command == driver.binary else 'commands'}",
                line=driver.line,
                message=f"no package of {driver.name} provides the command {command!r}",
                hint=f"there are: {', '.join(_executables(there)) or 'none'}",
            )
            for command in (*driver.commands, *driver.package_commands)
            if command not in there
        ]
        module = driver.module
        if module is not None and not _has_module(folder.parent, module):
            problems.append(
                Problem(
                    file=self.declared_in,
                    key=f"drivers.{driver.name}.command",
                    line=dict(driver.origins).get("command", driver.line),
                    message=f"no package of {driver.name} has the module {module!r} to run",
                )
            )
        site_packages = find_site_packages(folder.parent)
        problems += [
            Problem(
                file=self.declared_in,
                key=f"drivers.{driver.name}.library-path",
                line=dict(driver.origins).get("library-path", driver.line),
                message=f"no package of {driver.name} has the folder {path!r}",
            )
            for path in driver.library_path
            if not driver.variants  # whose packages differ
            if not (site_packages / path).is_dir()
        ]
        if problems:
            raise UsageError(problems)

    def _switch(self, plan: Plan, wanted: Iterable[Wanted], applied: Applied) -> Applied:
        """Make a new generation current, unless the current one is the same."""
        with self.store.switching():
            current = self.store.read_current()
            manifest = next_manifest(
                plan=plan,
                built=tuple(wanted),
                failed={failure.driver for failure in applied.failures},
                current=current,
                number=self.store.next_generation(),
                created=now(),
                store=str(self.store.root),
                size_of=self.store.receipt_size,
            )
            if current is not None and says_the_same(manifest, current):
                return replace(applied, manifest=current)
            try:
                self.store.add_generation(manifest)
            except OSError as error:
                raise unwritable(self.store.root, error) from error
        moved = moved_shims(current, manifest)
        return replace(applied, manifest=manifest, switched=True, moved_shims=moved)


def _without(failures: Iterable[Failure], wanted: Iterable[Wanted]) -> list[Wanted]:
    """The entries that have not failed."""
    failed = {failure.driver for failure in failures}
    return [item for item in wanted if item.driver.name not in failed]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the garbage collector: a build makes 50,000 values for an environment, and no cycles."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _leave_nothing(environment: Path) -> None:
    """Remove what a failed build left; if that fails, the next build does it."""
    with suppress(OSError):
        remove_tree(environment)


def _wrong_records(wanted: Wanted, error: IncompleteError) -> IndexFailureError:
    """The error if even a clean download is incomplete: the wheels themselves are wrong."""
    return IndexFailureError(
        Problem(
            message=f"{wanted.driver.name}: wheels differ from their own RECORD",
            detail=error.problems[0].detail,
            hint="they are the locked ones, downloaded again: lock without these versions "
            '(constraints = ["NAME!=VERSION"]), or ask its publisher to fix it',
        )
    )


def new_receipt(wanted: Wanted, contents: Contents) -> Receipt:
    """The receipt of an environment that was just built."""
    return Receipt(
        environment=wanted.environment,
        key=wanted.key,
        created=now(),
        contents=contents,
        derivation=wanted.derivation,
    )


def _has_module(environment: Path, module: str) -> bool:
    """Whether `python -m` finds something to run."""
    site_packages = find_site_packages(environment)
    return any((site_packages / path).is_file() for path in runnable_paths(module))


def _executables(there: Iterable[str]) -> list[str]:
    return sorted(name for name in there if not name.startswith(_NOT_COMMANDS))
