"""`check` in the format that was asked for, with what it needs from the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.commands.check import CheckResult
    from envbuild.text import Text

_SUMMARY = "GITHUB_STEP_SUMMARY"


def check_text(result: CheckResult, format_: str, environment: Mapping[str, str]) -> Text:
    """The result as text in one of the formats but JSON."""
    if format_ == "markdown":
        from envbuild.report.markdown import render_markdown

        return render_markdown(result)
    if format_ == "github":
        from envbuild.report.github import render_github

        return render_github(result, lambda path: _in_repository(path, environment))
    if format_ == "sarif":
        from envbuild import __version__
        from envbuild.report.sarif import render_sarif

        return render_sarif(result, lambda path: _in_repository(path, environment), __version__)
    from envbuild.report.check import render_check

    return render_check(result)


def write_summary(result: CheckResult, environment: Mapping[str, str]) -> None:
    """Add the Markdown to the step's summary where the runner names a file for it."""
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


def _in_repository(path: str, environment: Mapping[str, str]) -> str:
    """A path relative to the runner's checkout where it names one, else as it is."""
    workspace = environment.get("GITHUB_WORKSPACE")
    if not workspace:
        return path
    relative = os.path.relpath(os.path.abspath(path), workspace)  # noqa: PTH100
    return path if relative.startswith("..") else relative
