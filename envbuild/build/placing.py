"""Put wheels into an environment: uv installs uncached ones, and all are linked from the cache."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from envbuild.build.contested_paths import settle_clashes
from envbuild.build.site import Filled
from envbuild.build.staging import Staging, incomplete, keep
from envbuild.errors import HostError
from envbuild.posix.file_locks import most_locks
from envbuild.value import value
from envbuild.wheelcache.wheels import WheelLinks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from envbuild.build.installation import Installer
    from envbuild.build.site import Site
    from envbuild.build.staging import Staged
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.posix.workers import Workers
    from envbuild.progress import Progress
    from envbuild.wheelcache.bytecode import Bytecode
    from envbuild.wheelcache.entries import Entries
    from envbuild.wheelcache.wheels import FreshWheel, LinkedWheel, WheelCache


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
        entries = self.wheels.entries
        usable = entries.is_usable()
        filled = Filled()
        roots = {file.sha256: entries.root for file in site.wanted.files}
        anew = [file for file in site.wanted.files if not usable or file.package in refresh]
        waiting = [file for file in site.wanted.files if file not in anew]
        with Staging(site, self.installer_for(site.wanted.indexes), self.staging) as staging:
            while waiting or anew:
                with ExitStack() as held:
                    claims = claim(entries, waiting, held)
                    again = claim_again(entries, anew, held) if usable else ()
                    mine = {file.sha256 for file in (*claims.mine, *again)}
                    others = (*anew, *claims.mine)
                    count = len(claims.cached) + len(others)
                    self.progress.stage(
                        site.wanted.driver.name, f"installing {count} package{'s' * (count != 1)}"
                    )
                    installing = beside.submit(
                        self._install, site, filled, staging, beside, others, mine, refresh
                    )
                    broken = self._link(site, filled, claims.cached, entries.root)
                    fresh = installing.result()
                roots |= fresh
                for root in sorted(set(fresh.values())):
                    files = [file for file in others if fresh[file.sha256] == root]
                    if self._link(site, filled, files, root):
                        raise incomplete(site, "a new entry of the wheel cache has disappeared")
                anew, waiting = broken, list(claims.busy)
                if waiting and not anew:
                    self.progress.stage(site.wanted.driver.name, "waiting for shared packages")
                    if not wait_for(entries, waiting[0]):
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
            return (self.wheels, own) if wheel.sha256 in mine else (own,)

        kept: dict[str, Path] = {}
        for staged in staging.install(files, refresh, self.progress.downloaded) if files else ():
            own.entries.is_usable()
            if site.bytecode:
                filled.compiling.append(beside.submit(self._compile, staged))
            kept |= keep(staged, caches)
        missing = [file for file in files if file.sha256 not in kept]
        if missing:
            first = missing[0]
            raise incomplete(site, f"{first.package} {first.version} is not installed")
        return kept

    def _compile(self, staged: Staged) -> None:
        """Compile what uv has installed, while other wheels are linked."""
        self.bytecode.prepare(staged.installed())

    def _link(
        self,
        site: Site,
        filled: Filled,
        files: Sequence[ChosenFile],
        root: Path,
    ) -> list[ChosenFile]:
        """Link cached wheels and their bytecode; returns those that were damaged or missing."""
        links = WheelLinks(
            wheels=root,
            bytecode=Path(site.bytecode) if site.bytecode else None,
            site_packages=site.site_packages,
            environment=os.fsencode(site.environment),
            minor=site.minor,
        )
        names = [file.sha256 for file in files]
        names.sort(
            key=self.wheels.entries.weight, reverse=True
        )  # so that both processes end together
        found: dict[str, LinkedWheel | None] = {}
        for part in site.second.divide(links.link, names):
            found |= part
        for name, linked in found.items():
            if linked is not None:
                filled.take(site, name, linked)
        return [file for file in files if found[file.sha256] is None]


_PATIENCE = 60.0
"""Seconds to wait for another build, which may be unpacking a large wheel."""


class Claims(NamedTuple):
    """Files of an environment: the cached ones, and those that a build has to make."""

    cached: tuple[ChosenFile, ...]
    mine: tuple[ChosenFile, ...]
    """Not cached; this build makes them."""

    busy: tuple[ChosenFile, ...]
    """Not cached; another build is making them."""


def claim(entries: Entries, files: Iterable[ChosenFile], held: ExitStack) -> Claims:
    """Take the locks of uncached files until `held` is closed, without waiting.

    A build may hold only so many locks: further files count as busy until the next call.
    """
    cached: list[ChosenFile] = []
    mine: list[ChosenFile] = []
    busy: list[ChosenFile] = []
    most = most_locks()
    for file in files:
        with ExitStack() as attempt:
            if entries.has(file.sha256):
                cached.append(file)
                continue
            if len(mine) == most:
                busy.append(file)
                continue
            try:
                attempt.enter_context(entries.making(file.sha256, timeout=0))
            except HostError:
                busy.append(file)
                continue
            if entries.has(file.sha256):  # another build made it after the first check
                cached.append(file)
                continue
            held.push(attempt.pop_all())
            mine.append(file)
    return Claims(cached=tuple(cached), mine=tuple(mine), busy=tuple(busy))


def claim_again(
    entries: Entries, files: Sequence[ChosenFile], held: ExitStack
) -> tuple[ChosenFile, ...]:
    """Take the free locks of files that are cached again, even if they are in the cache; returns these files."""
    claimed = []
    for file in files[: most_locks()]:
        try:
            held.enter_context(entries.making(file.sha256, timeout=0))
        except HostError:
            continue
        claimed.append(file)
    return tuple(claimed)


def wait_for(entries: Entries, file: ChosenFile) -> bool:
    """Wait until another build has cached a wheel or has stopped; False if that takes too long."""
    try:
        with entries.making(file.sha256, timeout=_PATIENCE):
            return True
    except HostError:
        return False
