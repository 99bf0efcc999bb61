"""The targets of a package as an environment marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.target.target import Target


def render_marker(targets: Sequence[Target], all_targets: Sequence[Target]) -> str | None:
    """A marker that is true on these targets and false on the other locked ones; None for all targets.

    A marker cannot tell platforms apart that differ only in their C library.
    """
    wanted, every = set(map(_coordinates, targets)), set(map(_coordinates, all_targets))
    if wanted == every:
        return None
    pythons = sorted({python for python, _ in wanted})
    machines = sorted({machine for _, machine in wanted})
    if wanted == {(python, machine) for python in pythons for machine in machines}:
        parts = (_pythons(pythons, every), _machines(machines, every))
        return " and ".join(part for part in parts if part is not None)
    return " or ".join(
        f"{_python(python)} and {_machine(machine)}" for python, machine in sorted(wanted)
    )


def check_distinct(lockfile: Lockfile) -> None:
    """UsageError if a package has two versions that no marker can tell apart, or if there are several variants."""
    variants = tuple(dict.fromkeys(target.variant or "" for target in lockfile.targets))
    if len(variants) > 1:
        message = f"{lockfile.driver} is locked for the variants {', '.join(variants)}"
        hint = (
            "no marker tells them apart; name one of the targets, "
            f"such as --target {lockfile.targets[0]}"
        )
        raise UsageError(Problem(message=message, hint=hint))
    seen: dict[tuple[str, _Coordinates], LockedPackage] = {}
    problems = []
    for package in lockfile.packages:
        for target in package.targets:
            other = seen.setdefault((package.name, _coordinates(target)), package)
            if other.version != package.version:
                message = (
                    f"{lockfile.driver} is locked with {package.name} {other.version} and "
                    f"{package.version} for platforms that differ only in their C library"
                )
                hint = f"no marker tells them apart; name one of the targets, such as --target {target}"
                problems.append(Problem(message=message, hint=hint))
    if problems:
        raise UsageError(dict.fromkeys(problems))


_Coordinates = tuple[str, tuple[str, str]]


def _coordinates(target: Target) -> _Coordinates:
    return target.minor, (target.platform.sys_platform, target.platform.arch)


def _pythons(pythons: list[str], every: set[_Coordinates]) -> str | None:
    if set(pythons) == {python for python, _ in every}:
        return None
    return _any([_python(python) for python in pythons])


def _machines(machines: list[tuple[str, str]], every: set[_Coordinates]) -> str | None:
    if set(machines) == {machine for _, machine in every}:
        return None
    return _any([_machine(machine) for machine in machines])


def _any(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else "(" + " or ".join(parts) + ")"


def _python(minor: str) -> str:
    return f"python_version == '{minor}'"


def _machine(machine: tuple[str, str]) -> str:
    return f"sys_platform == '{machine[0]}' and platform_machine == '{machine[1]}'"


def host_comments(lockfile: Lockfile) -> list[str]:
    """A comment for each package that a host must have itself, as nothing installs it."""
    return [f"# the host's own: {one.name}=={one.version}" for one in lockfile.inherited]
