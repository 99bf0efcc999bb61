"""`envbuild why` and `envbuild tree`: what requires what in a driver's lockfile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.selection import no_lockfile, select_drivers
from envbuild.errors import Problem, UsageError
from envbuild.lockfile.chains import find_reasons, graph_edges
from envbuild.nearest_name import near_hint
from envbuild.requirement.parse import normalized_name
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.chains import Reasons
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.requirement.graph import Edge
    from envbuild.target.target import Target


@value
class WhyResult:
    """The result of `envbuild why`."""

    file: str
    driver: str
    package: str
    lines: Mapping[str, int]
    """The line of each of the driver's requirements, by its text."""

    reasons: tuple[Reasons, ...]
    """One for each target that has the package."""

    absent: tuple[Target, ...]
    """The targets that do not have it."""


@value
class TreeResult:
    """The result of `envbuild tree`."""

    file: str
    driver: str
    version: str
    lines: Mapping[str, int]
    target: Target
    others: tuple[Target, ...]
    """The driver's further targets."""

    packages: Mapping[str, str]
    """Every package of the target with its version."""

    edges: tuple[Edge, ...]


def why(declaration: Declaration, folder: LockFolder, driver: str, package: str) -> WhyResult:
    """Every chain from a driver to a package; UsageError if none of its targets has it."""
    lockfile = _lockfile(declaration, folder, driver)
    name = normalized_name(package)
    found = {target: find_reasons(lockfile, target, name) for target in lockfile.targets}
    reasons = tuple(reason for reason in found.values() if reason is not None)
    if not reasons:
        raise UsageError(_unknown_package(package, lockfile, folder.name(driver)))
    return WhyResult(
        file=declaration.file,
        driver=driver,
        package=name,
        lines=_lines(declaration, driver),
        reasons=reasons,
        absent=tuple(target for target, reason in found.items() if reason is None),
    )


def tree(
    declaration: Declaration, folder: LockFolder, driver: str, target: str | None
) -> TreeResult:
    """The packages of a driver's lockfile on one target, and what requires each; the first target by default."""
    lockfile = _lockfile(declaration, folder, driver)
    chosen = _target(lockfile, target)
    return TreeResult(
        file=declaration.file,
        driver=driver,
        version=lockfile.version,
        lines=_lines(declaration, driver),
        target=chosen,
        others=tuple(other for other in lockfile.targets if other != chosen),
        packages=lockfile.versions_on(chosen),
        edges=graph_edges(lockfile, chosen),
    )


def _lockfile(declaration: Declaration, folder: LockFolder, driver: str) -> Lockfile:
    select_drivers(declaration, (driver,))
    stored = folder.read(driver)
    if stored is None:
        raise UsageError(no_lockfile(folder, driver))
    return stored.lockfile


def _lines(declaration: Declaration, name: str) -> dict[str, int]:
    driver = declaration.driver(name)
    assert driver is not None
    return {requirement.text: requirement.line for requirement in driver.all_requires}


def _target(lockfile: Lockfile, text: str | None) -> Target:
    if text is None:
        return lockfile.targets[0]
    for target in lockfile.targets:
        if str(target) == text:
            return target
    known = ", ".join(map(str, lockfile.targets))
    message = f"{lockfile.driver} is not locked for the target {text!r}"
    raise UsageError(Problem(message=message, hint=f"it is locked for: {known}"))


def _unknown_package(package: str, lockfile: Lockfile, file: str) -> Problem:
    known = sorted({entry.name for entry in lockfile.every_package})
    all_ = f"`envbuild tree {lockfile.driver}` shows all"
    hint = near_hint(normalized_name(package), known, all_)
    return Problem(file=file, message=f"{lockfile.driver} has no package {package!r}", hint=hint)
