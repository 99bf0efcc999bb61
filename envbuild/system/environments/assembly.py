"""Fill one environment: kept wheels are linked, the others installed and kept, bytecode added, all of it read."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from envbuild.activation import MODULE_FILE, PTH_FILE, PTH_TEXT, render_activation
from envbuild.bytecode import Module
from envbuild.completeness import find_gaps
from envbuild.errors import HostError, Problem
from envbuild.installation import InstallRequest
from envbuild.lease import LEASE_FILE
from envbuild.system.bytecode.bytecode import Installed
from envbuild.system.cache.claims import claim, claim_again, wait_for
from envbuild.system.cache.linker import LinkingDiedError
from envbuild.system.cache.share import Share
from envbuild.system.environments.contents import read_files, survey
from envbuild.system.environments.folder import remove_environment
from envbuild.system.environments.relocation import relocate
from envbuild.system.environments.site import Filled, Site
from envbuild.system.environments.unshare import unshare_files
from envbuild.system.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envbuild.installation import Installer
    from envbuild.plan import Wanted
    from envbuild.progress import Progress
    from envbuild.recipe import ChosenFile
    from envbuild.system.bytecode.bytecode import Bytecode
    from envbuild.system.cache.linker import Linker, Linking
    from envbuild.system.cache.wheels import WheelCache
    from envbuild.system.environments.contents import Survey


class IncompleteError(HostError):
    """What was installed is not what the wheels say they bring."""


class ContestedError(HostError):
    """Kept wheels and others bring different files of one name: uv has to install them together."""

    def __init__(self, wheels: frozenset[str]) -> None:
        super().__init__(Problem(message="wheels bring different files of one name"))
        self.wheels = wheels


@dataclass(frozen=True, kw_only=True, slots=True)
class Assembler:
    """Fills environments; several threads and processes do at once."""

    installer: Installer
    progress: Progress
    wheels: WheelCache
    linker: Linker
    bytecode: Bytecode
    link_mode: str
    """As in the store's settings."""

    def fill(
        self, wanted: Wanted, place: Path, environment: Path, lock: int, refresh: tuple[str, ...]
    ) -> Survey:
        """Make an environment at a place where nothing stands, as it is to be at its own path.

        `refresh` names packages that are downloaded anew. IncompleteError where a cache is damaged;
        other errors as in `Installer`.
        """
        together: frozenset[str] = frozenset()
        alone = False
        while True:
            weights = {} if alone else self._weights(wanted)
            try:
                with self.linker.linking(weights, lock) as linking:
                    site = self._create(wanted, place, environment, lock)
                    return self._fill(site, linking, refresh, together)
            except ContestedError as error:
                if error.wheels <= together:
                    raise
                together |= error.wheels
            except LinkingDiedError:
                if alone:
                    raise
                alone = True
            remove_environment(place)

    def settle(self, wanted: Wanted) -> None:
        """Note that what an environment was made of is on the disk, as its receipt is by now."""
        wheels = [file.sha256 for file in wanted.files]
        self.wheels.entries.settle(wheels)
        if wanted.driver.bytecode:
            self.bytecode.entries(wanted.interpreter).settle(wheels)

    def _weights(self, wanted: Wanted) -> dict[str, int]:
        """About how much there is to link of each wheel."""
        return {file.sha256: self.wheels.weight(file.sha256) for file in wanted.files}

    def _create(self, wanted: Wanted, place: Path, environment: Path, lock: int) -> Site:
        """Make the environment while its interpreter tells which bytecode is its own."""
        version = wanted.interpreter.version
        self.progress.stage(wanted.driver.name, f"creating on Python {version}")
        with Workers(max_workers=1) as beside:
            bytecode = beside.submit(self._bytecode_folder, wanted)
            self.installer.create(str(place), wanted.interpreter, lock)
            return Site(wanted, place, environment, lock, bytecode=bytecode.result())

    def _bytecode_folder(self, wanted: Wanted) -> str:
        """Where the bytecode of the environment's interpreter is kept; empty where none is wanted."""
        if not wanted.driver.bytecode:
            return ""
        return str(self.bytecode.entries(wanted.interpreter).root)

    def _fill(
        self, site: Site, linking: Linking, refresh: tuple[str, ...], together: frozenset[str]
    ) -> Survey:
        wanted, place, driver = site.wanted, site.place, site.wanted.driver.name
        (place / LEASE_FILE).touch()
        filled = self._put_wheels(site, linking, refresh, together)
        (place / ".lock").unlink(missing_ok=True)  # uv's, where it had anything to install
        _bake_activation(site, filled)
        if wanted.driver.bytecode:
            self.progress.stage(driver, "adding bytecode")
            self._add_bytecode(site, filled)
        if self.link_mode != "hardlink":
            unshare_files(place, clone=self.link_mode == "clone")
            filled.known.clear()
        filled.forget_entries()
        self.progress.stage(driver, "checking every file")
        found = survey(place, known=filled.known, freeze=True)
        _check_complete(site, filled, found)
        return found

    def _put_wheels(
        self, site: Site, linking: Linking, refresh: tuple[str, ...], together: frozenset[str]
    ) -> Filled:
        """Link what is kept, have uv install the rest, and keep that."""
        usable = self.wheels.entries.is_usable()
        filled = Filled()
        anew = [
            file
            for file in site.wanted.files
            if not usable
            or not file.file.endswith(".whl")
            or file.package in refresh
            or file.sha256 in together
        ]
        waiting = [file for file in site.wanted.files if file not in anew]
        while waiting or anew:
            with ExitStack() as held:
                claims = claim(self.wheels, waiting, held)
                others = (*anew, *claims.mine)
                broken = self._put_some(site, filled, linking, claims.kept, others, refresh)
                if usable:
                    again = claim_again(self.wheels, anew, held)
                    self._keep(site, filled, {file.sha256 for file in (*claims.mine, *again)})
            if filled.contested:
                raise ContestedError(frozenset(filled.contested))
            anew, waiting = broken, list(claims.busy)
            if waiting and not anew:
                self.progress.stage(site.wanted.driver.name, "waiting for shared packages")
                if not wait_for(self.wheels, waiting[0]):
                    anew, waiting = waiting, []
        return filled

    def _put_some(
        self,
        site: Site,
        filled: Filled,
        linking: Linking,
        kept: Sequence[ChosenFile],
        others: tuple[ChosenFile, ...],
        refresh: tuple[str, ...],
    ) -> list[ChosenFile]:
        """Link while uv installs; those that turned out not to be kept."""
        count = len(kept) + len(others)
        self.progress.stage(
            site.wanted.driver.name, f"installing {count} package{'s' * (count != 1)}"
        )
        with Workers(max_workers=1) as beside:
            installing = beside.submit(self._install, site, others, refresh)
            broken = self._link(site, filled, linking, kept)
            installing.result()
        if site.place != site.environment:
            relocate(site.place, site.environment)
        self._look_at_fresh(site, filled)
        return broken

    def _install(self, site: Site, files: tuple[ChosenFile, ...], refresh: tuple[str, ...]) -> None:
        if not files:
            return
        request = InstallRequest(
            driver=site.wanted.driver.name,
            environment=str(site.place),
            files=files,
            from_source=tuple(file.package for file in files if not file.file.endswith(".whl")),
            lock=site.lock,
            refresh=tuple(file.package for file in files if file.package in refresh),
            downloaded=partial(self.progress.downloaded, site.wanted.driver.name),
        )
        self.installer.install(request)

    def _link(
        self, site: Site, filled: Filled, linking: Linking, kept: Sequence[ChosenFile]
    ) -> list[ChosenFile]:
        """Link what is kept, bytecode too; those that turned out not to be kept."""
        share = Share(
            wheels=str(self.wheels.entries.root),
            bytecode=site.bytecode,
            site_packages=str(site.site_packages),
            environment=str(site.environment),
            minor=site.minor,
            names=tuple(file.sha256 for file in kept),
        )
        found = linking.link(share)
        for sha256, linked in found.items():
            if linked is not None:
                filled.take(site, sha256, linked)
        return [file for file in kept if found[file.sha256] is None]

    def _look_at_fresh(self, site: Site, filled: Filled) -> None:
        """Read what uv has installed, and find out whether it met what is linked."""
        for wheel in site.fresh_wheels(filled.dist_infos):
            filled.fresh[wheel.dist_info] = wheel
            found = read_files((path, site.locate(path)) for path, _, _ in wheel.rows)
            for path, file in site.by_path(found.values()).items():
                before = filled.known.get(path)
                if path in filled.scripts or (before and before.sha256 != file.sha256):
                    filled.contested |= filled.owners(path)
                filled.known[path] = file
        for sha256, linked in filled.linked.items():
            theirs = site.by_path(linked.linked.met)
            for path in (*map(site.path, linked.met), *theirs):
                there, own = filled.known.get(path), theirs.get(path)
                if there is None or own is None or there.sha256 != own.sha256:
                    filled.contested |= {sha256, *filled.owners(path)}

    def _keep(self, site: Site, filled: Filled, wheels: set[str]) -> None:
        """Keep what was installed just now, of these wheels; what is not as its RECORD says is not kept."""
        own = {MODULE_FILE, PTH_FILE}  # who brings those is refused, whether or not it was kept
        for wheel in filled.fresh.values():
            if wheel.sha256 in wheels and own.isdisjoint(path for path, _, _ in wheel.rows):
                found = {
                    path: file
                    for path, _, _ in wheel.rows
                    if (file := filled.known.get(site.path(path))) is not None
                }
                self.wheels.keep(
                    wheel,
                    site.target,
                    found,
                    environment=os.fsencode(site.environment),
                    minor=site.minor,
                )

    def _add_bytecode(self, site: Site, filled: Filled) -> None:
        fresh = filled.fresh.values()
        kept = (
            (sha256, wheel.rows())
            for sha256, wheel in filled.linked.items()
            if wheel.bytecode is None
        )
        installed = Installed(
            site_packages=site.site_packages,
            interpreter=site.wanted.interpreter,
            wheels=(*kept, *((wheel.sha256, wheel.rows) for wheel in fresh if wheel.sha256)),
            unkept=tuple(wheel.rows for wheel in fresh if not wheel.sha256),
            sound=frozenset(filled.linked),
            lock=site.lock,
        )
        own = [Module(path=path, sha256="", size=0) for path in (MODULE_FILE, *filled.absent())]
        with Workers(max_workers=1) as beside:
            compiling = beside.submit(self.bytecode.compile, installed, own)
            filled.known |= site.by_path(self.bytecode.add(installed))
            compiling.result()


def _bake_activation(site: Site, filled: Filled) -> None:
    text = render_activation(f"{site.environment}/bin", site.wanted.driver.env)
    for name, content in ((MODULE_FILE, text), (PTH_FILE, PTH_TEXT)):
        path = site.site_packages / name
        path.unlink(missing_ok=True)  # it may be a wheel's, shared with a cache
        filled.known.pop(site.path(name), None)
        path.write_text(content, encoding="utf-8")


def _check_complete(site: Site, filled: Filled, found: Survey) -> None:
    wanted = site.wanted
    gaps = find_gaps(
        files=found.contents.files,
        records={wheel.dist_info: wheel.record for wheel in filled.fresh.values()},
        whole=filled.whole,
        site_packages=site.prefix.rstrip("/"),
        wanted=((file.package, file.version) for file in wanted.files),
    )
    if gaps:
        problem = Problem(
            message=f"{wanted.driver.name}: what was installed is not complete",
            detail="\n".join(gaps),
            hint="run it again; if that does not help, remove the store's cache folder",
        )
        raise IncompleteError(problem)
