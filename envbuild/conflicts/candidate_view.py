"""The candidates as one driver's overrides, or one part of a problem, let them be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.conflicts.candidates import Ask, Candidates, Link
    from envbuild.conflicts.propagation import Part, Scope


class CandidateView:
    """All that the candidates ask for, under overrides that every driver of a problem shares."""

    def __init__(self, candidates: Candidates, overrides: tuple[str, ...]) -> None:
        self._candidates = candidates
        self._overrides = overrides
        self.full: Mapping[str, int] = candidates.full
        self._plain = candidates.plain_asks(overrides)

    def newest(self, package: str, mask: int) -> int:
        """The bit of the newest among some of the package's candidates."""
        return self._candidates.newest(package, mask)

    def mask(self, link: Link) -> int:
        """The candidates that a requirement admits."""
        return link.mask

    def roots(self, part: Part) -> tuple[Link, ...]:
        """What a driver's own lines ask for."""
        return part.roots

    def asks(self, package: str, bit: int, extras: frozenset[str]) -> tuple[Ask, ...]:
        """What a candidate asks for with all of some extras."""
        if not extras:
            known = self._plain.get((package, bit))
            if known is None:
                known = self._plain[package, bit] = self._candidates.asks(
                    package, bit, extras, self._overrides
                )
            return known
        return self._candidates.asks(package, bit, extras, self._overrides)

    def unserved(self, package: str, left: int) -> tuple[tuple[str, int], ...]:
        """Who asks for a package and admits none of the candidates left, as package and bits."""
        return self._candidates.unserved(package, left, self._overrides)


class ScopedView(CandidateView):
    """The same where only some requirements bind, and only some packages matter."""

    def __init__(self, candidates: Candidates, overrides: tuple[str, ...], scope: Scope) -> None:
        super().__init__(candidates, overrides)
        self._scope = scope
        self._askers: dict[str, list[Link]] = {}
        for link in scope.links:
            asker = link.requirer
            if asker is not None and link in candidates.links(asker, "", overrides):
                self._askers.setdefault(link.package, []).append(link)

    def mask(self, link: Link) -> int:
        """The candidates that a requirement admits; all where it does not bind."""
        return link.mask if link in self._scope.links else self.full.get(link.package, 0)

    def roots(self, part: Part) -> tuple[Link, ...]:
        """What a driver's own lines ask for among the packages that matter."""
        return tuple(link for link in part.roots if link.package in self._scope.packages)

    def asks(self, package: str, bit: int, extras: frozenset[str]) -> tuple[Ask, ...]:
        """What a candidate asks for among the packages that matter."""
        candidate = next(self._candidates.of(package, bit))
        return tuple(
            (link.package, self.mask(link), frozenset(link.extras))
            for extra in ("", *sorted(extras))
            for link in self._candidates.links(candidate, extra, self._overrides)
            if link.package in self._scope.packages
        )

    def unserved(self, package: str, left: int) -> tuple[tuple[str, int], ...]:
        """Who asks for a package with a binding requirement and admits none of the candidates left."""
        found: dict[str, int] = {}
        for link in self._askers.get(package, ()):
            if link.requirer is not None and not link.mask & left:
                asker = link.requirer
                found[asker.package] = found.get(asker.package, 0) | asker.bit
        return tuple(found.items())
