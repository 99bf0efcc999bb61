"""An environment that is being filled: its place and its content so far."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from posixpath import normpath
from typing import TYPE_CHECKING

from envbuild.environment.contents import find_site_packages, read_record
from envbuild.posix.second_process import SecondProcess
from envbuild.requirement.parse import normalized_name
from envbuild.value import value
from envbuild.wheelcache.bytecode import absent_modules
from envbuild.wheelcache.linking import SitePackages
from envbuild.wheelcache.record import parse_record
from envbuild.wheelcache.wheels import FreshWheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.store.plan import Wanted
    from envbuild.wheelcache.entry import EntryFile
    from envbuild.wheelcache.wheels import LinkedWheel


class Site:
    """The place where an environment is filled, and its plan."""

    def __init__(
        self, wanted: Wanted, place: Path, environment: Path, lock: int, *, bytecode: str
    ) -> None:
        self.wanted = wanted
        self.place = place
        self.environment = environment
        """Its final path, which differs from `place` while it is built beside the old one."""

        self.lock = lock
        self.second = SecondProcess()
        """Takes a part of the linking and the listing."""

        self.bytecode = bytecode
        """The cache of its interpreter's bytecode; empty if it gets no bytecode."""

        self.site_packages = find_site_packages(place)
        self.target = SitePackages(self.site_packages)
        self.prefix = f"{self.site_packages.relative_to(place)}/"
        self.minor = wanted.interpreter.version.rpartition(".")[0]

    def path(self, path: str) -> str:
        """A RECORD's path, relative to the environment."""
        whole = self.prefix + path
        if "/." not in whole and "//" not in whole:
            return whole
        whole = normpath(whole)
        return (
            f"lib/{whole[6:]}" if whole.startswith("lib64/") else whole
        )  # `lib64` is a link to `lib`

    def locate(self, path: str) -> bytes:
        """The absolute path of a RECORD's path."""
        return os.fsencode(self.place) + b"/" + self.path(path).encode("utf-8", "surrogateescape")

    def by_path(self, files: Iterable[EntryFile]) -> dict[str, EntryFile]:
        """Files by their path in the environment."""
        return {self.path(file.path): file for file in files}

    def fresh_wheels(self) -> Iterator[FreshWheel]:
        """The installed distributions of wanted files, by their `.dist-info` folders."""
        files = {file.package: file for file in self.wanted.files}
        with os.scandir(self.site_packages) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(".dist-info"))
        for name in names:
            file = files.get(normalized_name(name.removesuffix(".dist-info").rpartition("-")[0]))
            if file is None:
                continue
            text = read_record(self.site_packages / name)
            yield FreshWheel(
                sha256=file.sha256,
                file=file.file,
                dist_info=name,
                record=text,
                rows=tuple(parse_record(text)),
            )


@value
class ContestedPath:
    """A path that several wheels have."""

    path: str
    """Relative to site-packages, as the winner has it."""

    place: str
    """Relative to the environment."""

    winner: ChosenFile
    losers: tuple[ChosenFile, ...]
    differs: bool
    """Whether the content differs; otherwise the wheels have the same file."""

    @property
    def sentence(self) -> str:
        """The wheel whose file is there, and the other wheels."""
        others = ", ".join(file.package for file in self.losers)
        return f"{self.place} comes from {self.winner.package}, and differs from that of {others}"


@dataclass(kw_only=True, slots=True)
class Filled:
    """The content of an environment so far."""

    linked: dict[str, LinkedWheel] = field(default_factory=dict)
    """By the file's sha256."""

    known: dict[str, EntryFile] = field(default_factory=dict)
    """Files with known content, by path in the environment."""

    compiling: list[Future[None]] = field(default_factory=list)
    """Running compilations of wheels that uv has installed."""

    clashes: tuple[ContestedPath, ...] = ()
    """Paths that several wheels have."""

    dist_infos: tuple[str, ...] = ()
    """The `.dist-info` folders of the linked wheels, after `forget_entries`."""

    def take(self, site: Site, sha256: str, linked: LinkedWheel) -> None:
        """Add the files of a linked wheel."""
        self.linked[sha256] = linked
        self.known |= site.by_path(linked.linked.files)
        if linked.bytecode is not None:
            self.known |= site.by_path(linked.bytecode.files)

    def absent(self) -> Iterator[str]:
        """Modules that were missing in their wheel when its bytecode was compiled."""
        for wheel in self.linked.values():
            if wheel.bytecode is not None:
                yield from absent_modules(wheel.bytecode)

    def forget_entries(self) -> None:
        """Free the tables of the linked wheels, which have some megabytes."""
        self.dist_infos = tuple(wheel.dist_info for wheel in self.linked.values())
        self.linked.clear()
