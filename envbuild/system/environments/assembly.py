"""Fill one environment: kept wheels are linked, the others installed and kept, bytecode added, all of it read."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from posixpath import normpath
from typing import TYPE_CHECKING

from envbuild.activation import MODULE_FILE, PTH_FILE, PTH_TEXT, render_activation
from envbuild.bytecode import Module
from envbuild.completeness import find_gaps
from envbuild.errors import HostError, Problem
from envbuild.installation import InstallRequest
from envbuild.lease import LEASE_FILE
from envbuild.requirement_text import normalized_name
from envbuild.system.bytecode.bytecode import Installed
from envbuild.system.cache.entries import Target
from envbuild.system.cache.wheels import FreshWheel
from envbuild.system.environments.contents import read_files, read_record, survey
from envbuild.system.environments.folder import find_site_packages, remove_environment
from envbuild.system.environments.relocation import relocate
from envbuild.system.environments.unshare import unshare_files
from envbuild.system.workers import Workers
from envbuild.wheel_record import parse_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from envbuild.cache_entry import EntryFile
    from envbuild.installation import Installer
    from envbuild.plan import Wanted
    from envbuild.progress import Progress
    from envbuild.recipe import ChosenFile
    from envbuild.system.bytecode.bytecode import Bytecode
    from envbuild.system.cache.wheels import LinkedWheel, WheelCache
    from envbuild.system.environments.contents import Survey


class IncompleteError(HostError):
    """What was installed is not what the wheels say they bring."""


class ContestedError(HostError):
    """Kept wheels and others bring different files of one name: uv has to install them together."""

    def __init__(self, wheels: frozenset[str]) -> None:
        super().__init__(Problem(message="wheels bring different files of one name"))
        self.wheels = wheels


class Site:
    """Where an environment is filled, and what it is to be."""

    def __init__(self, wanted: Wanted, place: Path, environment: Path, lock: int) -> None:
        self.wanted = wanted
        self.place = place
        self.environment = environment
        """Its own path, which differs from `place` while it is built anew beside the old one."""

        self.lock = lock
        self.site_packages = find_site_packages(place)
        self.target = Target(self.site_packages)
        self.prefix = f"{self.site_packages.relative_to(place)}/"
        self.minor = wanted.interpreter.version.rpartition(".")[0]

    def path(self, path: str) -> str:
        """A path of a RECORD, relative to the environment."""
        whole = self.prefix + path
        return normpath(whole) if "/." in whole or "//" in whole else whole

    def locate(self, path: str) -> bytes:
        """Where a path of a RECORD is."""
        return os.fsencode(self.place) + b"/" + self.path(path).encode("utf-8", "surrogateescape")

    def by_path(self, files: Iterable[EntryFile]) -> dict[str, EntryFile]:
        """Files by their path in the environment."""
        return {self.path(file.path): file for file in files}


@dataclass(kw_only=True, slots=True)
class _Filled:
    """What has got into an environment so far."""

    linked: dict[str, LinkedWheel] = field(default_factory=dict)
    """By the wheel's sha256."""

    fresh: dict[str, FreshWheel] = field(default_factory=dict)
    """What uv has installed, by its `.dist-info` folder."""

    known: dict[str, EntryFile] = field(default_factory=dict)
    """Files whose content is known, by path in the environment."""

    contested: set[str] = field(default_factory=set)
    """Kept wheels that brought other files than uv did under the same names."""

    @property
    def dist_infos(self) -> set[str]:
        """The distributions that are there."""
        return {wheel.dist_info for wheel in self.linked.values()} | self.fresh.keys()

    def linked_owners(self, file: EntryFile) -> set[str]:
        """The kept wheels that a linked file may be of."""
        return {sha256 for sha256, wheel in self.linked.items() if file in wheel.linked.files}


