"""`probe`."""

from __future__ import annotations

from envbuild.cli.options import Verb, drivers
from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments


def probe(context: Context, arguments: Arguments) -> Outcome:
    """Run the probes of what is current."""
    from envbuild.commands.probe import probe as command
    from envbuild.report.probe import probe_table, render_probe

    report = command(
        context.declaration_here,
        arguments.drivers,
        context.store.require_current(),
        context.prober(context.cpus),
    )
    return Outcome(
        code=report.exit_code,
        text=lambda: render_probe(report),
        table=lambda: probe_table(report),
    )


VERBS = (
    Verb(
        name="probe",
        summary="run the declared probes in the current environments",
        run=probe,
        parameters=(drivers("only these (default: every one in the current generation)"),),
    ),
)
