"""The answer of verbs that read a store into which nothing was ever synced: it is empty, which is not an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome


def unused(context: Context, table: dict[str, object]) -> Outcome | None:
    """The outcome, with this JSON object; None for a store with generations. Errors as in `require_store`."""
    from envbuild.report.outcome import Outcome
    from envbuild.store.generations import is_unused
    from envbuild.store.guard import nothing_synced
    from envbuild.text import text_of

    root = context.store.root
    if not is_unused(root):
        return None
    (problem,) = nothing_synced(root).problems
    said = text_of([f"{problem.message}: {problem.hint}"])
    return Outcome(code=0, text=lambda: said, table=lambda: table)
