"""What a command leaves to be printed, and the exit code."""

from __future__ import annotations

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO, TypeVar

    from envbuild.text import Text

    T = TypeVar("T")


@value
class Outcome:
    """A result that can be printed as text or as JSON; only the one asked for is rendered."""

    code: int
    text: Callable[[], Text]
    table: Callable[[], dict[str, object]]

    def show(self, stream: TextIO, *, as_json: bool) -> None:
        """Print the result."""
        if as_json:
            from envbuild.report.table import render_table

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
    """The outcome of a command's result, from what renders it in both ways."""
    return Outcome(code=code, text=lambda: render(result), table=lambda: table(result))
