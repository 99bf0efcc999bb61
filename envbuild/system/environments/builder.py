"""Apply a plan: the only code that changes a store."""

from __future__ import annotations

import gc
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from envbuild.activation import MODULE_FILE, PTH_FILE, PTH_TEXT, render_activation
from envbuild.completeness import find_gaps
from envbuild.errors import EnvbuildError, HostError, Problem, UsageError
from envbuild.generation import next_manifest, says_the_same
from envbuild.installation import InstallRequest
from envbuild.lease import LEASE_FILE
from envbuild.receipt import Receipt
from envbuild.recipe import Recipe
from envbuild.system.bytecode.bytecode import installed_environment, installed_groups
from envbuild.system.environments.contents import read_records, survey, thaw_folders
from envbuild.system.environments.relocation import relocate
from envbuild.system.environments.stat_list import render_stats
from envbuild.system.environments.unshare import unshare_files
from envbuild.system.workers import Workers
from envbuild.system.write_refusal import unwritable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from envbuild.installation import Installer
    from envbuild.manifest import Manifest
    from envbuild.plan import Plan, Wanted
    from envbuild.progress import Progress
    from envbuild.receipt import Contents
    from envbuild.system.bytecode.bytecode import Bytecode
    from envbuild.system.environments.contents import Survey
    from envbuild.system.environments.digest_memory import DigestMemory
    from envbuild.system.gate import Gate
    from envbuild.system.store import Store

_NOT_COMMANDS = ("python", "activate", "Activate", "deactivate", "pydoc")


