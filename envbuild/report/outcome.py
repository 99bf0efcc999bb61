"""The output of a command, as text or JSON, and its exit code."""

from __future__ import annotations

from envbuild.text import Text
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO, TypeVar

    from envbuild.errors import EnvbuildError, Problem

    T = TypeVar("T")


@value
class Outcome:
    """A result that can be printed as text or JSON; only the requested form is rendered."""

    code: int
    text: Callable[[], Text]
    table: Callable[[], dict[str, object]]

    def show(self, stream: TextIO, *, as_json: bool) -> None:
        """Print the result."""
        if as_json:
            stream.write(render_table(self.table()))
        else:
            stream.write(self.text())
        stream.flush()


def outcome_of(
    result: T,
    render: Callable[[T], Text],
    table: Callable[[T], dict[str, object]],
    *,
    code: int = 0,
) -> Outcome:
    """The outcome of a command's result, from its two renderers."""
    return Outcome(code=code, text=lambda: render(result), table=lambda: table(result))


def render_table(table: Mapping[str, object]) -> Text:
    """The object as indented JSON, with the format's version first and a final line feed."""
    import json

    return Text(json.dumps({"version": 1, **table}, indent=2) + "\n")


def problems_table(error: EnvbuildError) -> dict[str, object]:
    """The exit code and the problems of an error, as a JSON object."""
    return {
        "exit_code": error.exit_code,
        "problems": [problem_table(problem) for problem in error.problems],
    }


def problem_table(problem: Problem) -> dict[str, object]:
    """A problem, absent fields as null."""
    return {
        "file": problem.file,
        "line": problem.line,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
        "detail": problem.detail,
    }
