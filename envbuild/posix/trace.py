"""Events for listeners: which programs are started, and what is requested."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Trace:
    """Hears of each program and each request; any thread may tell it."""

    def __init__(self) -> None:
        self.heard: Callable[[str], None] | None = None
        """Gets each program's words and each request, with its secrets in it; None is nobody."""

        self.output: Callable[[str], None] | None = None
        """Gets what programs write to stderr; None is nobody."""

    def started(self, argv: tuple[str, ...]) -> None:
        """A program was started; of a word with several lines, such as Python code, none is told."""
        if self.heard is not None:
            import shlex

            self.heard("$ " + shlex.join("…" if "\n" in word else word for word in argv))

    def asked(self, method: str, url: str, status: int) -> None:
        """A server has answered a request."""
        if self.heard is not None:
            self.heard(f"{method} {url} → {status}")

    def said(self, words: str) -> None:
        """A program has ended, and has written these words to stderr."""
        if self.output is not None and words.strip():
            self.output(words)


TRACE = Trace()
"""The process's own."""
