"""Indexes without upload times, for declarations with a limit on age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.resolution.resolution import ResolveRequest


def missing_times(
    locations: IndexLocations, request: ResolveRequest, timeless: Iterable[str]
) -> list[Problem]:
    """One problem for each index, with its packages among the `timeless` that have a limit.

    A resolver takes a file without an upload time for one that is too young.
    """
    found: dict[str, list[str]] = {}
    for package in dict.fromkeys(timeless):
        if request.limit_of(package) is not None:
            found.setdefault(locations.of(package).name, []).append(package)
    return [_problem(locations.named(name), packages, request) for name, packages in found.items()]


def _problem(location: IndexLocation, packages: list[str], request: ResolveRequest) -> Problem:
    exempt = ", ".join(f"{package} = false" for package in packages)
    return Problem(
        message=(
            f"index '{location.name}' ({location.place}) gives no upload times, "
            f"so `exclude-newer` cannot be kept for {', '.join(packages)}"
        ),
        key=f"drivers.{request.driver}.exclude-newer",
        hint=f"exclude-newer-packages = {{ {exempt} }} allows releases of any age",
    )
