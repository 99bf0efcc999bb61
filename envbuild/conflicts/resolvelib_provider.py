"""The candidates, through resolvelib's interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from resolvelib import AbstractProvider

from envbuild.conflicts.candidates import Node, newest_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from resolvelib.structs import RequirementInformation

    from envbuild.conflicts.candidates import Candidate, Candidates
    from envbuild.conflicts.propagation import Propagation

Identifier: TypeAlias = "str | Node"
"""A package's version is one decision; each of its nodes follows it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A requirement, as resolvelib uses the word."""

    identifier: Identifier
    mask: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate, as resolvelib uses the word."""

    identifier: Identifier
    candidate: Candidate


class JointProvider(AbstractProvider["Asked", "Choice", "Identifier"]):
    """Gives resolvelib only the packages that the propagation left open."""

    def __init__(self, candidates: Candidates, known: Propagation) -> None:
        self._candidates = candidates
        self._known = known

    def is_settled(self, package: str) -> bool:
        """Whether the package is needed and has one candidate left."""
        domain = self._known.domains.get(package, 0)
        return bool(domain) and not domain & (domain - 1)

    def open_links(self, node: Node) -> Iterator[Asked]:
        """A decided node's requirements on packages that are not decided."""
        if not self.is_settled(node.package):
            return
        candidate = next(self._candidates.of(node.package, self._known.domains[node.package]))
        yield from self._asked(candidate, node)

    def identify(self, requirement_or_candidate: Asked | Choice) -> Identifier:
        """The identifier of what is to be decided."""
        return requirement_or_candidate.identifier

    def get_preference(  # the interface is resolvelib's
        self,
        identifier: Identifier,
        resolutions: Mapping[Identifier, Choice],  # noqa: ARG002
        candidates: Mapping[Identifier, Iterator[Choice]],  # noqa: ARG002
        information: Mapping[Identifier, Iterator[RequirementInformation[Asked, Choice]]],
        backtrack_causes: Sequence[RequirementInformation[Asked, Choice]],
    ) -> tuple[bool, int, str]:
        """Decide disputed packages first, then those with the fewest choices."""
        disputed = any(cause.requirement.identifier == identifier for cause in backtrack_causes)
        self._candidates.steps.spend()
        mask = self._known.domain(_package(identifier))
        for asked in information[identifier]:
            mask &= asked.requirement.mask
        return (not disputed, mask.bit_count(), str(identifier))

    def find_matches(
        self,
        identifier: Identifier,
        requirements: Mapping[Identifier, Iterator[Asked]],
        incompatibilities: Mapping[Identifier, Iterator[Choice]],
    ) -> list[Choice]:
        """Candidates that all requirements so far admit, the newest first."""
        package = _package(identifier)
        mask = self._known.domain(package)
        for asked in requirements[identifier]:
            mask &= asked.mask
        for choice in incompatibilities[identifier]:
            mask &= ~choice.candidate.bit
        found = newest_first(self._candidates.of(package, mask))
        return [Choice(identifier, candidate) for candidate in found]

    def is_satisfied_by(self, requirement: Asked, candidate: Choice) -> bool:
        """Whether a choice satisfies a requirement."""
        return bool(requirement.mask & candidate.candidate.bit)

    def get_dependencies(self, candidate: Choice) -> list[Asked]:
        """A choice's requirements; a node requires its own package at the same version."""
        identifier = candidate.identifier
        if isinstance(identifier, str):
            return []
        own = Asked(identifier.package, candidate.candidate.bit)
        return [own, *self._asked(candidate.candidate, identifier)]

    def _asked(self, candidate: Candidate, node: Node) -> Iterator[Asked]:
        for link in self._known.links(candidate, node):
            mask = self._known.mask(link)
            for extra in ("", *link.extras):
                wanted = Node(link.package, extra, node.overrides)
                if wanted in self._known.needed and self._includes(link.package, mask):
                    continue
                yield Asked(wanted, mask)

    def _includes(self, package: str, mask: int) -> bool:
        """Whether a requirement admits all remaining candidates."""
        return not self._known.domains[package] & ~mask


def _package(identifier: Identifier) -> str:
    return identifier if isinstance(identifier, str) else identifier.package
