"""What `envbuild conflicts` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.conflict import Compatible, render_cause
from envbuild.report.lines import column_lines, render_bytes, render_count, separated
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.commands.conflicts import ConflictsResult, JointAnswer
    from envbuild.conflicts.conflict import Cause, Conflict, Contradiction, Move, Pair
    from envbuild.conflicts.matrix import Split, VersionWindow
    from envbuild.conflicts.shared_groups import Group
    from envbuild.text import Text

_SPLITS = 12
"""The most packages that are printed as splitting the fleet."""

COMPATIBLE, CONFLICT, PARTLY, SELF = "+", "x", "~", "."
MEANINGS = {
    COMPATIBLE: "could share an interpreter",
    CONFLICT: "conflict",
    PARTLY: "conflict on some platforms or variants only",
}


def render_conflicts(result: ConflictsResult) -> Text:
    """The matrix, then every pair, then what splits the fleet, separated by empty lines."""
    return text_of(separated(_sections(result)))


def conflicts_table(result: ConflictsResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "declaration": result.file,
        "drivers": list(result.drivers),
        "explained": result.explained,
        "pairs": [_pair_table(pair, result) for pair in result.pairs],
        "splits": [_split_table(split) for split in result.splits],
        "groups": None if result.groups is None else [_group_table(one) for one in result.groups],
        "solved": None if result.solved is None else [_answer_table(one) for one in result.solved],
        "stale": list(result.stale),
    }


def sign_of(pair: Pair) -> str:
    """The pair's sign in the matrix."""
    if pair.compatible:
        return COMPATIBLE
    return CONFLICT if len(pair.conflicts) == len(pair.outcomes) else PARTLY


def _sections(result: ConflictsResult) -> Iterator[Iterable[str]]:
    if len(result.pairs) > 1:
        yield _matrix(result)
    if result.explained:
        yield [line for pair in result.pairs for line in pair_lines(pair, result)]
    else:
        yield ["Name drivers to see the chains: envbuild conflicts DRIVER DRIVER"]
    if result.splits and len(result.pairs) > 1:
        yield _split_lines(result)
    if result.groups is not None:
        yield _group_lines(result.groups)
    if result.solved is not None:
        yield _solved_lines(result)
    if result.stale:
        stale = ", ".join(result.stale)
        yield [f"stale: {stale}; the result is about the lockfiles as they are"]


def _matrix(result: ConflictsResult) -> list[str]:
    signs = {}
    for pair in result.pairs:
        signs[pair.first, pair.second] = signs[pair.second, pair.first] = sign_of(pair)
    numbers = [str(number) for number in range(1, len(result.drivers) + 1)]
    rows = [["", "", *numbers]]
    for number, driver in zip(numbers, result.drivers, strict=True):
        cells = [
            SELF if other == driver else signs.get((driver, other), " ") for other in result.drivers
        ]
        rows.append([number, driver, *cells])
    legend = "   ".join(f"{sign} {meaning}" for sign, meaning in MEANINGS.items())
    return [*column_lines(rows), legend]


def pair_lines(pair: Pair, result: ConflictsResult) -> Iterator[str]:
    """The answer for a pair, with its chains."""
    heading = f"{pair.first} × {pair.second}"
    if pair.compatible:
        yield from _compatible_lines(heading, pair)
        return
    seen: list[tuple[object, ...]] = []
    for outcome in pair.outcomes:
        where = f" on {outcome.platform}" if outcome.platform is not None else ""
        where += f", variant {outcome.variant}" if outcome.variant is not None else ""
        if isinstance(outcome.answer, Compatible):
            yield f"{heading}: compatible{where}, Python {outcome.answer.target.python}"
        elif (outcome.answer.packages, outcome.answer.clashes) in seen:
            yield f"{heading}: the same conflict{where}"
        else:
            seen.append((outcome.answer.packages, outcome.answer.clashes))
            python = f", Python {outcome.answer.target.python}" if outcome.answer.target else ""
            yield f"{heading}: conflict{where}{python}"
            yield from _clash_lines(outcome.answer, result.file)


def _clash_lines(conflict: Conflict, file: str) -> Iterator[str]:
    for clash in conflict.clashes:
        yield f"  {clash.package}"
        yield from (f"    {render_cause(cause, file)}" for cause in clash.causes)
    if not conflict.complete:
        yield "  and more"


def _compatible_lines(heading: str, pair: Pair) -> Iterator[str]:
    """The pins of the first platform, for each variant if they differ; the JSON has every pin of every platform."""
    texts: dict[str | None, str] = {}
    for outcome in pair.outcomes:
        if isinstance(outcome.answer, Compatible):
            texts.setdefault(outcome.variant, _pins_text(outcome.answer))
    if len(set(texts.values())) == 1:
        texts = {None: next(iter(texts.values()))}
    for variant, text in texts.items():
        where = f" for variant {variant}" if variant is not None else ""
        yield f"{heading}: compatible{where}{text}"


def _pins_text(answer: Compatible) -> str:
    """The pins that differ from one of the two lockfiles."""
    moved: dict[tuple[str, str], list[str]] = {}
    for move in sorted(answer.moves, key=lambda move: move.package):
        found = moved.setdefault((move.package, move.version), [])
        found.append(f"{move.driver} has {move.locked}")
    texts = [f"{name} {version} ({', '.join(has)})" for (name, version), has in moved.items()]
    return f" with {', '.join(texts)}" if texts else ", as locked"


