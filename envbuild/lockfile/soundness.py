"""The check that packages fit together: each required package is there, at a version that satisfies the requirement.

`lock` runs it before it writes, `check` on committed files, `sync` on what was built, `doctor` on what is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from envbuild.finding import Code, Finding
from envbuild.lockfile.text import package_line
from envbuild.requirement.graph import active_edges
from envbuild.requirement.parse import admits, holds, is_open, parse_requirement
from envbuild.target.python_bound import admits_python
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.requirement.graph import Edge
    from envbuild.target.target import Target

T = TypeVar("T")
_MOST_REPORTED = 200
"""The most problems of one lockfile that are reported."""


class Package(Protocol):
    """A locked or installed package."""

    @property
    def name(self) -> str:
        """Normalised (PEP 503)."""

    @property
    def version(self) -> str:
        """Its version."""

    @property
    def requires(self) -> tuple[str, ...]:
        """Its `Requires-Dist`."""

    @property
    def requires_python(self) -> str:
        """Its `Requires-Python`; empty if it does not matter."""


@value
class DriverLines:
    """A driver's requirements, in addition to its packages'."""

    driver: str
    requires: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


@value
class Unmet:
    """A requirement that is not satisfied."""

    asker: str | None
    """The package that requires it, normalised; None for the driver."""

    package: str
    """The required package, normalised; `python` for the interpreter."""

    missing: bool
    """Whether the package is missing."""

    message: str
    """One sentence without a final stop."""


def judge(asked: DriverLines, packages: Iterable[Package], target: Target) -> Iterator[Unmet]:
    """Every unsatisfied requirement on a target, including those of requested extras.

    Overrides replace published requirements.
    A lockfile's target is checked for all its hosts; a target with a patch release and a kernel, for that host.
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
    message = f"{asker} requires {f'{edge.package} {edge.specifier}'.strip()}, {state}"
    return Unmet(
        asker=edge.requirer, package=edge.package, missing=package is None, message=message
    )


def _unmet_pythons(packages: Iterable[Package], target: Target) -> Iterator[Unmet]:
    for package in packages:
        if not admits_python(package.requires_python, target.python):
            message = (
                f"{package.name} {package.version} requires Python {package.requires_python}, "
                f"and this is {target.python}"
            )
            yield Unmet(asker=package.name, package="python", missing=False, message=message)


def packages_here(lockfile: Lockfile, target: Target, here: Target) -> tuple[LockedPackage, ...]:
    """The locked packages of a target, without those that only other hosts need.

    `here` is the target with this host's patch release of Python and kernel.
    """
    locked = lockfile.packages_for(target)
    asked = lockfile.inputs
    requires = asked.requires_on(target)
    texts = (*requires, *asked.overrides, *(text for one in locked for text in one.requires))
    if not any(map(is_open, texts)):
        return locked
    published = {package.name: package.requires for package in locked}
    edges = active_edges(requires, published, here, asked.overrides)
    needed = {edge.package for edge in edges}
    return tuple(package for package in locked if package.name in needed)


_HINT = "run `envbuild lock` and commit what it writes"


def asked_by(lockfile: Lockfile, target: Target) -> DriverLines:
    """The requirements of a lockfile's driver on a target."""
    inputs = lockfile.inputs
    return DriverLines(
        driver=lockfile.driver,
        requires=inputs.requires_on(target),
        constraints=inputs.constraints,
        overrides=inputs.overrides,
    )


def judge_target(lockfile: Lockfile, target: Target) -> Iterator[Unmet]:
    """Every unsatisfied requirement on one of a lockfile's targets."""
    return judge(asked_by(lockfile, target), lockfile.packages_for(target), target)


def unsound_reasons(lockfile: Lockfile) -> tuple[str, ...]:
    """Why a lockfile's packages do not fit together, one sentence each; empty if they do."""
    found = (
        unmet.message for target in lockfile.targets for unmet in judge_target(lockfile, target)
    )
    return _first(found)


def check_soundness(lockfile: Lockfile, file: str) -> tuple[Finding, ...]:
    """The unsatisfied requirements of a lockfile, each once over all targets; the parser has checked its files."""
    found = _first(_findings(lockfile, file))
    if len(found) < _MOST_REPORTED:
        return found
    message = f"only the first {_MOST_REPORTED} problems of this lockfile are reported"
    return (*found, _finding(Code.INCOMPLETE_LOCKFILE, lockfile, message, file, None))


def _first(found: Iterable[T]) -> tuple[T, ...]:
    """A readable number of problems, each once."""
    kept: dict[T, None] = {}
    for one in found:
        kept[one] = None
        if len(kept) == _MOST_REPORTED:
            break
    return tuple(kept)


def _findings(lockfile: Lockfile, file: str) -> Iterator[Finding]:
    for target in lockfile.targets:
        for unmet in judge_target(lockfile, target):
            code = Code.INCOMPLETE_LOCKFILE if unmet.missing else Code.UNMET_REQUIREMENT
            place = unmet.asker if unmet.missing or unmet.package == "python" else unmet.package
            line = package_line(lockfile, place) if place else None
            yield _finding(code, lockfile, unmet.message, file, line)


def _finding(code: Code, lockfile: Lockfile, message: str, file: str, line: int | None) -> Finding:
    return Finding(
        code=code, subject=lockfile.driver, message=message, path=file, hint=_HINT, line=line
    )
