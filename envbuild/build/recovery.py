"""Take wheels that a store no longer keeps from an environment that they were linked into."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from envbuild.build.site import Site
from envbuild.build.staging import Staged, keep
from envbuild.lockfile.builds import needs_build
from envbuild.wheelcache.built import BuiltWheels
from envbuild.wheelcache.entries import Entries

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.store.plan import Wanted
    from envbuild.wheelcache.wheels import WheelCache


def unkept_wheels(cache: Path, wanted: Wanted) -> tuple[str, ...]:
    """The packages whose wheels are not in the caches of a store (`<store>/cache`)."""
    wheels, built = Entries(cache / "wheels"), BuiltWheels(cache / "built")

    def is_kept(file: ChosenFile) -> bool:
        if needs_build(file.file):
            return built.get(file.build) is not None
        return wheels.has(file.sha256) or built.fetch(file, cache) is not None

    return tuple(file.package for file in wanted.files if not is_kept(file))


def recover_wheels(wanted: Wanted, environment: Path, cache: WheelCache) -> None:
    """Put the wheels of an intact environment into a cache; each file is compared with its RECORD.

    IncompleteError for a wheel of which another one has overwritten a file.
    """
    site = Site(wanted, environment, environment, -1, bytecode="")
    cache.entries.is_usable()
    with ExitStack() as held:
        lacking = [wheel for wheel in site.fresh_wheels() if not cache.entries.has(wheel.sha256)]
        for wheel in lacking:
            held.enter_context(cache.entries.making(wheel.sha256))
        keep(Staged(site=site, wheels=tuple(lacking)), lambda _: (cache,))
