"""`probe`, wired to the current generation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace

    from envbuild.cli.context import Context


def probe(context: Context, arguments: Namespace) -> Outcome:
    """Run the probes of what is current."""
    from envbuild.commands.probe import probe as command
    from envbuild.report.probe import probe_table, render_probe

    report = command(
        context.declaration_here,
        tuple(arguments.drivers),
        context.store.require_current(),
        context.prober(context.cpus),
    )
    return Outcome(
        code=report.exit_code,
        text=lambda: render_probe(report),
        table=lambda: probe_table(report),
    )
