"""The one judgement whether packages hold together: what each asks for is there, at a version it admits.

`lock` asks it before it writes, `check` of what is committed, `sync` of what was built, `doctor` of what runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.requirement.graph import active_edges
from envbuild.requirement.parse import admits, holds, is_open, parse_requirement
from envbuild.target.python_bound import admits_python
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.requirement.graph import Edge
    from envbuild.target.target import Target


class Package(Protocol):
    """What is locked or installed of a package."""

    @property
    def name(self) -> str:
        """Normalised (PEP 503)."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def requires(self) -> tuple[str, ...]:
        """Its own `Requires-Dist`."""

    @property
    def requires_python(self) -> str:
        """Its own `Requires-Python`; empty where it does not matter."""


@value
class Asked:
    """What a driver asks for, beside its packages."""

    driver: str
    requires: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


@value
class Unmet:
    """One thing that is asked for and not so."""

    asker: str | None
    """The package that asks, normalised; None for the driver itself."""

    package: str
    """What it asks for, normalised; `python` for the interpreter."""

    missing: bool
    """Whether it is not there at all."""

    message: str
    """One sentence without a final stop."""


def judge(asked: Asked, packages: Iterable[Package], target: Target) -> Iterator[Unmet]:
    """Everything unmet among what is asked for on a target; extras asked for are followed.

    Overrides stand in for what packages publish.
    A target of a lockfile is judged for every host that it is for, one with a patch release and a kernel for that host.
    """
    there = {package.name: package for package in packages}
    published = {name: package.requires for name, package in there.items()}
    reached: dict[str, None] = {}
    for edge in active_edges(asked.requires, published, target, asked.overrides):
        reached[edge.package] = None
        unmet = _unmet_edge(asked.driver, edge, there)
        if unmet is not None:
            yield unmet
    for text in asked.constraints:
        wanted = parse_requirement(text)
        package = there.get(wanted.name)
        if package is None or not holds(wanted.marker, target):
            continue
        if not admits(wanted.specifier, package.version):
            message = f"{wanted.name} {package.version} is outside the constraint {text}"
            yield Unmet(asker=None, package=wanted.name, missing=False, message=message)
    if target.has_patch:
        yield from _unmet_pythons((there[name] for name in reached if name in there), target)


def _unmet_edge(driver: str, edge: Edge, there: Mapping[str, Package]) -> Unmet | None:
    package = there.get(edge.package)
    if package is not None and admits(edge.specifier, package.version):
        return None
    asker = driver
    if edge.requirer is not None:
        asker = f"{edge.requirer} {there[edge.requirer].version}"
    state = "which is missing" if package is None else f"and {package.version} is there"
    message = f"{asker} asks for {f'{edge.package} {edge.specifier}'.strip()}, {state}"
    return Unmet(
        asker=edge.requirer, package=edge.package, missing=package is None, message=message
    )


def _unmet_pythons(packages: Iterable[Package], target: Target) -> Iterator[Unmet]:
    for package in packages:
        if not admits_python(package.requires_python, target.python):
            message = (
                f"{package.name} {package.version} asks for Python {package.requires_python}, "
                f"and this is {target.python}"
            )
            yield Unmet(asker=package.name, package="python", missing=False, message=message)


def packages_here(lockfile: Lockfile, target: Target, here: Target) -> tuple[LockedPackage, ...]:
    """What is locked for a target, but for what markers ask for on other hosts alone.

    `here` is the target as one host is it: with its patch release of Python and its kernel.
    """
    locked = lockfile.packages_for(target)
    asked = lockfile.inputs
    texts = (*asked.requires, *asked.overrides, *(text for one in locked for text in one.requires))
    if not any(map(is_open, texts)):
        return locked
    published = {package.name: package.requires for package in locked}
    edges = active_edges(asked.requires, published, here, asked.overrides)
    needed = {edge.package for edge in edges}
    return tuple(package for package in locked if package.name in needed)
