"""How a package that is locked as source becomes a wheel on one target: requirements, options, key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.digest import sha256_hex
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.declaration.declaration import BuildOptions, Declaration
    from envbuild.lockfile.lockfile import (
        ChosenFile,
        LockedBuild,
        LockedFile,
        LockedPackage,
        Lockfile,
    )
    from envbuild.target.target import Interpreter, Target


@value
class SourceBuild:
    """A build that one host may have to make, or the wheel that it takes instead."""

    source: ChosenFile
    """The locked source."""

    files: tuple[ChosenFile, ...]
    """The wheels of the build requirements, ordered by name."""

    installed: tuple[ChosenFile, ...]
    """The driver's own wheels, if the build sees them."""

    options: BuildOptions
    wheel: ChosenFile | None
    """The only wheel that is taken; None if none was built yet when the driver was locked."""

    key: str
    """64 hex digits: the same for builds of which one is enough."""


def is_source(name: str) -> bool:
    """Whether a locked file, by its name, has to be built."""
    return not name.endswith(".whl")


def sources_of(lockfile: Lockfile, target: Target) -> Iterator[tuple[LockedPackage, LockedFile]]:
    """The packages that a target takes as source, each with that file."""
    for package in lockfile.packages_for(target):
        for file in package.files:
            if target in file.targets and is_source(file.name):
                yield package, file


def options_digest(options: BuildOptions) -> str:
    """The digest of the options that decide what is built, beside requirements; empty at their defaults."""
    decisive = (options.env, options.config_settings, options.isolation)
    if decisive == ((), (), True):
        return ""
    return sha256_hex(repr(decisive).encode())


def locked_build(lockfile: Lockfile, package: LockedPackage, target: Target) -> LockedBuild | None:
    """The build requirements of a package on a target."""
    return next(
        (
            build
            for build in lockfile.builds
            if build.package == package.name
            and build.version == package.version
            and target in build.targets
        ),
        None,
    )


def build_reasons(lockfile: Lockfile, declaration: Declaration) -> tuple[str, ...]:
    """Why the builds of a lockfile are not those that are declared; one sentence for each package."""
    found: dict[str, str] = {}
    for target in lockfile.targets:
        for package, _ in sources_of(lockfile, target):
            build = locked_build(lockfile, package, target)
            options = declaration.build_of(package.name)
            if build is None:
                found[package.name] = f"what building {package.name} requires is not locked"
            elif build.added != options.requires or build.options != options_digest(options):
                found[package.name] = f"build.{package.name} has changed"
    return tuple(found.values())


def build_key(
    *,
    source: str,
    files: Iterable[str],
    options: BuildOptions,
    interpreter: Interpreter,
    target: Target,
) -> str:
    """64 hex digits over everything that decides a built wheel; `source` and `files` are digests."""
    parts = (
        ("source", source),
        ("files", tuple(sorted(files))),
        ("options", options_digest(options)),
        ("python", interpreter.cache_tag),
        ("platform", str(target.platform)),
        ("variant", target.variant or ""),
    )
    return sha256_hex(repr(parts).encode())
