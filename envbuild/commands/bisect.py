"""`envbuild bisect`: which of the packages that moved broke a driver."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from envbuild.errors import NoError, Problem
from envbuild.lockfile.chains import find_reasons
from envbuild.requirement.parse import parse_requirement, parse_version
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envbuild.lockfile.chains import Chain
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.lockfile.moves import Moves, PackageMove, TwoLockfiles
    from envbuild.requirement.parse import PublishedRequirement


class Verdict(Enum):
    """The result of one trial."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"
    """It cannot be said, such as for an environment that cannot be built."""


@value
class Culprit:
    """A move of the smallest set that breaks the driver."""

    move: PackageMove
    chain: Chain | None
    """What requires it, from the driver on; None if it is gone."""

    requirement: str | None
    """The requirement that keeps it from moving; None where none can, as for a package that came or went."""

    brings: tuple[PackageMove, ...]
    """The moves that have to be made with it; each of them may be what breaks the driver."""


@value
class BisectResult:
    """The result of `envbuild bisect`."""

    driver: str
    good: str
    """What is good, in words, such as `generation 3`."""

    bad: str
    moved: int
    """How many packages differ between the two."""

    culprits: tuple[Culprit, ...]
    """The smallest set of moves that was found to break the driver: without any one of them it works."""

    tried: int
    """How many environments were tried."""

    skipped: int
    seconds: float
    constrained: tuple[str, ...] = ()
    """The requirements that were written into the declaration."""


def find_culprits(sides: TwoLockfiles, judge: Callable[[Moves], Verdict]) -> Moves:
    """The smallest set of moves that is found to be bad; it holds together.

    NoError if the good side is bad, or the bad side is not.
    """
    everything = frozenset(move.package for move in sides.moves)
    trials = _Trials(sides, judge)
    if trials.verdict(everything) is not Verdict.BAD:
        raise _not_so("the bad side does not fail", trials.verdict(everything), "--bad")
    if trials.verdict(frozenset()) is not Verdict.GOOD:
        raise _not_so("the good side fails too", trials.verdict(frozenset()), "--good")
    current, parts = everything, 2
    while len(current) > 1:
        smaller = trials.first_bad(current, parts)
        if smaller is not None:
            current, parts = smaller, 2
        elif parts >= len(current):
            break
        else:
            parts = min(2 * parts, len(current))
    return current


class _Trials:
    """Judges sets of moves, each set once."""

    def __init__(self, sides: TwoLockfiles, judge: Callable[[Moves], Verdict]) -> None:
        self._sides = sides
        self._judge = judge
        self._known: dict[Moves, Verdict] = {}
        self._brought: dict[str, Moves] = {}

    def verdict(self, moves: Moves) -> Verdict:
        if moves not in self._known:
            self._known[moves] = self._judge(moves)
        return self._known[moves]

    def first_bad(self, moves: Moves, parts: int) -> Moves | None:
        """A bad set that is smaller: one of so many parts, or everything without one of them."""
        pieces = list(_pieces(sorted(moves), parts))
        rests = (self._without(piece, moves) for piece in pieces if parts > 2)
        for candidate in (*pieces, *rests):
            closed = self._sides.closed(candidate)
            if closed < moves and self.verdict(closed) is Verdict.BAD:
                return closed
        return None

    def _without(self, piece: list[str], moves: Moves) -> Moves:
        """The moves that need none of the piece: of a circle that it breaks, none stays."""
        return frozenset(name for name in moves if self._brings(name).isdisjoint(piece))

    def _brings(self, name: str) -> Moves:
        """The move, and those that have to be made with it."""
        if name not in self._brought:
            self._brought[name] = self._sides.closed((name,))
        return self._brought[name]


def _pieces(names: list[str], parts: int) -> Iterator[list[str]]:
    """The names in so many parts of nearly one size."""
    for number in range(parts):
        start, end = (len(names) * one // parts for one in (number, number + 1))
        yield names[start:end]


def _not_so(words: str, verdict: Verdict, option: str) -> NoError:
    hint = "name another side with --good and --bad, or another command after `--`"
    if verdict is Verdict.SKIPPED:
        words = f"the {option.lstrip('-')} side cannot be judged"
    return NoError(Problem(message=words, key=option, hint=hint))


def describe_culprits(sides: TwoLockfiles, moves: Moves) -> tuple[Culprit, ...]:
    """The moves of a set that bring all others with them, with their chains.

    Of several that can only move together, it is the one that is nearest to the driver.
    """
    by_name = {move.package: move for move in sides.moves}
    brings = {name: sides.closed((name,)) & moves for name in moves}
    whole = sides.mixture(moves)
    chains = {name: _chain(whole, name) for name in moves}
    groups: dict[Moves, list[str]] = {}
    for name in sorted(moves, key=lambda one: (len(chains[one] or ()), one)):
        if not any(name in brings[other] and other not in brings[name] for other in moves):
            groups.setdefault(brings[name], []).append(name)
    return tuple(
        Culprit(
            move=by_name[name],
            chain=chains[name],
            requirement=_requirement(whole, by_name[name]),
            brings=tuple(by_name[other] for other in sorted(together - {name})),
        )
        for together, (name, *_) in groups.items()
    )


def _chain(lockfile: Lockfile, name: str) -> Chain | None:
    reasons = find_reasons(lockfile, lockfile.targets[0], name)
    return reasons.chains[0] if reasons is not None and reasons.chains else None


def _requirement(lockfile: Lockfile, move: PackageMove) -> str | None:
    """The requirement on the package that excludes the bad version, with what the driver says of it already."""
    if move.before is None or move.after is None:
        return None
    sign = "<" if parse_version(move.before) < parse_version(move.after) else ">"
    bound = move.after.partition("+")[0]
    own = _own(lockfile.inputs.requires_on(lockfile.targets[0]), move.package)
    extras = f"[{','.join(sorted(own.extras))}]" if own is not None and own.extras else ""
    return f"{move.package}{extras}{sign}{bound}"


def _own(requires: Iterable[str], name: str) -> PublishedRequirement | None:
    return next((one for one in map(parse_requirement, requires) if one.name == name), None)
