"""`check`, with what it prints for CI runners."""

from __future__ import annotations

import gc
import os

from envbuild.cli.options import Arguments, Parameter, flag
from envbuild.cli.verbs import Verb
from envbuild.report.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from envbuild.cli.context import Context
    from envbuild.commands.check import CheckResult
    from envbuild.commands.conflicts import ConflictsResult
    from envbuild.finding import Finding
    from envbuild.text import Text

_SUMMARY = "GITHUB_STEP_SUMMARY"


@Verb(
    "check",
    Parameter("--against", "REV", "compare with this git revision, to see what the change does"),
    flag(
        "--allow-replaced-files",
        "with --against: only warn if a locked file has the same name but other content",
    ),
    Parameter(
        "--host",
        "FACTS",
        "also check for a host that has this, such as cuda=12.4, rocm=7.1 or cpu",
    ),
    flag(
        "--solve",
        "ask the index about broken rules and new conflicts "
        "(without this option, check uses no network)",
    ),
    formats=("text", "json", "markdown", "github", "sarif", "html"),
    trusts=(),
)
def check(context: Context, arguments: Arguments) -> Outcome:
    """Check lockfiles and rules, as for a pull request."""
    from contextlib import nullcontext

    from envbuild.cli.deferred_indexes import DeferredIndexes
    from envbuild.commands.check import Checker
    from envbuild.lockfile.host_check import parse_host
    from envbuild.report.check import check_table

    gc.disable()  # it makes many values, keeps them, and ends
    if arguments.solve:
        context.require_trusted_declaration()  # whose indexes may be asked
    with DeferredIndexes(context) if arguments.solve else nullcontext() as resolver:
        checker = Checker(
            declaration=context.declaration,
            folder=context.lock_folder,
            declaration_name=context.declaration_path.name,
            resolver=resolver,
            allow_replaced=arguments.allow_replaced_files,
            built=context.shared_paths_of,
            changes=context.path_changes,
            host=parse_host(arguments.host) if arguments.host is not None else None,
        )
        against = arguments.against
        result = checker.check(context.git if against is not None else None, against)
    if arguments.format == "github":
        _write_summary(result, context.environment)
    return Outcome(
        code=result.exit_code,
        text=lambda: _check_text(result, arguments.format, context),
        table=lambda: check_table(result),
    )


def _check_text(result: CheckResult, format_: str, context: Context) -> Text:
    """The result in one of the forms other than JSON."""
    environment = context.environment
    if format_ == "html":
        from envbuild.report.check_html import render_check_html

        return render_check_html(result, _conflicts(context))
    if format_ == "markdown":
        from envbuild.report.markdown import render_markdown

        return render_markdown(result)
    if format_ == "github":
        from envbuild.report.annotations import render_github

        return render_github(result, lambda path: _in_repository(path, environment))
    if format_ == "sarif":
        return sarif(result.findings, environment)
    from envbuild.report.check import render_check

    return render_check(result)


def _conflicts(context: Context) -> ConflictsResult | None:
    """What the drivers could share; None if there are not two that are locked."""
    from envbuild.commands.conflicts import conflicts
    from envbuild.errors import EnvbuildError

    try:
        return conflicts(context.declaration, context.lock_folder, (), groups=True, explain=True)
    except EnvbuildError:  # the findings say it
        return None


def _write_summary(result: CheckResult, environment: Mapping[str, str]) -> None:
    """Add the Markdown to the step's summary, if the runner names a file for it."""
    path = environment.get(_SUMMARY)
    if not path:
        return
    from envbuild.errors import HostError, Problem
    from envbuild.report.markdown import render_markdown

    try:
        with open(path, "a", encoding="utf-8") as summary:  # noqa: PTH123
            summary.write(render_markdown(result))
    except OSError as error:
        message = f"cannot write the step's summary (${_SUMMARY}): {error.strerror}"
        raise HostError(Problem(file=path, message=message)) from error


def sarif(findings: Collection[Finding], environment: Mapping[str, str]) -> Text:
    """Findings for a code scanner that looks at the runner's checkout."""
    from envbuild import __version__
    from envbuild.report.annotations import render_sarif

    return render_sarif(findings, lambda path: _in_repository(path, environment), __version__)


def _in_repository(path: str, environment: Mapping[str, str]) -> str:
    """A path relative to the runner's checkout, if the path is in it; else as it is."""
    workspace = environment.get("GITHUB_WORKSPACE")
    if not workspace:
        return path
    relative = os.path.relpath(os.path.abspath(path), workspace)  # noqa: PTH100
    return path if relative.startswith("..") else relative
