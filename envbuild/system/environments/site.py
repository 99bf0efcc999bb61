"""An environment that is being filled: where it is, and what has got into it so far."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from posixpath import normpath
from typing import TYPE_CHECKING

from envbuild.requirement_text import normalized_name
from envbuild.system.bytecode.kept import absent_modules
from envbuild.system.cache.linking import Target
from envbuild.system.cache.wheels import FreshWheel
from envbuild.system.environments.contents import read_record
from envbuild.system.environments.folder import find_site_packages
from envbuild.wheel_record import parse_record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from envbuild.cache_entry import EntryFile
    from envbuild.plan import Wanted
    from envbuild.system.cache.wheels import LinkedWheel


class Site:
    """Where an environment is filled, and what it is to be."""

    def __init__(
        self, wanted: Wanted, place: Path, environment: Path, lock: int, *, bytecode: str
    ) -> None:
        self.wanted = wanted
        self.place = place
        self.environment = environment
        """Its own path, which differs from `place` while it is built anew beside the old one."""

        self.lock = lock
        self.bytecode = bytecode
        """Where the bytecode of its interpreter is kept; empty where it is to have none."""

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
        files = tuple(files)
        between = f"\0{self.prefix}"
        all_paths = between.join(["", *[file.path for file in files]])
        if "/." in all_paths or "//" in all_paths:
            return {self.path(file.path): file for file in files}
        return dict(zip(all_paths.split("\0")[1:], files, strict=True))  # nothing to normalise

    def fresh_wheels(
        self, *, known: Collection[str] = (), only: Collection[str] | None = None
    ) -> Iterator[FreshWheel]:
        """The distributions that are there and are not `known`, by their `.dist-info` folders.

        With `only` those of these packages (normalised names), others are not looked at.
        """
        files = {file.package: file for file in self.wanted.files}
        with os.scandir(self.site_packages) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(".dist-info"))
        for name in names:
            if name in known:
                continue
            package = normalized_name(name.removesuffix(".dist-info").rpartition("-")[0])
            if only is not None and package not in only:
                continue
            file = files.get(package)
            is_wheel = file is not None and file.file.endswith(".whl")
            text = read_record(self.site_packages / name)
            rows = (row for row in parse_record(text) if not self.path(row[0]).startswith("../"))
            yield FreshWheel(
                sha256=file.sha256 if file is not None and is_wheel else "",
                dist_info=name,
                record=text,
                rows=tuple(rows),
            )


@dataclass(kw_only=True, slots=True)
class Filled:
    """What has got into an environment so far."""

    linked: dict[str, LinkedWheel] = field(default_factory=dict)
    """By the wheel's sha256."""

    fresh: dict[str, FreshWheel] = field(default_factory=dict)
    """What uv has installed, by its `.dist-info` folder."""

    known: dict[str, EntryFile] = field(default_factory=dict)
    """Files whose content is known, by path in the environment."""

    scripts: dict[str, str] = field(default_factory=dict)
    """Which kept wheel a script was written for, by path in the environment."""

    compiling: list[Future[None]] = field(default_factory=list)
    """What is still being compiled of what uv has installed."""

    contested: set[str] = field(default_factory=set)
    """Kept wheels that brought other files than uv did under the same names."""

    whole: tuple[str, ...] = ()
    """The `.dist-info` folders of what was linked, once it is forgotten."""

    @property
    def dist_infos(self) -> set[str]:
        """The distributions that are there."""
        return {wheel.dist_info for wheel in self.linked.values()} | self.fresh.keys()

    def take(self, site: Site, sha256: str, linked: LinkedWheel) -> None:
        """Note what has come with a kept wheel."""
        self.linked[sha256] = linked
        self.known |= site.by_path(linked.linked.files)
        if linked.bytecode is not None:
            self.known |= site.by_path(linked.bytecode.files)
        self.scripts |= dict.fromkeys(map(site.path, linked.scripts), sha256)

    def absent(self) -> Iterator[str]:
        """Modules of kept wheels that were not there to compile when their bytecode was made."""
        for wheel in self.linked.values():
            if wheel.bytecode is not None:
                yield from absent_modules(wheel.bytecode)

    def forget_entries(self) -> None:
        """Let go of what kept wheels are made of, some megabytes, now that they are there."""
        self.whole = tuple(wheel.dist_info for wheel in self.linked.values())
        self.linked.clear()

    def owners(self, path: str) -> set[str]:
        """The kept wheels that may have brought what is known to be at a path of the environment."""
        file = self.known.get(path)
        owners = {sha256 for sha256, wheel in self.linked.items() if file in wheel.linked.files}
        return owners | {self.scripts[path]} if path in self.scripts else owners