class IncompleteError(HostError):
    """What was installed is not what the wheels say they bring."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A driver that could not be built."""

    driver: str
    error: EnvbuildError


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What applying a plan came to."""

    built: tuple[str, ...]
    """The drivers whose environment this call built; others may have been built beside it."""

    failures: tuple[Failure, ...]
    manifest: Manifest | None
    """The generation that is current now; None where there is none."""

    switched: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Builder:
    """Builds environments into a store and switches its current generation."""

    store: Store
    installer: Installer
    progress: Progress
    jobs: int
    declared_in: str
    """The declaration's file, for messages."""

    bytecode: Bytecode
    digests: DigestMemory
    gate: Gate
    link_mode: str = "hardlink"
    """As in the store's settings."""

    def apply(self, plan: Plan, *, keep_going: bool) -> Applied:
        """Do what a plan says: every build, then one switch if all are valid.

        With `keep_going` what could be built is switched to, and the others stay as they were.
        """
        with self.store.claiming(item.environment for item in plan.wanted):
            return self._apply(plan, keep_going=keep_going)

    def _apply(self, plan: Plan, *, keep_going: bool) -> Applied:
        missing = (item for item in plan.wanted if not self.store.is_valid(item.environment))
        built, failures = self._build_all(tuple(missing))  # a gc may have come after the plan
        failed = {failure.driver for failure in failures}
        wanted = [item for item in plan.wanted if item.driver.name not in failed]
        for item in wanted:
            try:
                self._check_commands(item)
            except EnvbuildError as error:
                failures.append(Failure(driver=item.driver.name, error=error))
                failed.add(item.driver.name)
        probed = self.gate.refuse(item for item in wanted if item.driver.name not in failed)
        failures += [Failure(driver=name, error=error) for name, error in probed]
        failed = {failure.driver for failure in failures}
        if failed and not keep_going:
            return self._unswitched(built, failures)
        wanted = [item for item in wanted if item.driver.name not in failed]
        if not plan.switch or (failed and not wanted):
            return self._unswitched(built, failures)
        manifest, switched = self._switch(plan, wanted, failed)
        return Applied(built=built, failures=tuple(failures), manifest=manifest, switched=switched)

    def _unswitched(self, built: tuple[str, ...], failures: list[Failure]) -> Applied:
        manifest = self.store.read_current()
        return Applied(built=built, failures=tuple(failures), manifest=manifest, switched=False)

    def _build_all(self, wanted: tuple[Wanted, ...]) -> tuple[tuple[str, ...], list[Failure]]:
        built: list[str] = []
        failures: list[Failure] = []
        self._recall_digests(wanted)
        with _uncollected(), Workers(max_workers=self.jobs) as pool:
            futures = [(item, pool.submit(self.build, item)) for item in wanted]
            for item, future in futures:
                try:
                    if future.result():
                        built.append(item.driver.name)
                except EnvbuildError as error:
                    failures.append(Failure(driver=item.driver.name, error=error))
                    self.progress.done(item.driver.name, "failed")
        self.digests.save()
        return tuple(built), failures

    def _recall_digests(self, wanted: Iterable[Wanted]) -> None:
        """Look at what is known of the wheels' files before anything links them."""
        for item in wanted:
            wheels = tuple(file.sha256 for file in item.files)
            self.digests.recall(wheels)
            if item.driver.bytecode:
                self.bytecode.recall(item.interpreter, wheels)

    def build(self, wanted: Wanted) -> bool:
        """Make one environment valid; False where another process had done it by then."""
        name = wanted.environment
        with self.store.building(name) as lock:
            if self.store.is_valid(name):
                self.progress.done(wanted.driver.name, "there already")
                return False
            environment = self.store.environment(name)
            try:
                self._build(wanted, environment, lock)
            except OSError as error:
                _leave_nothing(environment)
                raise unwritable(environment, error) from error
            except EnvbuildError:
                _leave_nothing(environment)
                raise
        self.progress.done(wanted.driver.name, f"built {name}")
        return True

    def _build(self, wanted: Wanted, environment: Path, lock: int) -> None:
        self.store.receipt(environment.name).unlink(missing_ok=True)
        found = self.fill(wanted, environment, lock)
        receipt = new_receipt(wanted, found.contents)
        self.store.write_receipt(receipt, stats=render_stats(found.looks))

    def fill(
        self, wanted: Wanted, place: Path, lock: int, *, refresh: tuple[str, ...] = ()
    ) -> Survey:
        """Put an environment at a place, as it is to be at its own path; whatever stood there goes.

        `refresh` names packages that are downloaded anew, whatever is in the cache;
        all are where what the cache gave is not what it should be.
        """
        try:
            return self._fill(wanted, place, lock, refresh)
        except IncompleteError:
            everything = tuple(sorted({file.package for file in wanted.files}))
            if set(refresh) == set(everything):
                raise
            self.progress.stage(wanted.driver.name, "the cache is damaged, downloading anew")
            return self._fill(wanted, place, lock, everything)

    def _fill(self, wanted: Wanted, place: Path, lock: int, refresh: tuple[str, ...]) -> Survey:
        driver = wanted.driver.name
        remove_environment(place)
        self.progress.stage(driver, f"creating on Python {wanted.interpreter.version}")
        self.installer.create(str(place), wanted.interpreter, lock)
        count = len(wanted.files)
        self.progress.stage(driver, f"installing {count} package{'s' * (count != 1)}")
        self.installer.install(_install_request(wanted, place, lock, refresh))
        site_packages = find_site_packages(place)
        environment = self.store.environment(wanted.environment)
        if place != environment:
            relocate(place, environment)
        self._bake_activation(wanted, environment, site_packages)
        (place / LEASE_FILE).touch()
        (place / ".lock").unlink(missing_ok=True)
        installed = installed_environment(wanted, site_packages, lock)
        if wanted.driver.bytecode:
            self.progress.stage(driver, "adding bytecode")
            self.bytecode.add(installed)
        if self.link_mode != "hardlink":
            unshare_files(place, clone=self.link_mode == "clone")
        self.progress.stage(driver, "checking every file")
        found = survey(place, self.digests.digest, freeze=True)
        _check_complete(wanted, place, site_packages, found.contents)
        self.digests.keep(installed_groups(installed, place, found))
        return found

    def _bake_activation(self, wanted: Wanted, environment: Path, site_packages: Path) -> None:
        text = render_activation(f"{environment}/bin", wanted.driver.env)
        (site_packages / MODULE_FILE).write_text(text, encoding="utf-8")
        (site_packages / PTH_FILE).write_text(PTH_TEXT, encoding="utf-8")

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
                hint=f"there are: {', '.join(_offered(there)) or 'none'}",
            )
            for command in driver.commands
            if command not in there
        ]
        if problems:
            raise UsageError(problems)

    def _switch(
        self, plan: Plan, wanted: Iterable[Wanted], failed: set[str]
    ) -> tuple[Manifest, bool]:
        """Move to a generation with what is wanted, unless the current one is just that already."""
        with self.store.switching():
            current = self.store.read_current()
            manifest = next_manifest(
                plan=plan,
                built=tuple(wanted),
                failed=failed,
                current=current,
                number=self.store.next_generation(),
                created=now(),
                store=str(self.store.root),
                size_of=self.store.receipt_size,
            )
            if current is not None and says_the_same(manifest, current):
                return current, False
            try:
                self.store.add_generation(manifest)
            except OSError as error:
                raise unwritable(self.store.root, error) from error
        self.progress.note(f"generation {manifest.generation} is current")
        return manifest, True


