"""`envbuild conflicts`: which drivers could share an interpreter, and why the others cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.selection import read_lockfiles
from envbuild.conflicts.matrix import MOST_EXPLAINED, find_splits, pairs_of
from envbuild.conflicts.pair_decision import Fleet
from envbuild.conflicts.shared_groups import find_groups
from envbuild.errors import Problem, UnsatisfiableError, UsageError
from envbuild.lockfile.freshness import stale_reasons
from envbuild.value import replace, value

if TYPE_CHECKING:
    from envbuild.conflicts.conflict import Move, Pair
    from envbuild.conflicts.matrix import Split
    from envbuild.conflicts.shared_groups import Group
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.folder import LockFolder
    from envbuild.resolution.resolution import Resolver
    from envbuild.target.target import Target


@value
class JointAnswer:
    """The index's answer about two drivers whose locked versions conflict."""

    first: str
    second: str
    target: Target
    pins: tuple[tuple[str, str], ...] | None
    """Package and version of a resolution for both, ordered by name; None if there is none."""

    moves: tuple[Move, ...]
    """Pins of the resolution that differ from what a driver has locked."""

    words: str | None
    """The resolver's explanation if there is none."""


@value
class ConflictsResult:
    """The result of `envbuild conflicts`."""

    file: str
    """The declaration, as the user named it."""

    drivers: tuple[str, ...]
    """The drivers of the matrix, in the declaration's order."""

    pairs: tuple[Pair, ...]
    explained: bool
    """Whether conflicts have their chains and compatible pairs their pins."""

    splits: tuple[Split, ...]
    """The packages that separate pairs, ordered by the number of pairs."""

    groups: tuple[Group, ...] | None
    """None unless requested."""

    solved: tuple[JointAnswer, ...] | None
    """None if the index was not asked."""

    stale: tuple[str, ...]
    """Drivers with a stale lockfile: the result is about the lockfile."""


def conflicts(
    declaration: Declaration,
    folder: LockFolder,
    names: tuple[str, ...],
    *,
    groups: bool = False,
    explain: bool = False,
    resolver: Resolver | None = None,
) -> ConflictsResult:
    """Decide every pair of the named drivers (of one, its pairs with all others), or of all.

    `explain` gives every pair its chains, however many there are.
    With `resolver`, the pairs that conflict are resolved together over the index.
    """
    lockfiles = read_lockfiles(declaration, folder, names)
    known = tuple(lockfiles)
    named = tuple(name for name in known if name in names)
    if len(known) < 2:
        message = "a conflict is between two drivers, and only one is enabled"
        raise UsageError(Problem(file=declaration.file, message=message))
    wanted = pairs_of(known, named)
    fleet = Fleet(lockfiles.values(), declaration)
    explain = explain or bool(named) or len(wanted) <= MOST_EXPLAINED
    pairs = tuple(fleet.decide(first, second, explain=explain) for first, second in wanted)
    return ConflictsResult(
        file=declaration.file,
        drivers=known if len(named) < 2 else named,
        pairs=pairs,
        explained=explain,
        splits=find_splits(fleet, pairs),
        groups=find_groups(fleet, pairs) if groups else None,
        solved=None if resolver is None else ask_index(fleet, pairs, resolver),
        stale=_stale(declaration, fleet),
    )


def _stale(declaration: Declaration, fleet: Fleet) -> tuple[str, ...]:
    return tuple(
        driver.name
        for driver in declaration.drivers
        if driver.name in fleet.lockfiles
        and stale_reasons(fleet.lockfiles[driver.name], driver, declaration)
    )


def ask_index(fleet: Fleet, pairs: tuple[Pair, ...], resolver: Resolver) -> tuple[JointAnswer, ...]:
    """Ask the index about every conflict that has a target; without one, no version could help."""
    return tuple(
        _ask(fleet, pair, conflict.target, resolver)
        for pair in pairs
        for conflict in pair.conflicts[:1]
        if conflict.target is not None
    )


def _ask(fleet: Fleet, pair: Pair, target: Target, resolver: Resolver) -> JointAnswer:
    from envbuild.resolution.joint_request import joint_request

    drivers = (pair.first, pair.second)
    joint = joint_request(tuple(fleet.lockfiles[name] for name in drivers), target)
    # Building runs code, which the user has not requested.
    request = replace(joint, allow_sdist=(), force_sdist=())
    pins: tuple[tuple[str, str], ...] | None = None
    words = None
    try:
        resolution = resolver.resolve(request)
    except UnsatisfiableError as error:
        words = error.words
    else:
        pins = tuple((file.package, file.version) for file in resolution.files)
    return JointAnswer(
        first=pair.first,
        second=pair.second,
        target=target,
        pins=pins,
        moves=fleet.moves(drivers, dict(pins or ()), target),
        words=words,
    )
