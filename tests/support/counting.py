"""Running programs for real, and remembering which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.posix.process import SystemRunner

if TYPE_CHECKING:
    from envbuild.posix.process import Command, Completed


class Counting(SystemRunner):
    """Runs for real, and remembers what."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[tuple[str, ...]] = []

    def run(self, command: Command) -> Completed:
        """Run it."""
        self.ran.append(command.argv)
        return super().run(command)

    def started(self, *words: str) -> int:
        """How many commands carried these arguments first."""
        return sum(argv[1 : 1 + len(words)] == words for argv in self.ran)
