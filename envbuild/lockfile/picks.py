"""The versions that two resolvers took for one target, and why each did not take the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.requirement.parse import admits, holds, parse_requirement
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envbuild.lockfile.lockfile import Inputs, Lockfile
    from envbuild.requirement.graph import Edge
    from envbuild.target.target import Target


@value
class Picks:
    """What one resolver took for one target."""

    target: Target
    versions: Mapping[str, str]
    requires: Mapping[str, tuple[str, ...]]
    """Each package's published requirements."""


@value
class PickedSide:
    """One resolver's view of a package."""

    version: str | None
    """None if it did not take the package."""

    required_by: tuple[str, ...]
    """Who requires it there, one sentence each."""

    why: str
    """Why it is not what the other resolver took."""


@value
class Difference:
    """A package that two resolvers see differently."""

    package: str
    targets: tuple[Target, ...]
    locked: PickedSide
    judged: PickedSide
    build: str | None = None
    """The package whose build requires it; None if the driver does."""


def picks_of(lockfile: Lockfile, target: Target) -> Picks:
    """The locked versions of a target."""
    requires = {package.name: package.requires for package in lockfile.packages_for(target)}
    return Picks(target=target, versions=lockfile.versions_on(target), requires=requires)


def compare_picks(first: Picks, second: Picks) -> tuple[str, ...]:
    """The packages whose versions differ, ordered by name."""
    names = sorted(first.versions.keys() | second.versions.keys())
    return tuple(name for name in names if first.versions.get(name) != second.versions.get(name))


class Explainer:
    """Explains the differences of one driver."""

    def __init__(
        self,
        *,
        inputs: Inputs,
        resolver: str,
        judge: str,
        ask: Callable[[str, Target, str], str | None],
        questions: int,
        root: str = "the driver",
    ) -> None:
        """`ask` gets a resolver, a target and a further requirement: why there is no set, or None if there is one.

        It is asked at most so many `questions`. `inputs` are those of `root`.
        """
        self._inputs = inputs
        self._resolver = resolver
        self._judge = judge
        self._ask = ask
        self._questions = questions
        self._root = root

    def explain(self, name: str, locked: Picks, judged: Picks) -> Difference:
        """The difference of one package, from both sides."""
        return Difference(
            package=name,
            targets=(locked.target,),
            locked=self._side(name, self._resolver, locked, judged.versions.get(name)),
            judged=self._side(name, self._judge, judged, locked.versions.get(name)),
        )

    def _side(self, name: str, resolver: str, picks: Picks, other: str | None) -> PickedSide:
        found = self._inputs.edges_on(picks.target, picks.requires)
        edges = tuple(edge for edge in found if edge.package == name)
        return PickedSide(
            version=picks.versions.get(name),
            required_by=tuple(dict.fromkeys(self._sentence(edge, picks) for edge in edges)),
            why=self._why(name, resolver, picks, other, edges),
        )

    def _why(
        self, name: str, resolver: str, picks: Picks, other: str | None, edges: tuple[Edge, ...]
    ) -> str:
        """Why a resolver did not take the other's version."""
        if name not in picks.versions:
            return "nothing that it took requires it"
        if other is None:
            return "what it took requires it"
        against = [
            self._sentence(edge, picks) for edge in edges if not admits(edge.specifier, other)
        ]
        against += self._constraints(name, other, picks.target)
        if against:
            return f"not {other}: {'; '.join(dict.fromkeys(against))}"
        if self._questions <= 0:
            return f"not tried whether it could take {other}: there are too many differences"
        self._questions -= 1
        words = self._ask(resolver, picks.target, f"{name}=={other}")
        if words is None:
            return f"it could take {other} too, and preferred {picks.versions[name]}"
        return f"it finds no versions together with {name} {other}: {_one_line(words)}"

    def _constraints(self, name: str, other: str, target: Target) -> Iterator[str]:
        for text in self._inputs.constraints:
            bound = parse_requirement(text)
            applies = bound.name == name and holds(bound.marker, target)
            if applies and not admits(bound.specifier, other):
                yield f"{self._root} has the constraint {text}"

    def _sentence(self, edge: Edge, picks: Picks) -> str:
        who = self._root
        if edge.requirer is not None:
            who = f"{edge.requirer} {picks.versions.get(edge.requirer, '')}"
        extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
        return f"{who} requires {edge.package}{extras}{edge.specifier}"


def _one_line(words: str) -> str:
    return "; ".join(line.strip() for line in words.splitlines() if line.strip())
