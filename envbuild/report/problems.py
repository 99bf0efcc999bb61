"""Errors as a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.errors import EnvbuildError, Problem


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