def _split_lines(result: ConflictsResult) -> Iterator[str]:
    yield "Packages that cause the conflicts"
    for split in result.splits[:_SPLITS]:
        yield f"  {split.package} separates {render_count(len(split.pairs), 'pair')}"
        yield from (f"    {window_text(window)}" for window in split.windows)
    if len(result.splits) > _SPLITS:
        yield f"  and {render_count(len(result.splits) - _SPLITS, 'package')} more"


def window_text(window: VersionWindow) -> str:
    """The versions that some drivers admit, and who they are."""
    versions = ", ".join(window.versions[:4]) or "no locked version"
    asked = f" ({'; '.join(window.specifiers[:3])})" if window.specifiers else ""
    return f"{versions}{asked}: {', '.join(window.drivers)}"


def _group_lines(groups: tuple[Group, ...]) -> Iterator[str]:
    yield "Groups that could share one environment"
    if not groups:
        yield "  none"
    for group in groups:
        saved = f"saves {render_bytes(group.saved)}" if group.saved >= 0 else "saves nothing"
        yield (
            f"  {', '.join(group.drivers)}: {saved} of {render_bytes(group.apart)} in wheels "
            f"({render_count(group.packages, 'package')}, {group.target})"
        )


def _solved_lines(result: ConflictsResult) -> Iterator[str]:
    yield "With other versions of the index"
    if not result.solved:
        yield "  no conflict that other versions could resolve"
    for answer in result.solved or ():
        if answer.pins is None:
            yield f"  {answer.first} × {answer.second}: no versions allow both ({answer.target})"
            yield from (f"    {line}".rstrip() for line in (answer.words or "").splitlines())
            continue
        yield f"  {answer.first} × {answer.second}: other versions allow both ({answer.target})"
        yield from (f"    {line}" for line in _moved_lines(answer))


def _moved_lines(answer: JointAnswer) -> Iterator[str]:
    for driver in (answer.first, answer.second):
        moved = [
            f"{move.package} {move.locked} → {move.version}"
            for move in answer.moves
            if move.driver == driver
        ]
        if moved:
            yield f"{driver}: {', '.join(moved)}"


def _move_table(move: Move) -> dict[str, object]:
    return {
        "driver": move.driver,
        "package": move.package,
        "locked": move.locked,
        "version": move.version,
    }


def _pair_table(pair: Pair, result: ConflictsResult) -> dict[str, object]:
    return {
        "first": pair.first,
        "second": pair.second,
        "compatible": pair.compatible,
        "outcomes": [
            {
                "platform": None if outcome.platform is None else str(outcome.platform),
                "variant": outcome.variant,
                "python": None if outcome.answer.target is None else outcome.answer.target.python,
                "compatible": isinstance(outcome.answer, Compatible),
                **_answer_fields(outcome.answer, explained=result.explained),
            }
            for outcome in pair.outcomes
        ],
    }


def _answer_fields(answer: Compatible | Conflict, *, explained: bool) -> dict[str, object]:
    if isinstance(answer, Compatible):
        pins = dict(answer.pins) if explained else None
        moves = [_move_table(move) for move in answer.moves] if explained else None
        return {"pins": pins, "moves": moves, "packages": [], "clashes": [], "complete": True}
    clashes = [clash_table(clash) for clash in answer.clashes]
    known = explained or bool(clashes)
    return {
        "pins": None,
        "moves": None,
        "packages": list(answer.packages),
        "clashes": clashes if known else None,
        "complete": answer.complete if known else None,
    }


def _split_table(split: Split) -> dict[str, object]:
    return {
        "package": split.package,
        "pairs": [list(pair) for pair in split.pairs],
        "windows": [
            {
                "drivers": list(window.drivers),
                "specifiers": list(window.specifiers),
                "versions": list(window.versions),
            }
            for window in split.windows
        ],
    }


def _group_table(group: Group) -> dict[str, object]:
    return {
        "drivers": list(group.drivers),
        "target": str(group.target),
        "packages": group.packages,
        "apart": group.apart,
        "together": group.together,
        "saved": group.saved,
    }


def _answer_table(answer: JointAnswer) -> dict[str, object]:
    return {
        "first": answer.first,
        "second": answer.second,
        "target": str(answer.target),
        "pins": None if answer.pins is None else dict(answer.pins),
        "moves": [_move_table(move) for move in answer.moves],
        "words": answer.words,
    }


def clash_table(clash: Contradiction) -> dict[str, object]:
    """A clash as a JSON object."""
    return {
        "package": clash.package,
        "causes": [cause_table(cause) for cause in clash.causes],
    }


def cause_table(cause: Cause) -> dict[str, object]:
    """A cause as a JSON object."""
    return {
        "driver": cause.driver,
        "line": cause.line,
        "kind": cause.kind,
        "chain": [
            {"package": step.package, "version": step.version, "locked_by": step.locked_by}
            for step in cause.steps
        ],
        "package": cause.package,
        "specifier": cause.specifier or None,
    }
