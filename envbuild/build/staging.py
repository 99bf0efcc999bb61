"""Install wheels into a staging environment, check them there, and cache them.

uv starts the Python of the environment that it installs into, and with it every start-up file there.
So each call of uv gets an empty environment.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self

from envbuild.build.installation import InstallRequest
from envbuild.build.site import Site
from envbuild.environment.contents import read_files
from envbuild.environment.wheel_rules import refused_path
from envbuild.errors import HostError, IndexFailureError, Problem
from envbuild.posix.deletion import remove_tree
from envbuild.value import value
from envbuild.wheelcache.bytecode import Installed
from envbuild.wheelcache.wheels import WheelCache

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from envbuild.build.installation import Installer
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.wheelcache.entry import EntryFile
    from envbuild.wheelcache.wheels import FreshWheel


_SHOWN = 5


class IncompleteError(HostError):
    """What was installed is not what was locked."""


def incomplete(site: Site, detail: str) -> IncompleteError:
    """The error of an environment, with what is wrong."""
    message = f"{site.wanted.driver.name}: the installation is incomplete"
    hint = "run it again; if that does not help, remove the store's cache folder"
    return IncompleteError(Problem(message=message, detail=detail, hint=hint))


@value
class Staged:
    """The result of one call of uv in a staging environment."""

    site: Site
    wheels: tuple[FreshWheel, ...]
    """The wheels with no file overwritten by another wheel."""

    def installed(self) -> Installed:
        """The parts that can be compiled."""
        return Installed(
            site_packages=self.site.site_packages,
            interpreter=self.site.wanted.interpreter,
            wheels=tuple((wheel.sha256, wheel.rows) for wheel in self.wheels),
            lock=self.site.lock,
        )


class Staging:
    """The staging environments beside one that is being filled, in a private folder.

    Their paths are shorter than the final one, so that scripts have the same form.
    """

    def __init__(self, site: Site, installer: Installer, folder: Path) -> None:
        self._site = site
        self._installer = installer
        self._folder = folder
        self._stem = f".{site.wanted.key[:12]}"
        self._count = 0

    def __enter__(self) -> Self:
        """Remove what a killed build left."""
        self.remove()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything."""
        self.remove()

    def own_cache(self) -> WheelCache:
        """The cache for wheels that the store's cache does not take; removed with the rest."""
        return WheelCache(self._folder / f"{self._stem}k", copies=True)

    def remove(self) -> None:
        """Delete all of it."""
        for path in self._folder.glob(f"{self._stem}*"):
            with suppress(FileNotFoundError):
                remove_tree(path)

    def install(
        self,
        files: Sequence[ChosenFile],
        refresh: Collection[str],
        downloaded: Callable[[str, int, int], None],
    ) -> Iterator[Staged]:
        """Install files; wheels that have a path in common are installed again, one by one.

        IndexFailureError if a wheel has a path that is not allowed; other errors as in `Installer`.
        """
        staged = self._install_together(files, refresh, downloaded)
        mixed = _mixed(staged) if len(files) > 1 else set()
        yield Staged(
            site=staged.site, wheels=tuple(w for w in staged.wheels if w.sha256 not in mixed)
        )
        for file in files:
            if file.sha256 in mixed:
                yield self._install_together([file], (), downloaded)

    def _install_together(
        self,
        files: Sequence[ChosenFile],
        refresh: Collection[str],
        downloaded: Callable[[str, int, int], None],
    ) -> Staged:
        wanted = self._site.wanted
        place = self._folder / f"{self._stem}{self._count}"
        self._count += 1
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._installer.install(
            InstallRequest(
                driver=wanted.driver.name,
                environment=str(place),
                interpreter=wanted.interpreter,
                files=tuple(files),
                lock=self._site.lock,
                refresh=tuple(file.package for file in files if file.package in refresh),
                downloaded=partial(downloaded, wanted.driver.name),
            )
        )
        site = Site(wanted, place, place, self._site.lock, bytecode=self._site.bytecode)
        staged = Staged(site=site, wheels=tuple(site.fresh_wheels()))
        _refuse(staged)
        return staged


def keep(staged: Staged, caches: Callable[[FreshWheel], Sequence[WheelCache]]) -> dict[str, Path]:
    """Put every wheel into the first of its caches that takes it; returns the cache's folder by sha256.

    IncompleteError if a wheel differs from its RECORD.
    """
    kept: dict[str, Path] = {}
    site = staged.site
    for wheel in staged.wheels:
        found = read_files((path, site.locate(path)) for path, _, _ in wheel.rows)
        for cache in caches(wheel):
            environment = os.fsencode(site.place)
            if cache.keep(wheel, site.target, found, environment=environment, minor=site.minor):
                kept[wheel.sha256] = cache.entries.root
                break
        else:
            raise incomplete(site, _wrong(site, wheel, found))
    return kept


def _wrong(site: Site, wheel: FreshWheel, found: Mapping[str, EntryFile]) -> str:
    """The first files that are missing or differ from the RECORD, one a line."""
    wrong = [
        site.path(path)
        for path, sha256, _ in wheel.rows
        if (file := found.get(path)) is None or (sha256 and sha256 != file.sha256)
    ]
    return "\n".join(f"{path} is not what {wheel.dist_info} recorded" for path in wrong[:_SHOWN])


def _mixed(staged: Staged) -> set[str]:
    """The wheels, by sha256, that have other content than another wheel for one path: only one of them is intact."""
    owners: dict[str, tuple[FreshWheel, str]] = {}
    mixed: set[str] = set()
    for wheel in staged.wheels:
        for path, digest, _ in wheel.rows:
            other, known = owners.setdefault(staged.site.path(path), (wheel, digest))
            if other is not wheel and not (digest and digest == known):
                mixed |= {other.sha256, wheel.sha256}
    return mixed


def _refuse(staged: Staged) -> None:
    """IndexFailureError if a wheel has a path that is not allowed."""
    site = staged.site
    problems = []
    for wheel in staged.wheels:
        refusal = refused_path(
            wheel.rows,
            dist_info=wheel.dist_info,
            site_packages=site.prefix.rstrip("/"),
        )
        if refusal is not None:
            problems.append(
                Problem(
                    message=f"{site.wanted.driver.name}: {wheel.file} must not contain "
                    f"{refusal.path!r}: {refusal.reason}",
                    hint="lock without this version "
                    '(constraints = ["NAME!=VERSION"]), or ask its publisher to fix it',
                )
            )
    if problems:
        raise IndexFailureError(problems)
