"""Put an environment's wheels into it: kept ones are linked, the others installed and kept."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from envbuild.activation import MODULE_FILE, PTH_FILE
from envbuild.errors import HostError, Problem
from envbuild.installation import InstallRequest
from envbuild.system.bytecode.bytecode import Installed
from envbuild.system.cache.claims import claim, claim_again, wait_for
from envbuild.system.cache.share import Share
from envbuild.system.environments.contents import read_files
from envbuild.system.environments.relocation import relocate
from envbuild.system.environments.site import Filled
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from envbuild.installation import Installer
    from envbuild.progress import Progress
    from envbuild.recipe import ChosenFile
    from envbuild.system.bytecode.bytecode import Bytecode
    from envbuild.system.cache.linker import Linking
    from envbuild.system.cache.wheels import WheelCache
    from envbuild.system.environments.site import Site
    from envbuild.system.workers import Workers


class ContestedError(HostError):
    """Kept wheels and others bring different files of one name: uv has to install them together."""

    def __init__(self, wheels: frozenset[str]) -> None:
        super().__init__(Problem(message="wheels bring different files of one name"))
        self.wheels = wheels


@value
class Placer:
    """Puts wheels into environments; several threads and processes do at once."""

    installer: Installer
    progress: Progress
    wheels: WheelCache
    bytecode: Bytecode

    def weights(self, files: Sequence[ChosenFile]) -> dict[str, int]:
        """About how much there is to link of each wheel."""
        return {file.sha256: self.wheels.weight(file.sha256) for file in files}

    def place(
        self,
        site: Site,
        linking: Linking,
        beside: Workers,
        refresh: tuple[str, ...],
        together: frozenset[str],
    ) -> Filled:
        """Link what is kept, have uv install the rest, and keep that.

        `refresh` names packages that are downloaded anew; wheels in `together` are installed, kept or not.
        What is new is compiled `beside`, and goes on to be after this has returned.
        ContestedError where kept wheels and others do not go together.
        """
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
                broken = self._put_some(site, filled, linking, beside, claims.kept, others, refresh)
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
        beside: Workers,
        kept: Sequence[ChosenFile],
        others: tuple[ChosenFile, ...],
        refresh: tuple[str, ...],
    ) -> list[ChosenFile]:
        """Link while uv installs; those that turned out not to be kept."""
        count = len(kept) + len(others)
        self.progress.stage(
            site.wanted.driver.name, f"installing {count} package{'s' * (count != 1)}"
        )
        installing = beside.submit(self._install, site, others, refresh)
        if site.bytecode and others:
            filled.compiling.append(beside.submit(self._compile, site, installing, others))
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

    def _compile(self, site: Site, installing: Future[None], files: tuple[ChosenFile, ...]) -> None:
        """Compile what uv has installed, while others are linked, looked at and kept."""
        if installing.exception() is not None:  # whoever installs says it
            return
        fresh = site.fresh_wheels(only={file.package for file in files})
        self.bytecode.prepare(
            Installed(
                site_packages=site.site_packages,
                interpreter=site.wanted.interpreter,
                wheels=tuple((wheel.sha256, wheel.rows) for wheel in fresh if wheel.sha256),
                unkept=(),
                lock=site.lock,
            )
        )

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
        broken: set[str] = set()
        for found in linking.link(share):
            for sha256, linked in found.items():
                if linked is not None:
                    filled.take(site, sha256, linked)
                else:
                    broken.add(sha256)
        return [file for file in kept if file.sha256 in broken]

    def _look_at_fresh(self, site: Site, filled: Filled) -> None:
        """Read what uv has installed, and find out whether it met what is linked."""
        for wheel in site.fresh_wheels(known=filled.dist_infos):
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
