"""The port through which long commands report progress; nothing below it prints."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what happens to each driver; several threads call it at once."""

    def stage(self, driver: str, text: str) -> None:
        """The driver has reached a stage, such as `resolving 3.12-x86_64-manylinux_2_28`."""
        ...

    def downloaded(self, driver: str, done: int, total: int) -> None:
        """`done` of the `total` bytes that the driver's stage has started to download have arrived."""
        ...

    def written(self, driver: str, done: int, total: int) -> None:
        """`done` of the `total` bytes that the driver's stage writes to a release or an image are there."""
        ...

    def done(self, driver: str, text: str) -> None:
        """The driver is finished, with its result."""
        ...

    def failed(self, driver: str, text: str) -> None:
        """The driver is finished, and what was to be done for it was not."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know and that belongs to no driver."""
        ...


class Silent:
    """Drops all progress."""

    def stage(self, driver: str, text: str) -> None:
        """Say nothing."""

    def downloaded(self, driver: str, done: int, total: int) -> None:
        """Say nothing."""

    def written(self, driver: str, done: int, total: int) -> None:
        """Say nothing."""

    def done(self, driver: str, text: str) -> None:
        """Say nothing."""

    def failed(self, driver: str, text: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""
