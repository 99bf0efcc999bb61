"""What a command leaves to be printed, and the exit code."""

from __future__ import annotations

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from envbuild.text import Text


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
