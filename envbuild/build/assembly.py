"""Fill one environment: link its wheels, add bytecode and the start-up file, and check every file."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from envbuild.build.activation import ActivationBuild, put_command
from envbuild.build.contested_paths import contested_modules
from envbuild.build.host_links import link_host_packages
from envbuild.build.site import Site
from envbuild.build.staging import incomplete
from envbuild.environment.completeness import find_gaps
from envbuild.environment.lease import LEASE_FILE
from envbuild.environment.relocation import relocate, unshare_files
from envbuild.environment.survey import survey
from envbuild.posix.deletion import remove_tree
from envbuild.posix.files import sync_file_system
from envbuild.posix.second_process import SecondProcess, SecondProcessError
from envbuild.posix.tree import folders_in, list_folders, walk_folders
from envbuild.posix.workers import Workers
from envbuild.value import replace, value
from envbuild.wheelcache.bytecode import Installed
from envbuild.wheelcache.modules import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from envbuild.build.placing import Placer
    from envbuild.build.preparation import Preparer
    from envbuild.build.site import Filled
    from envbuild.environment.survey import Survey
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.posix.second_process import SecondProcesses
    from envbuild.posix.tree import Visit
    from envbuild.store.plan import Wanted


_WORTH = 240_000
"""Bytes of the wheels' tables from which a second process gains more than its start takes: some 2,000 files."""

_BESIDE = 3
"""Threads in addition to the linking: for uv, for compiling new wheels, and for the start-up file."""


