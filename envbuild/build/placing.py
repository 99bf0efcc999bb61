"""Put an environment's wheels into it: kept ones are linked, the others installed aside, kept, and linked."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from envbuild.build.contested_paths import settle_clashes
from envbuild.build.site import Filled
from envbuild.build.staging import IncompleteError, Staging, keep
from envbuild.errors import Problem
from envbuild.value import value
from envbuild.wheelcache.claims import claim, claim_again, wait_for
from envbuild.wheelcache.share import Share

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from envbuild.build.installation import Installer
    from envbuild.build.site import Site
    from envbuild.build.staging import Staged
    from envbuild.lockfile.recipe import ChosenFile
    from envbuild.posix.workers import Workers
    from envbuild.progress import Progress
    from envbuild.wheelcache.bytecode import Bytecode
    from envbuild.wheelcache.linker import Linking
    from envbuild.wheelcache.wheels import FreshWheel, WheelCache


@value
class Placer:
    """Puts wheels into environments; several threads and processes do at once."""

    installer: Installer
    progress: Progress
    wheels: WheelCache
    bytecode: Bytecode
    staging: Path
    """The private folder in which wheels are installed aside."""

    def weights(self, files: Sequence[ChosenFile]) -> dict[str, int]:
        """About how much there is to link of each wheel."""
        return {file.sha256: self.wheels.weight(file.sha256) for file in files}

    def place(
        self, site: Site, linking: Linking, beside: Workers, refresh: tuple[str, ...]
    ) -> Filled:
        """Link what is kept, have uv install the rest aside, keep that, and link it too.

        `refresh` names packages that are downloaded anew.
        What is new is compiled `beside`, and goes on to be after this has returned.
        IncompleteError where what was installed is not what its RECORD says.
        """
        staging = Staging(site, self.installer, self.staging)
        try:
            filled = self._place(site, staging, linking, beside, refresh)
            for compiling in filled.compiling:
                compiling.result()
            return filled
        finally:
            staging.remove()

    def _place(
        self,
        site: Site,
        staging: Staging,
        linking: Linking,
        beside: Workers,
        refresh: tuple[str, ...],
    ) -> Filled:
        usable = self.wheels.entries.is_usable()
        filled = Filled()
        roots = {file.sha256: self.wheels.entries.root for file in site.wanted.files}
        anew = [
            file
            for file in site.wanted.files
            if not usable or not file.file.endswith(".whl") or file.package in refresh
        ]
        waiting = [file for file in site.wanted.files if file not in anew]
        while waiting or anew:
            with ExitStack() as held:
                claims = claim(self.wheels, waiting, held)
                again = claim_again(self.wheels, anew, held) if usable else ()
                mine = {file.sha256 for file in (*claims.mine, *again)}
                others = (*anew, *claims.mine)
                count = len(claims.kept) + len(others)
                self.progress.stage(
                    site.wanted.driver.name, f"installing {count} package{'s' * (count != 1)}"
                )
                installing = beside.submit(
                    self._install, site, filled, staging, beside, others, mine, refresh
                )
                broken = self._link(site, filled, linking, claims.kept, self.wheels.entries.root)
                fresh = installing.result()
            roots |= fresh
            for root in sorted(set(fresh.values())):
                files = [file for file in others if fresh[file.sha256] == root]
                if self._link(site, filled, linking, files, root):
                    raise _gone(site)
            anew, waiting = broken, list(claims.busy)
            if waiting and not anew:
                self.progress.stage(site.wanted.driver.name, "waiting for shared packages")
                if not wait_for(self.wheels, waiting[0]):
                    anew, waiting = waiting, []
        filled.clashes = settle_clashes(site, filled, roots)
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
        """Install files aside and keep them: in the store's cache what is `mine` to make there."""
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
        """Compile what uv has installed, while others are linked and kept."""
        self.bytecode.prepare(staged.installed())

    def _link(
        self,
        site: Site,
        filled: Filled,
        linking: Linking,
        kept: Sequence[ChosenFile],
        root: Path,
    ) -> list[ChosenFile]:
        """Link what is kept, bytecode too; those that turned out not to be kept."""
        if not kept:
            return []
        share = Share(
            wheels=str(root),
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


def _gone(site: Site, detail: str = "what was kept a moment ago is gone") -> IncompleteError:
    message = f"{site.wanted.driver.name}: what was installed is not complete"
    hint = "run it again; if that does not help, remove the store's cache folder"
    return IncompleteError(Problem(message=message, detail=detail, hint=hint))
