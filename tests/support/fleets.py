"""Small fleets for tests: a toy index, drivers' lines, and lockfiles that a plain search makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from envbuild.declaration.toml.document import parse_declaration
from envbuild.lockfile.freshness import inputs_of
from envbuild.lockfile.lockfile import LockedFile, LockedPackage, Lockfile
from envbuild.requirement.graph import active_edges
from envbuild.requirement.parse import admits, parse_requirement, parse_version
from envbuild.target.target import Target, parse_platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver

LINUX = "x86_64-manylinux_2_28"
TARGET = Target(python="3.12", platform=parse_platform(LINUX))

Index = dict[str, dict[str, tuple[str, ...]]]
"""Package → version → its requirements."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyFleet:
    """A declaration, and the lockfiles that answer it."""

    declaration: Declaration
    lockfiles: dict[str, Lockfile]


def toy_fleet(
    index: Index, drivers: Mapping[str, Mapping[str, object]], *, python: str = TARGET.python
) -> ToyFleet | None:
    """Lock every driver by plain search, the newest versions first; None where one cannot be locked."""
    declaration = parse_declaration(declaration_text(drivers, python=python), file="drivers.toml")
    lockfiles = {}
    for driver in declaration.drivers:
        lockfile = lock_by_search(driver, declaration, index)
        if lockfile is None:
            return None
        lockfiles[driver.name] = lockfile
    return ToyFleet(declaration=declaration, lockfiles=lockfiles)


def declaration_text(
    drivers: Mapping[str, Mapping[str, object]], *, python: str = TARGET.python
) -> str:
    """`drivers.toml` of tables whose values are strings or lists of strings."""
    lines = ["version = 1", "[defaults]", f'python = "{python}"', f'platforms = ["{LINUX}"]']
    for name, table in drivers.items():
        lines += ["", f"[drivers.{name}]"]
        for key, value in table.items():
            if isinstance(value, str):
                lines.append(f'{key} = "{value}"')
            else:
                assert isinstance(value, list | tuple)
                lines += [f"{key} = [", *(f'    "{item}",' for item in value), "]"]
    return "\n".join([*lines, ""])


def lock_by_search(driver: Driver, declaration: Declaration, index: Index) -> Lockfile | None:
    """The driver's lockfile, every target for itself."""
    inputs = inputs_of(driver, declaration)
    targets = tuple(
        Target(python=python, platform=parse_platform(platform))
        for python in driver.python
        for platform in driver.platforms
    )
    chosen: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        line = Line(inputs.requires, inputs.constraints, inputs.overrides)
        solution = next(solutions(index, (line,), target), None)
        if solution is None:
            return None
        for pin in solution.items():
            chosen.setdefault(pin, []).append(target)
    packages = tuple(
        locked_package(name, version, index[name][version], tuple(chosen[name, version]))
        for name, version in sorted(chosen, key=lambda pin: (pin[0], parse_version(pin[1])))
    )
    version = next(
        (package.version for package in packages if package.name == driver.version_of), "0"
    )
    return Lockfile(
        driver=driver.name, version=version, inputs=inputs, targets=targets, packages=packages
    )


def locked_package(
    name: str, version: str, requires: tuple[str, ...], targets: tuple[Target, ...]
) -> LockedPackage:
    """A package with one pure wheel."""
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return LockedPackage(
        name=name,
        version=version,
        index="default",
        targets=targets,
        requires=requires,
        required_by=(".",),
        files=(LockedFile(name=file, size=1000, sha256="0" * 64, targets=targets),),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """What one driver brings into an environment."""

    requires: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


def line_of(lockfile: Lockfile) -> Line:
    """What the driver of a lockfile brings into an environment."""
    inputs = lockfile.inputs
    return Line(inputs.requires, inputs.constraints, inputs.overrides)


def locked_index(lockfiles: Iterable[Lockfile]) -> Index:
    """Everything that the lockfiles pin."""
    index: Index = {}
    for lockfile in lockfiles:
        for package in lockfile.packages:
            index.setdefault(package.name, {})[package.version] = package.requires
    return index


def solutions(index: Index, lines: tuple[Line, ...], target: Target) -> Iterator[dict[str, str]]:
    """Every environment that serves all the lines and holds nothing else, by trying them all."""
    names = sorted(index)
    seen = set()
    for versions in product(*(_newest_first(index[name]) for name in names)):
        pins = dict(zip(names, versions, strict=True))
        needed = _needed(index, lines, pins, target)
        if needed is not None and tuple(sorted(needed.items())) not in seen:
            seen.add(tuple(sorted(needed.items())))
            yield needed


def serves(index: Index, line: Line, pins: Mapping[str, str], target: Target) -> bool:
    """Whether an environment with these pins does all that a driver asks, and keeps its constraints."""
    published = {name: index[name][version] for name, version in pins.items()}
    for edge in active_edges(line.requires, published, target, line.overrides):
        if edge.package not in pins or not admits(edge.specifier, pins[edge.package]):
            return False
    for text in line.constraints:
        wanted = parse_requirement(text)
        if wanted.name in pins and not admits(wanted.specifier, pins[wanted.name]):
            return False
    return True


def _needed(
    index: Index, lines: Iterable[Line], pins: dict[str, str], target: Target
) -> dict[str, str] | None:
    published = {name: index[name][version] for name, version in pins.items()}
    needed: dict[str, str] = {}
    for line in lines:
        for edge in active_edges(line.requires, published, target, line.overrides):
            if edge.package not in pins or not admits(edge.specifier, pins[edge.package]):
                return None
            needed[edge.package] = pins[edge.package]
    if all(serves(index, line, needed, target) for line in lines):
        return needed
    return None


def _newest_first(versions: Iterable[str]) -> list[str]:
    return sorted(versions, key=parse_version, reverse=True)
