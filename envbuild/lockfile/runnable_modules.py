"""Which locked package has the module that a driver's command runs.

A lockfile records it at that package (`modules`), so that `check` and `sync` know it without a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem
from envbuild.lockfile.builds import has_sources
from envbuild.requirement.parse import normalized_name
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile


def unknown_modules(driver: Driver, lockfile: Lockfile) -> tuple[str, ...]:
    """The module that a driver runs, if its lockfile should record a package for it and does not.

    A source distribution may have any module; that is known when it is built.
    """
    module = driver.module
    if module is None or has_sources(lockfile):
        return ()
    return (module,) if _variants_without(module, lockfile) else ()


def _variants_without(module: str, lockfile: Lockfile) -> tuple[str | None, ...]:
    """The variants of which no package has the module; None stands for a driver without variants."""
    return tuple(
        variant
        for variant, part in lockfile.by_variant()
        if not any(module in one.modules for one in part.packages)
    )


def record_modules(
    driver: Driver,
    lockfile: Lockfile,
    known: Collection[str],
    having: Callable[[tuple[LockedPackage, ...]], Collection[str]],
) -> Lockfile:
    """The lockfile with the packages that have the driver's module, and no other record of modules.

    `known` are first wheels, by sha256, that were recorded with it before;
    `having` opens wheels of packages and says which of them have it, by sha256.
    First it looks into what is called like the module, then into what the driver requires, then into all.
    """
    found = set(known)
    module = driver.module
    for _, part in () if module is None else lockfile.by_variant():
        for packages in _in_turn(driver, part):
            if not any(one.files[0].sha256 in found for one in part.packages):
                found |= {*having(packages)}
    return replace(
        lockfile,
        packages=tuple(
            replace(one, modules=(module,) if module and one.files[0].sha256 in found else ())
            for one in lockfile.packages
        ),
    )


def module_problem(driver: Driver, lockfile: Lockfile, file: str) -> tuple[Problem, ...]:
    """The problem that no locked package has the driver's module; empty if one has it, or may have it."""
    return tuple(
        Problem(
            file=file,
            line=dict(driver.origins).get("command", driver.line),
            key=f"drivers.{driver.name}.command",
            message=f"no locked package of {driver.name} has the module {module!r} to run{where}",
            hint="Python's -m runs MODULE.py or MODULE/__main__.py: "
            "correct the name, or require the package that has it",
        )
        for module in unknown_modules(driver, lockfile)
        for where in _where(module, lockfile)
    )


def _where(module: str, lockfile: Lockfile) -> tuple[str, ...]:
    """The variants without a module, in words; just no words if no variant has it."""
    variants = _variants_without(module, lockfile)
    if len(variants) == len(lockfile.by_variant()):
        return ("",)
    return tuple(f" in its variant {variant}" for variant in variants)


def _in_turn(driver: Driver, lockfile: Lockfile) -> tuple[tuple[LockedPackage, ...], ...]:
    wheels = tuple(one for one in lockfile.packages if one.has_only_wheels)
    alike = normalized_name((driver.module or "").partition(".")[0])
    required = {requirement.name for requirement in driver.requires}
    first = tuple(one for one in wheels if one.name == alike)
    second = tuple(one for one in wheels if one.name in required and one not in first)
    rest = tuple(one for one in wheels if one not in first and one not in second)
    return tuple(packages for packages in (first, second, rest) if packages)
