"""A made-up fleet of any size: packages with histories, drivers locked at different times."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from envbuild.declaration.toml.document import parse_declaration
from envbuild.lockfile.freshness import inputs_of
from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile
from envbuild.target.target import Target, parse_platform

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver

TARGET = Target(python="3.12", platform=parse_platform("x86_64-manylinux_2_28"))
_LAYERS = 6
_ERAS = 12
_NOISE = 6
"""Requirements of extras that nobody asks for: most of what real packages publish."""


@dataclass
class Release:
    """One version of a package: when it came out, and what it asks for."""

    version: tuple[int, int]
    era: int
    asks: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Package → lower and upper half of the specifier; either may be empty."""


@dataclass
class World:
    """Every package there is."""

    layers: list[list[str]]
    releases: dict[str, list[Release]]

    def newest(self, name: str, era: int) -> Release:
        """The newest release at a time."""
        return [release for release in self.releases[name] if release.era <= era][-1]


def make_fleet(drivers: int, packages: int, seed: int = 1) -> tuple[Declaration, list[Lockfile]]:
    """Lockfiles of so many drivers with about so many packages each, and the declaration they answer."""
    rng = random.Random(seed)
    world = _make_world(rng, packages * 4)
    chosen = [_choose_driver(rng, world, packages) for _ in range(drivers)]
    for roots, era in chosen:
        _lift_broken_caps(world, roots, era)
    head = (
        f'version = 1\n[defaults]\npython = "{TARGET.python}"\nplatforms = ["{TARGET.platform}"]\n'
    )
    tables = [
        _declare(rng, world, f"driver-{number:02}", roots, era)
        for number, (roots, era) in enumerate(chosen)
    ]
    declaration = parse_declaration("\n".join([head, *tables]), file="drivers.toml")
    locked = [
        _lock(world, declaration, driver, roots, era)
        for driver, (roots, era) in zip(declaration.drivers, chosen, strict=True)
    ]
    return declaration, locked


def _make_world(rng: random.Random, count: int) -> World:
    layers: list[list[str]] = [[] for _ in range(_LAYERS)]
    releases: dict[str, list[Release]] = {}
    for number in range(count):
        name = f"package-{number:04}"
        layers[number % _LAYERS].append(name)
        eras = sorted({0, *rng.sample(range(1, _ERAS), rng.randint(1, 5))})
        major, minor = 1, 0
        releases[name] = []
        for era in eras:
            major, minor = (major + 1, 0) if rng.random() < 0.25 else (major, minor + 1)
            releases[name].append(Release(version=(major, minor), era=era))
    world = World(layers=layers, releases=releases)
    for depth, names in enumerate(layers[:-1]):
        below = [name for layer in layers[depth + 1 :] for name in layer]
        popular = below[: max(8, len(below) // 5)]
        for name in names:
            wanted = rng.sample(popular, 3) + rng.sample(below, 2)
            for release in releases[name]:
                release.asks = {
                    other: _specifier(rng, world, other, release.era) for other in wanted
                }
    return world


def _specifier(rng: random.Random, world: World, name: str, era: int) -> tuple[str, str]:
    major, minor = world.newest(name, era).version
    roll = rng.random()
    if roll < 0.03:
        return f"=={major}.{minor}", ""
    if roll < 0.20:
        return f">={major}.{minor}", f"<{major + 1}"
    return (f">={major}.{minor}" if roll < 0.8 else ""), ""


def _choose_driver(rng: random.Random, world: World, packages: int) -> tuple[list[str], int]:
    era = rng.randrange(_ERAS // 2, _ERAS)
    roots: list[str] = []
    for name in rng.sample(world.layers[0] + world.layers[1], len(world.layers[0])):
        roots.append(name)
        if len(_closure(world, roots, era)) >= packages:
            break
    return roots, era


def _closure(world: World, roots: list[str], era: int) -> list[str]:
    seen = dict.fromkeys(roots)
    waiting = list(roots)
    for name in waiting:
        for other in world.newest(name, era).asks:
            if other not in seen:
                seen[other] = None
                waiting.append(other)
    return sorted(seen)


def _lift_broken_caps(world: World, roots: list[str], era: int) -> None:
    """A package whose cap excludes what was current when a driver was locked never published that cap."""
    for name in _closure(world, roots, era):
        asks = world.newest(name, era).asks
        for other, (lower, upper) in asks.items():
            major, minor = world.newest(other, era).version
            if lower.startswith("==") and lower != f"=={major}.{minor}":
                asks[other] = ("", "")
            elif upper and major >= int(upper[1:]):
                asks[other] = (lower, "")


def _declare(rng: random.Random, world: World, name: str, roots: list[str], era: int) -> str:
    """The driver's table in `drivers.toml`."""
    lines = [f"[drivers.{name}]", "requires = ["]
    for root in roots:
        major, minor = world.newest(root, era).version
        roll = rng.random()
        specifier = f"<{major + 1},>={major}.{minor}" if roll < 0.3 else ""
        specifier = f"=={major}.{minor}" if roll > 0.9 else specifier
        lines.append(f'    "{root}{specifier}",')
    return "\n".join([*lines, "]", ""])


def _lock(
    world: World, declaration: Declaration, driver: Driver, roots: list[str], era: int
) -> Lockfile:
    names = _closure(world, roots, era)
    asked_by: dict[str, set[str]] = {name: set() for name in names}
    for root in roots:
        asked_by[root].add(".")
    for name in names:
        for other in world.newest(name, era).asks:
            asked_by[other].add(name)
    packages = tuple(
        _locked_package(name, world.newest(name, era), tuple(sorted(asked_by[name])))
        for name in names
    )
    version = ".".join(map(str, world.newest(driver.version_of, era).version))
    return Lockfile(
        driver=driver.name,
        version=version,
        inputs=inputs_of(driver, declaration),
        targets=(TARGET,),
        packages=packages,
    )


def _locked_package(name: str, release: Release, required_by: tuple[str, ...]) -> LockedPackage:
    version = ".".join(map(str, release.version))
    asks = [
        name + ",".join(part for part in specifier if part)
        for name, specifier in release.asks.items()
    ]
    noise = [f"noise-{number}>=1; extra == 'extra-{number}'" for number in range(_NOISE)]
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return LockedPackage(
        name=name,
        version=version,
        index="default",
        targets=(TARGET,),
        requires=tuple(asks + noise),
        required_by=required_by,
        files=(
            LockedFile(
                name=file, size=100_000, sha256=sha256(file.encode()).hexdigest(), targets=(TARGET,)
            ),
        ),
    )
