"""Values in one line: what a test does not care about is filled in."""

from __future__ import annotations

import hashlib
from typing import Any

from envbuild.declaration.declaration import Declaration
from envbuild.declaration.driver import DeclaredRequirement, Driver
from envbuild.environment.derivation import Derivation
from envbuild.lockfile.freshness import inputs_of
from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile
from envbuild.requirement.parse import parse_requirement
from envbuild.resolution.resolution import PublishedMetadata, Resolution, ResolvedFile
from envbuild.store.manifest import Manifest, ManifestDriver
from envbuild.store.plan import Wanted, want
from envbuild.target.target import Host, Interpreter, Target, parse_target
from envbuild.value import replace

LINUX = parse_target("3.12-x86_64-manylinux_2_28")
ARM = parse_target("3.12-aarch64-manylinux_2_28")
MAC = parse_target("3.12-arm64-macosx_14_0")

HOST = Host(arch="x86_64", system="manylinux", system_version=(2, 36))
"""What `LINUX` runs on, without an NVIDIA driver."""

PYTHON = Interpreter(
    path="/usr/bin/python3.12",
    version="3.12.1",
    cache_tag="cpython-312",
    size=8_000_000,
    mtime_ns=1_700_000_000_000_000_000,
    shareable=True,
)

CREATED = "2026-11-20T10:00:00Z"
STORE = "/opt/envbuild"


def digest(text: str) -> str:
    """64 hex digits that go with a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def make_driver(name: str = "asr", *requires: str, **changes: Any) -> Driver:
    """A driver for `LINUX` alone that asks for a package of its own name; see `Driver` for changes."""
    texts = requires or (name,)
    command = changes.pop("binary", name)
    plain = Driver(
        name=name,
        line=1,
        requires=tuple(
            DeclaredRequirement(text=text, name=parse_requirement(text).name, line=2)
            for text in texts
        ),
        binary=command,
        commands=(command,),
        version_of=parse_requirement(texts[0]).name,
        platforms=("x86_64-manylinux_2_28",),
        python=("3.12",),
    )
    return replace(plain, **changes)


def make_declaration(*drivers: Driver, **changes: Any) -> Declaration:
    """A declaration of these drivers, without any index of its own."""
    plain = Declaration(
        file="drivers.toml", digest=f"sha256:{digest('drivers.toml')}", drivers=drivers, indexes=()
    )
    return replace(plain, **changes)


def make_package(name: str, version: str = "1.0", **changes: Any) -> LockedPackage:
    """A locked package of one pure wheel for `LINUX`; `targets` is for the package and its wheel."""
    targets = changes.pop("targets", (LINUX,))
    plain = LockedPackage(
        name=name,
        version=version,
        index="default",
        targets=targets,
        requires=(),
        required_by=(".",),
        files=(make_file(name, version, targets=targets),),
    )
    return replace(plain, **changes)


def make_file(
    name: str,
    version: str = "1.0",
    tag: str = "py3-none-any",
    targets: tuple[Target, ...] = (LINUX,),
) -> LockedFile:
    """A wheel of some tag."""
    file = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return LockedFile(name=file, size=1000, sha256=digest(file), targets=targets)


def make_lockfile(driver: Driver, *packages: LockedPackage, **changes: Any) -> Lockfile:
    """The fresh lockfile of a driver; without packages it holds the one that names its version."""
    targets = tuple(
        parse_target(f"{python}-{platform}")
        for python in driver.python
        for platform in driver.platforms
    )
    locked = packages or (make_package(driver.version_of, targets=targets),)
    plain = Lockfile(
        driver=driver.name,
        version=next((p.version for p in locked if p.name == driver.version_of), "1.0"),
        inputs=inputs_of(driver, make_declaration(driver)),
        targets=targets,
        packages=locked,
    )
    return replace(plain, **changes)


def make_derivation(python: str = PYTHON.path) -> Derivation:
    """What an environment of nothing is built from."""
    return Derivation(
        driver="asr",
        version="1.0",
        target=str(LINUX),
        python=python,
        python_version=PYTHON.version,
        cache_tag=PYTHON.cache_tag,
        env=(),
        bytecode=False,
        files=(),
    )


def make_wanted(driver: Driver, *packages: LockedPackage, **changes: Any) -> Wanted:
    """A driver as `HOST` is to have it, on `PYTHON`."""
    lockfile = make_lockfile(driver, *packages)
    plain = want(
        driver=driver,
        lockfile=lockfile,
        lock=f"sha256:{digest(repr(lockfile))}",
        target=lockfile.targets[0],
        interpreter=changes.pop("interpreter", PYTHON),
    )
    return replace(plain, **changes)


def make_entry(name: str = "asr", version: str = "1.0", **changes: Any) -> ManifestDriver:
    """A driver of a manifest whose command is its own name."""
    key = changes.pop("key", digest(f"{name} {version}"))
    environment = f"{STORE}/envs/{name}-{version}-{key[:12]}"
    plain = ManifestDriver(
        name=name,
        version=version,
        key=key,
        lock=f"sha256:{digest(f'locks/{name}.toml {version}')}",
        environment=environment,
        binary=f"{environment}/bin/{name}",
        stable_binary=f"{STORE}/current/{name}/bin/{name}",
        python=f"{environment}/bin/python",
        python_version="3.12.1",
        commands=(name,),
        shims=((name, name),),
        env=(),
        packages=((name, version),),
        size=1000,
        since=CREATED,
        shim=name,
    )
    return replace(plain, **changes)


def make_manifest(*drivers: ManifestDriver, **changes: Any) -> Manifest:
    """Generation 1 with these drivers, of the declaration that `make_declaration` makes."""
    plain = Manifest(
        generation=1,
        created=CREATED,
        envbuild="0.1.0",
        declaration=make_declaration().digest,
        drivers=drivers,
    )
    return replace(plain, **changes)


def make_resolved(name: str, version: str = "1.0", tag: str = "py3-none-any") -> ResolvedFile:
    """A wheel as a resolver found it."""
    file = make_file(name, version, tag)
    url = f"https://packages.example.com/{file.name}"
    return ResolvedFile(
        package=name, version=version, file=file.name, url=url, sha256=file.sha256, indexes=()
    )


def make_resolution(*files: ResolvedFile, target: Target = LINUX) -> Resolution:
    """What a target takes, in the order given."""
    return Resolution(target=target, files=files)


def make_metadata(
    *resolutions: Resolution, **requires: tuple[str, ...]
) -> dict[str, PublishedMetadata]:
    """What every file of some resolutions says; a package's requirements by its name, `_` for `-`."""
    return {
        file.sha256: PublishedMetadata(
            requires=requires.get(file.package.replace("-", "_"), ()), size=1000
        )
        for resolution in resolutions
        for file in resolution.files
    }
