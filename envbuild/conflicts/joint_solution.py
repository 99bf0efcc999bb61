"""Whether some choice of candidates fits several drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.greedy_choice import (
    CandidateView,
    ScopedView,
    choose_carefully,
    choose_plainly,
)
from envbuild.conflicts.propagation import Propagation

if TYPE_CHECKING:
    from envbuild.conflicts.candidates import Candidates
    from envbuild.conflicts.propagation import DriverPart, Scope

_ROUNDS = 2000
"""After so many rounds resolvelib is lost in choices that do not matter."""


def solve(
    candidates: Candidates, parts: tuple[DriverPart, ...], *, scope: Scope | None = None
) -> dict[str, int] | None:
    """A candidate (as its bit) of every package that the parts need, or None if no choice fits.

    The quick methods come first; resolvelib decides what they leave open.
    """
    view = _view(candidates, parts, scope)
    if view is not None and scope is None:
        chosen = choose_plainly(view, parts)
        if chosen is not None:
            return chosen
    known = Propagation(candidates, parts, scope)
    if known.empty is not None:
        return None
    chosen = choose_carefully(view, parts, known) if view is not None else None
    return chosen if chosen is not None else resolve(candidates, known)


def _view(
    candidates: Candidates, parts: tuple[DriverPart, ...], scope: Scope | None
) -> CandidateView | None:
    """The input of the quick methods, for which all drivers must have the same overrides; else None."""
    overrides = parts[0].overrides
    if any(part.overrides != overrides for part in parts):
        return None
    if scope is None:
        return CandidateView(candidates, overrides)
    return ScopedView(candidates, overrides, scope)


def resolve(candidates: Candidates, known: Propagation) -> dict[str, int] | None:
    """Decide with resolvelib; if it takes too long, by trying every candidate with all its consequences."""
    from resolvelib import BaseReporter, Resolver
    from resolvelib.resolvers import ResolutionImpossible, ResolutionTooDeep

    from envbuild.conflicts.resolvelib_provider import Asked, JointProvider

    provider = JointProvider(candidates, known)
    roots = [
        Asked(node, known.domains[node.package])
        for node in sorted(known.needed)
        if not provider.is_settled(node.package)
    ]
    roots += [asked for node in sorted(known.needed) for asked in provider.open_links(node)]
    try:
        result = Resolver(provider, BaseReporter()).resolve(roots, max_rounds=_ROUNDS)
    except ResolutionImpossible:
        return None
    except ResolutionTooDeep:
        try:
            return try_all(candidates, known)
        except RecursionError:
            raise candidates.steps.give_up() from None
    chosen = {
        identifier: choice.candidate.bit
        for identifier, choice in result.mapping.items()
        if isinstance(identifier, str)
    }
    return {**known.domains, **chosen}


def try_all(candidates: Candidates, known: Propagation) -> dict[str, int] | None:
    """Each candidate of the package with the fewest in turn, with all its consequences."""
    open_ = [name for name in known.needed_packages() if known.domains[name].bit_count() > 1]
    if not open_:
        return dict(known.domains)
    name = min(open_, key=lambda package: (known.domains[package].bit_count(), package))
    mask = known.domains[name]
    while mask:
        newest = candidates.newest(name, mask)
        mask &= ~newest
        further = known.given(name, newest)
        found = try_all(candidates, further) if further.empty is None else None
        if found is not None:
            return found
    return None
