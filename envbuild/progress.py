"""What a long command tells while it works: a port, so that nothing below prints."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears what happens to each driver; called from several threads at once."""

    def stage(self, driver: str, text: str) -> None:
        """The driver has come to a stage, such as `resolving 3.12-x86_64-manylinux_2_28`."""
        ...

    def downloaded(self, driver: str, done: int, total: int) -> None:
        """So many of so many bytes have come, of all that the driver's stage has begun to download."""
        ...

    def done(self, driver: str, text: str) -> None:
        """The driver is finished, with what came of it."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know, of no driver in particular."""
        ...


class Silent:
    """Progress that nobody hears."""

    def stage(self, driver: str, text: str) -> None:
        """Say nothing."""

    def downloaded(self, driver: str, done: int, total: int) -> None:
        """Say nothing."""

    def done(self, driver: str, text: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