@dataclass(frozen=True, kw_only=True, slots=True)
class Assembler:
    """Fills environments; several threads and processes do at once."""

    installer: Installer
    progress: Progress
    wheels: WheelCache
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
        while True:
            try:
                return self._fill(wanted, place, environment, lock, refresh, together)
            except ContestedError as error:
                if error.wheels <= together:
                    raise
                together |= error.wheels
                remove_environment(place)

    def settle(self, wanted: Wanted) -> None:
        """Note that what an environment was made of is on the disk, as its receipt is by now."""
        wheels = [file.sha256 for file in wanted.files]
        self.wheels.entries.settle(wheels)
        if wanted.driver.bytecode:
            self.bytecode.entries(wanted.interpreter).settle(wheels)

    def _fill(
        self,
        wanted: Wanted,
        place: Path,
        environment: Path,
        lock: int,
        refresh: tuple[str, ...],
        together: frozenset[str],
    ) -> Survey:
        driver = wanted.driver.name
        self.progress.stage(driver, f"creating on Python {wanted.interpreter.version}")
        self.installer.create(str(place), wanted.interpreter, lock)
        site = Site(wanted, place, environment, lock)
        (place / LEASE_FILE).touch()
        filled = self._put_wheels(site, refresh, together)
        (place / ".lock").unlink(missing_ok=True)  # uv's, where it had anything to install
        _bake_activation(site)
        if wanted.driver.bytecode:
            self.progress.stage(driver, "adding bytecode")
            self._add_bytecode(site, filled)
        if self.link_mode != "hardlink":
            unshare_files(place, clone=self.link_mode == "clone")
            filled.known.clear()
        self.progress.stage(driver, "checking every file")
        found = survey(place, known=filled.known, freeze=True)
        _check_complete(site, filled, found)
        return found

    def _put_wheels(
        self, site: Site, refresh: tuple[str, ...], together: frozenset[str]
    ) -> _Filled:
        """Link what is kept, have uv install the rest, and keep that."""
        usable = self.wheels.entries.is_usable()
        filled = _Filled()
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
                kept, mine, busy = self._claim(waiting, held)
                broken = self._put_some(site, filled, kept, (*anew, *mine), refresh)
                if usable:
                    held_anew = self._claim_again(anew, held)
                    self._keep(site, filled, {file.sha256 for file in (*mine, *held_anew)})
            if filled.contested:
                raise ContestedError(frozenset(filled.contested))
            if busy and not broken:
                self.progress.stage(site.wanted.driver.name, "waiting for shared packages")
                with self.wheels.making(busy[0].sha256):
                    pass
            anew, waiting = broken, busy
        return filled

    def _claim(
        self, files: Iterable[ChosenFile], held: ExitStack
    ) -> tuple[list[ChosenFile], list[ChosenFile], list[ChosenFile]]:
        """What is kept, what is now ours to make, and what another build is making."""
        kept, mine, busy = [], [], []
        for file in files:
            with ExitStack() as attempt:
                if not self.wheels.has(file.sha256):
                    try:
                        attempt.enter_context(self.wheels.making(file.sha256, wait=False))
                    except HostError:
                        busy.append(file)
                        continue
                    if not self.wheels.has(file.sha256):
                        held.push(attempt.pop_all())
                        mine.append(file)
                        continue
            kept.append(file)
        return kept, mine, busy

    def _claim_again(self, files: Iterable[ChosenFile], held: ExitStack) -> list[ChosenFile]:
        """Those that may be kept in place of what is kept."""
        claimed = []
        for file in files:
            try:
                held.enter_context(self.wheels.making(file.sha256, wait=False))
            except HostError:
                continue
            claimed.append(file)
        return claimed

    def _put_some(
        self,
        site: Site,
        filled: _Filled,
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
            broken = [file for file in kept if not self._link(site, filled, file)]
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
        )
        self.installer.install(request)

    def _link(self, site: Site, filled: _Filled, file: ChosenFile) -> bool:
        linked = self.wheels.link(
            file.sha256, site.target, environment=os.fsencode(site.environment), minor=site.minor
        )
        if linked is None:
            return False
        filled.linked[file.sha256] = linked
        filled.known |= site.by_path(linked.linked.files)
        return True

    def _look_at_fresh(self, site: Site, filled: _Filled) -> None:
        """Read what uv has installed, and find out whether it met what is linked."""
        for wheel in _fresh_wheels(site, filled):
            filled.fresh[wheel.dist_info] = wheel
            found = read_files((path, site.locate(path)) for path, _, _ in wheel.rows)
            for path, file in site.by_path(found.values()).items():
                before = filled.known.get(path)
                if before is not None and before.sha256 != file.sha256:
                    filled.contested |= filled.linked_owners(before)
                filled.known[path] = file
        for sha256, linked in filled.linked.items():
            theirs = site.by_path(linked.linked.met)
            if linked.met or any(
                path not in filled.known or filled.known[path].sha256 != file.sha256
                for path, file in theirs.items()
            ):
                filled.contested.add(sha256)

    def _keep(self, site: Site, filled: _Filled, wheels: set[str]) -> None:
        """Keep what was installed just now, of these wheels; what is not as its RECORD says is not kept."""
        for wheel in filled.fresh.values():
            if wheel.sha256 in wheels:
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

    def _add_bytecode(self, site: Site, filled: _Filled) -> None:
        fresh = filled.fresh.values()
        kept = ((sha256, wheel.rows()) for sha256, wheel in filled.linked.items())
        installed = Installed(
            site_packages=site.site_packages,
            interpreter=site.wanted.interpreter,
            wheels=(*kept, *((wheel.sha256, wheel.rows) for wheel in fresh if wheel.sha256)),
            unkept=tuple(wheel.rows for wheel in fresh if not wheel.sha256),
            sound=frozenset(filled.linked),
            lock=site.lock,
        )
        own = (Module(path=MODULE_FILE, sha256="", size=0),)
        with Workers(max_workers=1) as beside:
            compiling = beside.submit(self.bytecode.compile, installed, own)
            filled.known |= site.by_path(self.bytecode.add(installed))
            compiling.result()


def _fresh_wheels(site: Site, filled: _Filled) -> Iterator[FreshWheel]:
    """The distributions that are there and were not there before."""
    files = {file.package: file for file in site.wanted.files}
    known = filled.dist_infos
    with os.scandir(site.site_packages) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith(".dist-info"))
    for name in names:
        if name in known:
            continue
        file = files.get(normalized_name(name.removesuffix(".dist-info").rpartition("-")[0]))
        is_wheel = file is not None and file.file.endswith(".whl")
        text = read_record(site.site_packages / name)
        yield FreshWheel(
            sha256=file.sha256 if file is not None and is_wheel else "",
            dist_info=name,
            record=text,
            rows=tuple(parse_record(text)),
        )


def _bake_activation(site: Site) -> None:
    text = render_activation(f"{site.environment}/bin", site.wanted.driver.env)
    for name, content in ((MODULE_FILE, text), (PTH_FILE, PTH_TEXT)):
        path = site.site_packages / name
        path.unlink(missing_ok=True)  # it may be a wheel's, shared with a cache
        path.write_text(content, encoding="utf-8")


def _check_complete(site: Site, filled: _Filled, found: Survey) -> None:
    wanted = site.wanted
    gaps = find_gaps(
        files=found.contents.files,
        records={wheel.dist_info: wheel.record for wheel in filled.fresh.values()},
        whole=(wheel.dist_info for wheel in filled.linked.values()),
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
