"""Put wheels into an environment: uv installs uncached ones, and all are linked from the cache."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.build.contested_paths import settle_clashes
from envbuild.build.site import Filled
from envbuild.build.staging import IncompleteError, Staging, keep
from envbuild.errors import Problem
from envbuild.value import value
from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.wheels import WheelCache, claim, claim_again, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from envbuild.build.installation import Installer
    from envbuild.build.site import Site
    from envbuild.build.staging import Staged
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.posix.workers import Workers
    from envbuild.progress import Progress
    from envbuild.wheelcache.bytecode import Bytecode
    from envbuild.wheelcache.wheels import FreshWheel


@value
class Placer:
    """Puts wheels into environments; safe for several threads and processes."""

    installer_for: Callable[[Collection[str]], Installer]
    """Installs from the indexes with these names, and those that serve every driver."""

    progress: Progress
    wheels: WheelCache
    bytecode: Bytecode
    staging: Path
    """The private folder for staging environments."""

    def place(self, site: Site, beside: Workers, refresh: tuple[str, ...]) -> Filled:
        """Link cached wheels; install the others with uv, cache them, and link them.

        Packages in `refresh` are downloaded again. New wheels are compiled in the thread pool `beside`.
        IncompleteError if an installed wheel differs from its RECORD.
        """
        usable = self.wheels.entries.is_usable()
        filled = Filled()
        roots = {file.sha256: self.wheels.entries.root for file in site.wanted.files}
        anew = [
            file
            for file in site.wanted.files
            if not usable or not file.file.endswith(".whl") or file.package in refresh
        ]
        waiting = [file for file in site.wanted.files if file not in anew]
        with Staging(site, self.installer_for(site.wanted.indexes), self.staging) as staging:
            while waiting or anew:
                with ExitStack() as held:
                    claims = claim(self.wheels, waiting, held)
                    again = claim_again(self.wheels, anew, held) if usable else ()
                    mine = {file.sha256 for file in (*claims.mine, *again)}
                    others = (*anew, *claims.mine)
                    count = len(claims.cached) + len(others)
                    self.progress.stage(
                        site.wanted.driver.name, f"installing {count} package{'s' * (count != 1)}"
                    )
                    installing = beside.submit(
                        self._install, site, filled, staging, beside, others, mine, refresh
                    )
                    broken = self._link(site, filled, claims.cached, self.wheels.entries.root)
                    fresh = installing.result()
                roots |= fresh
                for root in sorted(set(fresh.values())):
                    files = [file for file in others if fresh[file.sha256] == root]
                    if self._link(site, filled, files, root):
                        raise _gone(site)
                anew, waiting = broken, list(claims.busy)
                if waiting and not anew:
                    self.progress.stage(site.wanted.driver.name, "waiting for shared packages")
                    if not wait_for(self.wheels, waiting[0]):
                        anew, waiting = waiting, []
            filled.clashes = settle_clashes(site, filled, roots)
            for compiling in filled.compiling:
                compiling.result()
        return filled

    def _install(
        self,
        site: Site,
        filled: Filled,
        staging: Staging,
        beside: Workers,
        files: tuple[ChosenFile, ...],
        mine: Collection[str],
        refresh: tuple[str, ...],
    ) -> dict[str, Path]:
        """Install files into staging environments and cache them; those in `mine` go into the store's cache."""
        own = staging.own_cache()

        def caches(wheel: FreshWheel) -> Sequence[WheelCache]:
            return (self.wheels, own) if wheel.is_wheel and wheel.sha256 in mine else (own,)

        kept: dict[str, Path] = {}
        for staged in staging.install(files, refresh, self.progress.downloaded) if files else ():
            own.entries.is_usable()
            if site.bytecode:
                filled.compiling.append(beside.submit(self._compile, staged))
            kept |= keep(staged, caches)
        filled.built |= {file.sha256 for file in files if not file.file.endswith(".whl")}
        missing = [file for file in files if file.sha256 not in kept]
        if missing:
            raise _gone(site, f"{missing[0].package} {missing[0].version} is not installed")
        return kept

    def _compile(self, staged: Staged) -> None:
        """Compile what uv has installed, while other wheels are linked."""
        self.bytecode.prepare(staged.installed())

    def _link(
        self, site: Site, filled: Filled, files: Sequence[ChosenFile], root: Path
    ) -> list[ChosenFile]:
        """Link cached wheels and their bytecode; returns those that were damaged or missing."""
        wheels = WheelCache(root)
        bytecode = Entries(Path(site.bytecode)) if site.bytecode else None
        environment = os.fsencode(site.environment)
        broken = []
        for file in files:
            linked = wheels.link(
                file.sha256, site.target, environment=environment, minor=site.minor
            )
            if linked is None:
                broken.append(file)
                continue
            if bytecode is not None and bytecode.has(file.sha256):
                linked = linked._replace(bytecode=bytecode.link(file.sha256, site.target))
            filled.take(site, file.sha256, linked)
        return broken


def _gone(
    site: Site, detail: str = "a new entry of the wheel cache has disappeared"
) -> IncompleteError:
    message = f"{site.wanted.driver.name}: the installation is incomplete"
    hint = "run it again; if that does not help, remove the store's cache folder"
    return IncompleteError(Problem(message=message, detail=detail, hint=hint))
