"""What `envbuild bisect` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import render_count
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.bisect import BisectResult, Culprit
    from envbuild.lockfile.moves import PackageMove
    from envbuild.text import Text


def render_bisect(result: BisectResult) -> Text:
    """The culprits with their chains, the requirements that hold them, and what it took."""
    return text_of(_lines(result))


def _lines(result: BisectResult) -> Iterator[str]:
    alone = len(result.culprits) == 1
    does = "breaks it" if alone else "break it together; without any one of them it works"
    names = ", ".join(_move_text(culprit.move) for culprit in result.culprits)
    yield f"{result.driver}: {names} {does}"
    for culprit in result.culprits:
        yield from _culprit_lines(culprit, result.driver)
    if result.constrained:
        yield f"written: {', '.join(result.constrained)}; run `envbuild lock`, then `envbuild sync`"
    else:
        for culprit in result.culprits:
            if culprit.requirement is not None:
                yield f"  `envbuild add {result.driver} '{culprit.requirement}'` holds it back"
    skipped = f", {result.skipped} skipped" if result.skipped else ""
    yield (
        f"{render_count(result.moved, 'package')} moved between {result.good} and {result.bad}; "
        f"{render_count(result.tried, 'environment')} tried{skipped}, {result.seconds:.0f} s"
    )


def _culprit_lines(culprit: Culprit, driver: str) -> Iterator[str]:
    if culprit.chain is not None:
        edges = (f"{edge.package} {edge.specifier}".rstrip() for edge in culprit.chain)
        yield f"  {' → '.join((driver, *edges))}"
    if culprit.brings:
        yield f"  these must move with it: {', '.join(map(_move_text, culprit.brings))}"


def _move_text(move: PackageMove) -> str:
    if move.before is None:
        return f"{move.package} {move.after}, which is new,"
    if move.after is None:
        return f"{move.package} {move.before}, which is gone,"
    if move.before == move.after:
        return f"another file of {move.package} {move.after}"
    return f"{move.package} {move.before} → {move.after}"


def bisect_table(result: BisectResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "driver": result.driver,
        "good": result.good,
        "bad": result.bad,
        "moved": result.moved,
        "culprits": [
            {
                "package": one.move.package,
                "before": one.move.before,
                "after": one.move.after,
                "chain": [
                    {
                        "requirer": edge.requirer,
                        "package": edge.package,
                        "specifier": edge.specifier,
                    }
                    for edge in one.chain or ()
                ],
                "brings": [move.package for move in one.brings],
                "requirement": one.requirement,
            }
            for one in result.culprits
        ],
        "tried": result.tried,
        "skipped": result.skipped,
        "seconds": round(result.seconds, 3),
        "constrained": [*result.constrained],
    }