@contextmanager
def _uncollected() -> Iterator[None]:
    """Spare the collector of cycles 50,000 values for each environment, none of which is in one."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def remove_environment(environment: Path) -> None:
    """Delete whatever stands at an environment's path, a link or a file too; nothing is no error."""
    if environment.is_dir() and not environment.is_symlink():
        thaw_folders(environment)
        shutil.rmtree(environment)
    else:
        environment.unlink(missing_ok=True)


def _leave_nothing(environment: Path) -> None:
    """Remove what a failed build left; where that fails too, the next build does it."""
    with suppress(OSError):
        remove_environment(environment)


def find_site_packages(environment: Path) -> Path:
    """The environment's one site-packages folder; HostError where it is not there."""
    found = sorted(environment.glob("lib/python3.*/site-packages"))
    if len(found) != 1:
        raise HostError(Problem(message=f"{environment} has no site-packages folder"))
    return found[0]


def now() -> str:
    """The time in UTC, as receipts and manifests carry it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_receipt(wanted: Wanted, contents: Contents) -> Receipt:
    """The receipt of an environment that was just built."""
    return Receipt(
        environment=wanted.environment,
        key=wanted.key,
        created=now(),
        python=wanted.interpreter.path,
        python_version=wanted.interpreter.version,
        contents=contents,
        recipe=Recipe(
            driver=wanted.driver.name,
            version=wanted.version,
            target=str(wanted.target),
            cache_tag=wanted.interpreter.cache_tag,
            env=wanted.driver.env,
            bytecode=wanted.driver.bytecode,
            wheels=wanted.files,
        ),
    )


def _install_request(
    wanted: Wanted, environment: Path, lock: int, refresh: tuple[str, ...]
) -> InstallRequest:
    return InstallRequest(
        driver=wanted.driver.name,
        environment=str(environment),
        files=wanted.files,
        from_source=tuple(file.package for file in wanted.files if not file.file.endswith(".whl")),
        lock=lock,
        refresh=refresh,
    )


def _check_complete(
    wanted: Wanted, environment: Path, site_packages: Path, contents: Contents
) -> None:
    gaps = find_gaps(
        files=contents.files,
        records=read_records(site_packages),
        site_packages=str(site_packages.relative_to(environment)),
        wanted=((file.package, file.version) for file in wanted.files),
    )
    if gaps:
        problem = Problem(
            message=f"{wanted.driver.name}: what was installed is not complete",
            detail="\n".join(gaps),
            hint="run it again; if that does not help, remove the store's cache folder",
        )
        raise IncompleteError(problem)


def _offered(there: Iterable[str]) -> list[str]:
    return sorted(name for name in there if not name.startswith(_NOT_COMMANDS))
