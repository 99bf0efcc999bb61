"""`store`: what a store holds, its removal, and its move to another path."""

from __future__ import annotations

import sys

from envbuild.cli.options import Arguments, Parameter, flag, positive
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome


@Verb(
    "store",
    Parameter(
        "action",
        "ACTION",
        "`info`, `remove` or `move`",
        choices=("info", "remove", "move"),
    ),
    Parameter("folder", "DIR", "with `move`: the new store's folder", count="?"),
    flag("--yes", "with `remove`: do not ask"),
    flag("--dry-run", "with `move`: print what would be done and do nothing"),
    Parameter(
        "--keep",
        "N",
        "with `move`: how many generations to move, with the current one (default: 3)",
        parse=positive,
    ),
    flag("--keep-old", "with `move`: do not remove the old store"),
    flag("--leave-link", "with `move`: leave a link to the new store at the old path"),
    flag("--refresh-exports", "with `move`: write the exports with exact paths again"),
    trusts=("store",),
    only_reads=lambda arguments: arguments.action == "info",
)
def store(context: Context, arguments: Arguments) -> Outcome:
    """Show what the store holds, remove all of it, or move it to another disk."""
    from envbuild.cli.unused_store import unused
    from envbuild.commands.store import remove_store, store_info
    from envbuild.report.outcome import outcome_of
    from envbuild.report.whole_store import (
        info_table,
        removed_table,
        render_info,
        render_removed,
    )
    from envbuild.store.guard import require_store

    _refuse_odd_options(arguments)
    if arguments.action == "move":
        return _move(context, arguments)
    if arguments.action == "info":
        if not context.store.exists() and (empty := unused(context, {"root": None})) is not None:
            return empty
        return outcome_of(store_info(context.store), render_info, info_table)
    require_store(context.store.root)
    if not arguments.yes:
        _confirm(context.store.root)
    return outcome_of(remove_store(context.store), render_removed, removed_table)


_OF_ACTIONS = {
    "yes": "remove",
    **dict.fromkeys(
        ("folder", "dry_run", "keep", "keep_old", "leave_link", "refresh_exports"), "move"
    ),
}


def _refuse_odd_options(arguments: Arguments) -> None:
    """UsageError for options of another action or that exclude each other, and without a folder to move to."""
    from envbuild.errors import Problem, UsageError

    action = arguments.action
    for name, owner in _OF_ACTIONS.items():
        if getattr(arguments, name) and action != owner:
            key = "DIR" if name == "folder" else f"--{name.replace('_', '-')}"
            message = f"is for `store {owner}`, not for `store {action}`"
            raise UsageError(Problem(key=key, message=message))
    if action == "move" and not arguments.folder:
        message = "name the folder to move the store to"
        raise UsageError(Problem(key="DIR", message=message, hint="envbuild store move DIR"))
    if arguments.keep_old and arguments.leave_link:
        message = "the link would be at the path of the old store, which --keep-old keeps"
        raise UsageError(Problem(key="--leave-link", message=message))


def _move(context: Context, arguments: Arguments) -> Outcome:
    from functools import partial

    from envbuild.cli.building import open_builder
    from envbuild.cli.export import refresh_exports
    from envbuild.commands.move import MovedStore, StoreMover
    from envbuild.commands.move_plan import MovePlanner
    from envbuild.declaration.declaration import Declaration
    from envbuild.posix.files import keep_others_from_writing
    from envbuild.report.outcome import outcome_of
    from envbuild.report.whole_store import moved_table, render_moved

    keep_others_from_writing()
    file = str(context.declaration_path)
    own = context.beside(file=file, store=arguments.folder)
    # no index is asked, as all wheels are kept
    own.declaration = Declaration(file=file, digest="", drivers=(), indexes=())

    def refresh() -> tuple[str, ...]:
        return tuple(path for path, _ in refresh_exports(own, former=context.store.root))

    with context.progress() as progress:
        planner = MovePlanner(
            old=context.store,
            new=own.store,
            keep=arguments.keep or _KEPT,
            interpreter_at=context.interpreters.at,
            verifier=own.verifier,
        )
        if arguments.dry_run:
            result = MovedStore(plan=planner.plan(), applied=False)
        else:
            result = StoreMover(
                planner=planner,
                keep_old=arguments.keep_old,
                leave_link=arguments.leave_link,
                open_builder=partial(open_builder, own, progress, offline=True, jobs=context.cpus),
                refresh=refresh if arguments.refresh_exports else None,
            ).move()
    return outcome_of(result, render_moved, moved_table, code=result.exit_code)


_KEPT = 3
"""Generations that are moved."""


def _confirm(root: Path) -> None:
    """Ask the user at the terminal; UsageError without one, NoError if the answer is not yes."""
    from envbuild.errors import NoError, Problem, UsageError
    from envbuild.text import text_of

    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        message = f"{root} is removed only after confirmation, and there is no terminal to ask on"
        raise UsageError(Problem(message=message, hint="give --yes"))
    question = f"Remove the store {root}, with every environment and generation? Type `yes`:"
    sys.stderr.write(text_of([question]))
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise NoError(Problem(message="nothing was removed"))
