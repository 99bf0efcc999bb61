"""`report` and `fleet`: what one host has, and how many hosts compare."""

from __future__ import annotations

import os
import sys

from envbuild.cli.options import Arguments, Parameter
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome

_STDIN = 256 << 20
"""The most characters that are read from stdin."""


@Verb("report", formats=("text", "json", "prometheus"), trusts=("store",))
def report(context: Context, arguments: Arguments) -> Outcome:
    """Report what this host has: generation, release, content digests, drift, what runs, what doctor finds."""
    from importlib.metadata import version

    from envbuild import __version__
    from envbuild.cli.verify import doctor_of
    from envbuild.commands.host_report import report as command
    from envbuild.posix.clock import now
    from envbuild.report.host_report import render_prometheus, render_report, report_table
    from envbuild.report.outcome import outcome_of
    from envbuild.store.guard import require_store

    require_store(context.store.root)
    result = command(
        context.store,
        context.verifier,
        context.releases,
        doctor_of(context, context.store.require_current(), None).examine().findings,
        host=os.uname().nodename,
        created=now(),
        tools=(__version__, version("uv")),
    )
    render = render_prometheus if arguments.format == "prometheus" else render_report
    return outcome_of(result, render, report_table)


@Verb(
    "fleet",
    Parameter(
        "reports",
        "REPORT",
        "files of `envbuild report --format json`, folders of them, or - for stdin",
        count="+",
    ),
    Parameter("--html", "FILE", "also write one self-contained HTML page"),
    trusts=(),
)
def fleet(_: Context, arguments: Arguments) -> Outcome:
    """Compare the reports of many hosts: which release each one has, and how they differ."""
    from pathlib import Path

    from envbuild.commands.fleet import compare_hosts, read_reports
    from envbuild.report.fleet import fleet_table, render_fleet, render_fleet_html
    from envbuild.report.outcome import outcome_of

    stdin = sys.stdin.read(_STDIN) if "-" in arguments.reports else None
    result = compare_hosts(read_reports(tuple(map(Path, arguments.reports)), stdin))
    if arguments.html is not None:
        from envbuild.posix.files import write_atomically
        from envbuild.posix.shortage import not_written

        try:
            write_atomically(Path(arguments.html), render_fleet_html(result).encode())
        except OSError as error:
            raise not_written(arguments.html, error) from error
    return outcome_of(result, render_fleet, fleet_table, code=result.exit_code)
