"""`probe`."""

from __future__ import annotations

from envbuild.cli.options import Arguments, Verb, drivers
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context


@Verb("probe", drivers("only these (default: every one in the current generation)"))
def probe(context: Context, arguments: Arguments) -> Outcome:
    """Run the declared probes in the current environments."""
    from envbuild.commands.probe import probe as command
    from envbuild.report.probe import probe_table, render_probe

    report = command(
        context.declaration_here,
        arguments.drivers,
        context.store.require_current(),
        context.prober(context.cpus),
    )
    return outcome_of(report, render_probe, probe_table, code=report.exit_code)
