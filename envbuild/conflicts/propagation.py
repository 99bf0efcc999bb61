"""What must hold in every environment that fits some drivers, found without search.

These are necessary conditions: an empty domain proves a conflict; otherwise nothing is proved.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from envbuild.conflicts.candidates import Admitted, Node
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from envbuild.conflicts.candidates import Candidate, Candidates, Link


_FREE = Admitted(-1, ())


@value
class DriverPart:
    """The part of one driver."""

    driver: str
    overrides: tuple[str, ...]
    roots: tuple[Link, ...]
    """The driver's own requirements."""

    constraints: tuple[Link, ...]
    """Bounds on a package that hold whichever requirement adds it."""


@value
class Scope:
    """The part of a problem that is considered; everything else binds nothing."""

    links: Collection[Link]
    """The requirements whose specifiers bind; others add their packages, at any version."""

    packages: Collection[str]
    """The packages that can matter to those links."""


class Propagation:
    """Narrows the candidates of every package that is certainly needed."""

    def __init__(
        self, candidates: Candidates, parts: Iterable[DriverPart], scope: Scope | None = None
    ) -> None:
        self.domains: dict[str, int] = {}
        """The remaining candidates of each package, as a sum of bits."""

        self.needed: set[Node] = set()
        """The nodes of every environment for these drivers."""

        self.empty: str | None = None
        """A package with no candidate left, if there is one."""

        self.because: dict[str, list[Link]] = {}
        """The requirements that narrowed each package."""

        self.led_by: dict[str, set[str]] = {}
        """The packages whose own narrowing narrowed each package."""

        self._candidates = candidates
        self._known_bounds = candidates.bounds
        self._scope = scope
        self._watchers: dict[str, set[Node]] = {}
        self._waiting: dict[Node, None] = {}
        self._run(tuple(parts))

    def needed_packages(self) -> set[str]:
        """The packages of every environment for these drivers."""
        return {node.package for node in self.needed}

    def given(self, package: str, bit: int) -> Propagation:
        """A copy in which one package has a given candidate."""
        further = copy(self)
        further.detach()
        further.learn(package, bit)
        return further

    def detach(self) -> None:
        """Make a copy's state its own."""
        self.domains = dict(self.domains)
        self.needed = set(self.needed)
        self.because, self.led_by = {}, {}
        self._watchers = {name: set(nodes) for name, nodes in self._watchers.items()}
        self._waiting = {}

    def learn(self, package: str, mask: int) -> None:
        """Narrow a package, with all consequences."""
        self._narrow(package, mask, (), None)
        self._work_off()

    def mask(self, link: Link) -> int:
        """The candidates that a requirement admits, within the scope."""
        if self._scope is None or link in self._scope.links:
            return link.mask
        return self._candidates.full.get(link.package, 0)

    def domain(self, package: str) -> int:
        """The remaining candidates of a package, as a sum of bits."""
        known = self.domains.get(package)
        return self._candidates.full.get(package, 0) if known is None else known

    def links(self, candidate: Candidate, node: Node) -> Iterable[Link]:
        """A candidate's requirements as the given node, within the scope."""
        links = self._candidates.links(candidate, node.extra, node.overrides)
        if self._scope is None:
            return links
        return [link for link in links if link.package in self._scope.packages]

    def _run(self, parts: tuple[DriverPart, ...]) -> None:
        for part in parts:
            for link in part.constraints:
                self._narrow(link.package, self.mask(link), (link,), None)
        for part in parts:
            for link in part.roots:
                if self._scope is None or link.package in self._scope.packages:
                    self._need(link, part.overrides)
                    self._narrow(link.package, self.mask(link), (link,), None)
                    self._note_missing(link, None)
        self._work_off()

    def _work_off(self) -> None:
        while self._waiting and self.empty is None:
            node = next(iter(self._waiting))
            del self._waiting[node]
            self._visit(node)

    def _need(self, link: Link, overrides: tuple[str, ...]) -> None:
        for extra in ("", *link.extras):
            self._need_node(Node(link.package, extra, overrides))

    def _need_node(self, node: Node) -> None:
        if node in self.needed:
            return
        self.needed.add(node)
        self._watchers.setdefault(node.package, set()).add(node)
        self._waiting[node] = None
        self.domains.setdefault(node.package, self._candidates.full.get(node.package, 0))
        if not self.domains[node.package]:
            self.empty = node.package

    def _narrow(self, package: str, mask: int, links: Iterable[Link], source: str | None) -> None:
        """Remove the candidates outside a mask, and remember why."""
        before = self.domain(package)
        after = before & mask
        if after == before:
            return
        self.domains[package] = after
        self.because.setdefault(package, []).extend(links)
        if source is not None:
            self.led_by.setdefault(package, set()).add(source)
        for node in self._watchers.get(package, ()):
            self._waiting[node] = None
        if not after and any(node.package == package for node in self.needed):
            self.empty = package

    def _visit(self, node: Node) -> None:
        self._candidates.steps.spend()
        domain = self.domains[node.package]
        if not domain:
            self.empty = node.package
        elif domain & (domain - 1):
            self._visit_open(node)
        else:
            self._visit_settled(node, next(self._candidates.of(node.package, domain)))

    def _visit_settled(self, node: Node, candidate: Candidate) -> None:
        for link in self.links(candidate, node):
            self._need(link, node.overrides)
            self._narrow(link.package, self.mask(link), (link,), node.package)
            self._note_missing(link, node.package)
            if self.empty is not None:
                return

    def _note_missing(self, link: Link, source: str | None) -> None:
        """Remember the requirements on a package with no candidate left."""
        if self.domain(link.package):
            return
        self.empty = link.package
        self.because.setdefault(link.package, []).append(link)
        if source is not None:
            self.led_by.setdefault(link.package, set()).add(source)

    def _visit_open(self, node: Node) -> None:
        """Remove candidates with impossible requirements; add the requirements that all others share."""
        asked: list[Mapping[Node, Admitted]] = []
        for candidate in self._candidates.of(node.package, self.domains[node.package]):
            wanted = self._bounds(candidate, node)
            self._watch(node, wanted)
            for other, bound in wanted.items():
                if not bound.mask & self.domain(other.package):
                    self._narrow(node.package, ~candidate.bit, bound.links, other.package)
                    break
            else:
                asked.append(wanted)
        if asked:
            self._demand_common(node, asked)

    def _watch(self, node: Node, wanted: Iterable[Node]) -> None:
        """Visit a node again when its requirements change."""
        watchers = self._watchers
        for other in wanted:
            known = watchers.get(other.package)
            if known is None:
                watchers[other.package] = {node}
            else:
                known.add(node)

    def _bounds(self, candidate: Candidate, node: Node) -> Mapping[Node, Admitted]:
        """All requirements of a candidate as a node, with the admitted candidates."""
        if self._scope is not None:
            return bounds_of(self.links(candidate, node), node.overrides, self.mask)
        key = (candidate, node.extra, node.overrides)
        known = self._known_bounds.get(key)
        if known is None:
            links = self._candidates.links(*key)
            known = self._known_bounds[key] = bounds_of(links, node.overrides, self.mask)
        return known

    def _demand_common(self, node: Node, asked: list[Mapping[Node, Admitted]]) -> None:
        first, *others = asked
        common = set(first)
        for other in others:
            common &= other.keys()
        for wanted in common:
            self._need_node(wanted)
            mask = 0
            for one in asked:
                mask |= one[wanted].mask
            if self.domain(wanted.package) & ~mask:
                links = [link for one in asked for link in one[wanted].links]
                self._narrow(wanted.package, mask, links, node.package)


def bounds_of(
    links: Iterable[Link], overrides: tuple[str, ...], mask: Callable[[Link], int]
) -> dict[Node, Admitted]:
    """All links of a candidate, by package."""
    found: dict[Node, Admitted] = {}
    for link in links:
        for extra in ("", *link.extras):
            node = Node(link.package, extra, overrides)
            known = found.get(node, _FREE)
            found[node] = Admitted(known.mask & mask(link), (*known.links, link))
    return found
