"""Locking over a fake index: a resolver and a metadata source in one."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.commands.lock import Locker, LockResult, Upgrade
from envbuild.progress import Silent
from envbuild.requirement.parse import parse_requirement
from envbuild.resolution.resolution import PublishedMetadata, Resolution
from envbuild.value import replace
from tests.support.values import make_declaration, make_resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.errors import EnvbuildError
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import ChosenFile, HeldBack, Lockfile
    from envbuild.resolution.resolution import (
        KnownPackage,
        LockedChoice,
        ResolvedFile,
        ResolveRequest,
    )
    from envbuild.target.target import Target


@dataclass
class FakeIndex:
    """A resolver and a metadata source over packages that are given as names and versions.

    It takes what a driver asks for and all that this needs, at its pinned version where there is one,
    else at the newest.
    """

    packages: dict[str, list[str]]
    requires: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failures: dict[str, EnvbuildError] = field(default_factory=dict)
    """What a driver cannot be resolved for."""

    requests: list[ResolveRequest] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    """The files whose metadata was asked for."""

    asked: list[tuple[str, Target]] = field(default_factory=list)
    """The sources whose build requirements were asked for."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of_two_drivers(cls) -> FakeIndex:
        """The packages `asr` and `gateway`, and `idna`, which both require."""
        return cls(
            packages={"asr": ["1.0"], "gateway": ["1.0"], "idna": ["3.10"]},
            requires={"asr": ("idna",), "gateway": ("idna",)},
        )

    def resolve(self, request: ResolveRequest) -> Resolution:
        """Resolve, or fail as told."""
        with self.lock:
            self.requests.append(request)
        if request.driver in self.failures:
            raise self.failures[request.driver]
        pins = {pin.name: pin.version for pin in request.pins}
        files = tuple(
            replace(
                make_resolved(name, pins[name] if pins.get(name) in versions else versions[-1]),
                indexes=request.indexes,
            )
            for name, versions in sorted(self.packages.items())
            if name in self._needed(request.requires)
        )
        return Resolution(target=request.target, files=files)

    def _needed(self, requires: tuple[str, ...]) -> set[str]:
        found: set[str] = set()
        waiting = [*requires]
        while waiting:
            name = parse_requirement(waiting.pop()).name
            if name not in found:
                found.add(name)
                waiting += self.requires.get(name, ())
        return found

    def fetch(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, PublishedMetadata]:
        """What the files say."""
        self.fetched += [file.file for file in files]
        return {
            file.sha256: PublishedMetadata(requires=self.requires.get(file.package, ()), size=1)
            for file in files
        }

    def commands(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, tuple[str, ...]]:
        """Each package has the command of its own name."""
        return {file.sha256: (file.package,) for file in files}

    def having(self, files: tuple[ResolvedFile, ...], module: str) -> frozenset[str]:
        """Each package has the module of its own name."""
        return frozenset(file.sha256 for file in files if file.package == module)

    def build_requirements(self, file: ChosenFile, request: ResolveRequest) -> tuple[str, ...]:
        """Every source is built by one backend."""
        self.asked.append((file.package, request.target))
        return ("backend",)

    def still_listed(self, packages: tuple[KnownPackage, ...]) -> frozenset[str]:
        """All of them: files are never replaced here."""
        return frozenset(package.name for package in packages)

    def yanked(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, str]:
        """None: nothing is withdrawn here."""
        return {}

    def extras(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, frozenset[str]]:
        """Nobody can tell."""
        return {}

    def held_back(self, lockfile: Lockfile) -> tuple[HeldBack, ...]:
        """Nobody can tell."""
        return ()

    def revalidate(self, choices: tuple[LockedChoice, ...]) -> frozenset[LockedChoice]:
        """None: every driver is resolved."""
        return frozenset()


def lock(
    folder: LockFolder,
    index: FakeIndex,
    *drivers: Driver,
    names: tuple[str, ...] = (),
    upgrade: Upgrade | None = None,
    declaration: Declaration | None = None,
    jobs: int = 4,
) -> LockResult:
    """Lock the drivers of a declaration."""
    locker = Locker(
        declaration=declaration or make_declaration(*drivers),
        folder=folder,
        resolver=index,
        metadata=index,
        progress=Silent(),
        jobs=jobs,
    )
    return locker.lock(names, upgrade or Upgrade())


def content(folder: LockFolder, driver: str) -> bytes:
    """A lockfile's bytes."""
    return (folder.path / f"{driver}.toml").read_bytes()