@value
class Assembler:
    """Fills environments; safe for several threads and processes."""

    placer: Placer
    processes: SecondProcesses
    preparer: Preparer
    wheels_of: Callable[[Wanted], tuple[ChosenFile, ...]]
    """The files of a driver, with a wheel that was built for each source; errors as in `WheelProvider`."""

    link_mode: str
    """As in the store's settings."""

    def fill(
        self, wanted: Wanted, place: Path, environment: Path, lock: int, refresh: tuple[str, ...]
    ) -> Survey:
        """Make an environment in `place` for its own path; what is there is removed.

        Packages in `refresh` are downloaded again. IncompleteError if a cache is damaged;
        other errors as in `Installer`.
        """
        files = self.wheels_of(wanted)
        wanted = replace(wanted, derivation=replace(wanted.derivation, files=files))
        weight = sum(self.placer.wheels.entries.weight(file.sha256) for file in wanted.files)
        if weight >= _WORTH:
            try:
                with self.processes.start(lock) as second:
                    return self._fill(wanted, place, environment, lock, refresh, second)
            except SecondProcessError as error:
                self.placer.progress.note(f"{wanted.driver.name}: {error}; it is built again")
        return self._fill(wanted, place, environment, lock, refresh, SecondProcess())

    def _fill(
        self,
        wanted: Wanted,
        place: Path,
        environment: Path,
        lock: int,
        refresh: tuple[str, ...],
        second: SecondProcess,
    ) -> Survey:
        remove_tree(place)
        with Workers(max_workers=_BESIDE) as beside:
            site = self._create(wanted, place, environment, lock, beside)
            site.second = second
            (place / LEASE_FILE).touch()
            activation = ActivationBuild(site, self.placer.bytecode, beside)
            filled = self.placer.place(site, beside, refresh)
            self._finish(site, filled, activation)
            return self._survey(site, filled, beside)

    def settle(self, wanted: Wanted) -> None:
        """Note that an environment's cache entries are on the disk, after its receipt was written."""
        wheels = [file.sha256 for file in self.wheels_of(wanted)]
        self.placer.wheels.entries.settle(wheels)
        if wanted.driver.bytecode:
            self.placer.bytecode.entries(wanted.interpreter).settle(wheels)

    def _create(
        self, wanted: Wanted, place: Path, environment: Path, lock: int, beside: Workers
    ) -> Site:
        """Create the environment, and meanwhile find the cache of its interpreter's bytecode.

        Other users cannot enter its folder until every file in it has its mode.
        """
        version = wanted.interpreter.version
        self.placer.progress.stage(wanted.driver.name, f"creating on Python {version}")
        bytecode = beside.submit(self._bytecode_folder, wanted)
        place.mkdir(mode=0o700)
        self.placer.installer_for(wanted.indexes).create(str(place), wanted.interpreter, lock)
        _leave_out_uv(place / "pyvenv.cfg")
        return Site(wanted, place, environment, lock, bytecode=bytecode.result())

    def _bytecode_folder(self, wanted: Wanted) -> str:
        """The folder of the interpreter's cached bytecode; empty if none is wanted."""
        if not wanted.driver.bytecode:
            return ""
        return str(self.placer.bytecode.entries(wanted.interpreter).root)

    def _finish(self, site: Site, filled: Filled, activation: ActivationBuild) -> None:
        """Add what is in no wheel: the bytecode and the start-up file."""
        place, driver = site.place, site.wanted.driver.name
        for clash in filled.clashes:
            if clash.differs:
                self.placer.progress.note(f"warning: {driver}: {clash.sentence} [shared-path]")
        if place != site.environment:
            relocate(place, site.environment)
        if site.bytecode:
            self.placer.progress.stage(driver, "adding bytecode")
            self._add_bytecode(site, filled)
        if site.wanted.derivation.inherited:
            link_host_packages(
                site.wanted.derivation.inherited,
                site.site_packages,
                driver,
                site.wanted.interpreter.cache_tag,
            )
        activation.put(filled)
        if put_command(site, filled):
            self.placer.progress.note(
                f"warning: {driver}: bin/{driver} is the driver's own command; "
                "a package's command of that name is not in the environment"
            )
        if site.wanted.driver.prepare:
            self._prepare(site)
            filled.known.clear()
        elif self.link_mode != "hardlink":
            unshare_files(place, clone=self.link_mode == "clone")
            filled.known.clear()
        filled.forget_entries()

    def _prepare(self, site: Site) -> None:
        """Run the declared steps, and compile the modules that they wrote."""
        written = self.preparer.prepare(site)
        if written and site.bytecode:
            installed = Installed(
                site_packages=site.site_packages,
                interpreter=site.wanted.interpreter,
                wheels=(),
                lock=site.lock,
            )
            modules = [Module(path=path) for path in written]
            self.placer.bytecode.compile(installed, modules)

    def _survey(self, site: Site, filled: Filled, beside: Workers) -> Survey:
        """Make an environment read-only and check every file in it."""
        self.placer.progress.stage(site.wanted.driver.name, "checking every file")
        syncing = beside.submit(sync_file_system, site.place)  # most of it, before the receipt
        found = survey(site.place, known=filled.known, freeze=True, walk=partial(_walk, site))
        _check_complete(site, filled)
        syncing.result()
        return found

    def _add_bytecode(self, site: Site, filled: Filled) -> None:
        lacking = {s: wheel for s, wheel in filled.linked.items() if wheel.bytecode is None}
        installed = Installed(
            site_packages=site.site_packages,
            interpreter=site.wanted.interpreter,
            wheels=tuple((s, w.rows()) for s, w in lacking.items()),
            sound=frozenset(filled.linked),
            lock=site.lock,
        )
        filled.known |= site.by_path(self.placer.bytecode.add(installed))
        absent = [Module(path=path) for path in filled.absent()]
        absent += contested_modules(site, filled, filled.clashes)
        if absent:
            self.placer.bytecode.compile(installed, absent)


def _leave_out_uv(config: Path) -> None:
    """Remove the version of uv from an environment: hosts with another uv have the same content."""
    lines = config.read_text(encoding="utf-8").splitlines(keepends=True)
    config.write_text("".join(x for x in lines if not x.startswith("uv = ")), encoding="utf-8")


def _walk(site: Site, root: bytes, mode: int) -> Iterator[Visit]:
    """Every folder of an environment; two processes list those in site-packages."""
    folders = folders_in(os.fsencode(site.site_packages))
    folders.sort(key=lambda folder: -os.lstat(folder).st_nlink)  # as many folders as it holds
    for visits in site.second.divide(partial(list_folders, mode), folders):
        yield from visits
    yield from walk_folders([root], mode=mode, keep=(root,), spare=frozenset(folders))


def _check_complete(site: Site, filled: Filled) -> None:
    wanted = ((file.package, file.version) for file in site.wanted.files)
    gaps = find_gaps(filled.dist_infos, wanted)
    if gaps:
        raise incomplete(site, "\n".join(gaps))
