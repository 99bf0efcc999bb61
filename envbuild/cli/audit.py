"""`audit`: known vulnerabilities, by a database or by what the indexes say."""

from __future__ import annotations

from envbuild.cli.options import ENABLED_DRIVERS, Arguments, Parameter, flag
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from envbuild.cli.context import Context
    from envbuild.commands.audit import AdvisorySource, Audited, AuditResult
    from envbuild.report.outcome import Outcome
    from envbuild.text import Text


@Verb(
    "audit",
    ENABLED_DRIVERS,
    flag("--installed", "check the current generation instead of the lockfiles"),
    Parameter(
        "--database",
        "PATH",
        "a folder or zip with an export in OSV's format (default: the data of the indexes)",
    ),
    formats=("text", "json", "markdown", "sarif"),
    trusts=(),
)
def audit(context: Context, arguments: Arguments) -> Outcome:
    """Show known vulnerabilities of what is locked, and which fixed versions fit."""
    from envbuild.commands.audit import audit as command
    from envbuild.posix.clock import now
    from envbuild.report.audit import audit_table
    from envbuild.report.outcome import Outcome

    declared = not arguments.installed or context.is_declared
    judged = _drivers(context, arguments, declared=declared)
    with _source(context, arguments, judged) as source:
        result = command(
            judged,
            source,
            context.declaration.ignored_advisories if declared else (),
            today=now()[:10],
            installed=arguments.installed,
            folder=context.lock_folder,
            file=str(context.declaration_path),
        )
    return Outcome(
        code=result.exit_code,
        text=lambda: _text(result, arguments.format, context),
        table=lambda: audit_table(result),
    )


def _drivers(context: Context, arguments: Arguments, *, declared: bool) -> tuple[Audited, ...]:
    from envbuild.commands.audit import installed_drivers, locked_drivers, usable_lockfiles

    names = arguments.drivers
    if not arguments.installed:
        return locked_drivers(context.declaration, context.lock_folder, names)
    lockfiles = usable_lockfiles(context.declaration, context.lock_folder) if declared else {}
    return installed_drivers(context.store.require_current(), lockfiles, names)


def _source(
    context: Context, arguments: Arguments, judged: tuple[Audited, ...]
) -> AbstractContextManager[AdvisorySource]:
    """The database, or the indexes of the declaration."""
    if arguments.database is None:
        from envbuild.cli.deferred_indexes import DeferredIndexes

        return DeferredIndexes(context)
    from contextlib import nullcontext
    from pathlib import Path

    from envbuild.index.osv import read_database

    packages = {one.package for driver in judged for one in driver.releases}
    return nullcontext(read_database(Path(arguments.database), packages))


def _text(result: AuditResult, format_: str, context: Context) -> Text:
    """The result in one of the forms other than JSON."""
    if format_ == "sarif":
        from envbuild.cli.check import sarif

        return sarif(result.findings, context.environment)
    from envbuild.report.audit import render_audit, render_audit_markdown

    return render_audit_markdown(result) if format_ == "markdown" else render_audit(result)
