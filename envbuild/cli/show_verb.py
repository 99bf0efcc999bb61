"""`show`, wired to the declaration and this host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace

    from envbuild.cli.context import Context


def show(context: Context, arguments: Namespace) -> Outcome:
    """Print what is effective, and where it comes from."""
    from envbuild.commands.show import show as command
    from envbuild.report.show import render_show, show_table
    from envbuild.system.declaration_file import read_declaration_text

    result = command(
        context.declaration_here,
        tuple(arguments.drivers),
        read_declaration_text(context.declaration_path),
        context.host_tables,
    )
    return Outcome(code=0, text=lambda: render_show(result), table=lambda: show_table(result))
