"""Every chain from a driver's own lines to one of its packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.requirement_graph import active_edges
from envbuild.specifier_bounds import binding_specifiers
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lock import Lockfile
    from envbuild.requirement_graph import Edge
    from envbuild.target import Target

_MOST_CHAINS = 200
"""Dense graphs have thousands; the shortest say it all."""


@value
class Chain:
    """One way from a driver's own line to a package."""

    edges: tuple[Edge, ...]
    """The first is the driver's own, the last asks for the package."""


@value
class Bound:
    """One requirement on the package, whatever chain brings it."""

    requirer: str | None
    """The package that asks, or None for the driver itself."""

    specifier: str
    kind: str
    """`requirement`, `override` or `constraint`."""

    binding: str | None
    """`above` or `below` where no other bound is tighter on that side, `both`, or None."""


@value
class Reasons:
    """Why a package is on a target, and at this version."""

    target: Target
    version: str
    chains: tuple[Chain, ...]
    """The shortest first."""

    complete: bool
    """Whether these are all chains."""

    bounds: tuple[Bound, ...]
    """Everybody who asks for it, and the driver's constraints on it."""


def graph_edges(lockfile: Lockfile, target: Target) -> tuple[Edge, ...]:
    """Every requirement that holds on a target between packages that are locked for it, once each."""
    published = {package.name: package.requires for package in lockfile.packages_for(target)}
    inputs = lockfile.inputs
    edges = active_edges(inputs.requires, published, target, inputs.overrides)
    return tuple(dict.fromkeys(edge for edge in edges if edge.package in published))


def find_reasons(lockfile: Lockfile, target: Target, package: str) -> Reasons | None:
    """Why the package is on the target; None where it is not."""
    locked = {entry.name: entry.version for entry in lockfile.packages_for(target)}
    if package not in locked:
        return None
    edges = graph_edges(lockfile, target)
    chains = _chains(edges, package)
    return Reasons(
        target=target,
        version=locked[package],
        chains=tuple(Chain(edges=chain) for chain in chains[:_MOST_CHAINS]),
        complete=len(chains) <= _MOST_CHAINS,
        bounds=_bounds(lockfile, edges, package),
    )


def _chains(edges: tuple[Edge, ...], package: str) -> list[tuple[Edge, ...]]:
    """Chains without a circle, the shortest first, one more than are shown at most."""
    asked_by: dict[str | None, list[Edge]] = {}
    for edge in edges:
        asked_by.setdefault(edge.requirer, []).append(edge)
    leading = _leading(edges, package)
    found: list[tuple[Edge, ...]] = []
    waiting: list[tuple[Edge, ...]] = [
        (edge,) for edge in asked_by.get(None, []) if edge.package in leading
    ]
    for chain in waiting:
        if len(found) > _MOST_CHAINS:
            break
        last = chain[-1].package
        if last == package:
            found.append(chain)
            continue
        passed = {edge.package for edge in chain}
        waiting += [
            (*chain, edge)
            for edge in asked_by.get(last, [])
            if edge.package in leading and edge.package not in passed
        ]
    return found


def _leading(edges: tuple[Edge, ...], package: str) -> set[str]:
    """The package, and everything that a way to it can pass through."""
    askers: dict[str, set[str]] = {}
    for edge in edges:
        if edge.requirer is not None:
            askers.setdefault(edge.package, set()).add(edge.requirer)
    leading = {package}
    waiting = [package]
    while waiting:
        fresh = askers.get(waiting.pop(), set()) - leading
        leading |= fresh
        waiting += fresh
    return leading


def _bounds(lockfile: Lockfile, edges: tuple[Edge, ...], package: str) -> tuple[Bound, ...]:
    from envbuild.requirement_text import parse_requirement

    asked: list[tuple[str | None, str, str]] = [
        (edge.requirer, edge.specifier, "override" if edge.override else "requirement")
        for edge in edges
        if edge.package == package
    ]
    for text in lockfile.inputs.constraints:
        wanted = parse_requirement(text)
        if wanted.name == package:
            asked.append((None, wanted.specifier, "constraint"))
    above, below = binding_specifiers(specifier for _, specifier, _ in asked if specifier)
    return tuple(
        Bound(
            requirer=requirer,
            specifier=specifier,
            kind=kind,
            binding=_binding(specifier in above, specifier in below),
        )
        for requirer, specifier, kind in dict.fromkeys(asked)
    )


def _binding(above: bool, below: bool) -> str | None:
    if above and below:
        return "both"
    return "above" if above else ("below" if below else None)


def locked_versions(lockfile: Lockfile, target: Target) -> Mapping[str, str]:
    """Every package of a target with its version."""
    return {package.name: package.version for package in lockfile.packages_for(target)}
