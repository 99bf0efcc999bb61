"""How a package that is locked as source becomes a wheel on one target: requirements, options, key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.declaration import BuildOptions
from envbuild.declaration.index import bound_index
from envbuild.digest import sha256_hex
from envbuild.lockfile.lockfile import ChosenFile
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.index import Bindings
    from envbuild.lockfile.lockfile import (
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


def needs_build(name: str) -> bool:
    """Whether a locked file, by its name, has to be built."""
    return not name.endswith(".whl")


def sources_of(lockfile: Lockfile, target: Target) -> Iterator[tuple[LockedPackage, LockedFile]]:
    """The packages that a target takes as source, each with that file."""
    for package in lockfile.packages_for(target):
        for file in package.files:
            if target in file.targets and needs_build(file.name):
                yield package, file


def has_sources(lockfile: Lockfile) -> bool:
    """Whether some package has to be built."""
    return not all(package.has_only_wheels for package in lockfile.packages)


def locked_names(lockfile: Lockfile) -> frozenset[str]:
    """The names of all packages, and of those with which sources are built."""
    required = (_named(file.name)[0] for build in lockfile.builds for file in build.files)
    return frozenset((*(package.name for package in lockfile.packages), *required))


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


def source_builds(
    lockfile: Lockfile,
    target: Target,
    packages: Iterable[LockedPackage],
    interpreter: Interpreter,
    options_of: Callable[[str], BuildOptions],
) -> Iterator[SourceBuild]:
    """The builds of those of a target's packages that it takes as source.

    A package whose build requirements are not locked is left out; `build_reasons` says so.
    """
    bindings = lockfile.inputs.indexes_on(target)
    chosen = {
        package.name: chosen_file(package, file)
        for package in packages
        for file in package.files
        if target in file.targets
    }
    wheels = tuple(file for file in chosen.values() if not needs_build(file.file))
    for package in packages:
        source, options = chosen.get(package.name), options_of(package.name)
        build = locked_build(lockfile, package, target)
        if source is None or not needs_build(source.file) or build is None:
            continue
        files = tuple(_wheel(file, bindings) for file in build.files if target in file.targets)
        installed = () if options.isolation else wheels
        key = build_key(
            source=source.sha256,
            files=(file.sha256 for file in (*files, *installed)),
            options=options,
            interpreter=interpreter,
            target=target,
        )
        yield SourceBuild(
            source=replace(source, build=key),
            files=files,
            installed=installed,
            options=options,
            wheel=_built_wheel(package, source, target),
            key=key,
        )


def default_options(package: str) -> BuildOptions:
    """The options of a package for which nothing is declared."""
    return BuildOptions(package=package)


def chosen_file(package: LockedPackage, file: LockedFile) -> ChosenFile:
    """A file of a locked package that a target takes."""
    return ChosenFile(
        package=package.name,
        version=package.version,
        index=package.index,
        file=file.name,
        sha256=file.sha256,
        size=file.size,
    )


def taken_file(package: LockedPackage, target: Target) -> ChosenFile:
    """The file of a package that one of its targets installs, or builds if no wheel was built of it yet."""
    file = next(file for file in package.files if target in file.targets)
    chosen = chosen_file(package, file)
    return _built_wheel(package, chosen, target) or chosen


def _built_wheel(package: LockedPackage, source: ChosenFile, target: Target) -> ChosenFile | None:
    """The wheel that was built from a package's source for a target, if there is one."""
    for file in package.built:
        if target in file.targets:
            return wheel_of(source, file.name, file.sha256, file.size)
    return None


def _wheel(file: LockedFile, bindings: Bindings) -> ChosenFile:
    """A wheel of a build requirement, whose name says what it is."""
    name, version = _named(file.name)
    return ChosenFile(
        package=name,
        version=version,
        index=bound_index(bindings, name),
        file=file.name,
        sha256=file.sha256,
        size=file.size,
    )


def wheel_of(source: ChosenFile, name: str, sha256: str, size: int) -> ChosenFile:
    """A wheel that was built from a source; it may have added a local version (PEP 440)."""
    return replace(source, file=name, sha256=sha256, size=size, version=_named(name)[1], build="")


def _named(wheel: str) -> tuple[str, str]:
    """The package and the version in a wheel's name."""
    from envbuild.target.wheel_choice import parse_wheel_name

    name, version, *_ = parse_wheel_name(wheel)
    return name, str(version)


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
