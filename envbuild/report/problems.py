"""Errors as a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.errors import EnvbuildError, Problem
    from envbuild.text import Text


def render_problems(problems: Iterable[Problem]) -> Text:
    """What is wrong, a line each; below it the other program's words and the hint, each indented."""
    said = (problem.lines() for problem in problems)
    return text_of(line for first, *more in said for line in (f"error: {first}", *more))


def problems_table(error: EnvbuildError) -> dict[str, object]:
    """What stands on stdout in JSON mode when a command could not give its result."""
    return {
        "exit_code": error.exit_code,
        "problems": [problem_table(problem) for problem in error.problems],
    }


def problem_table(problem: Problem) -> dict[str, object]:
    """One problem, absent fields as null."""
    return {
        "file": problem.file,
        "line": problem.line,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
        "detail": problem.detail,
    }
