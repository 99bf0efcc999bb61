"""What `envbuild export` is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.launchers.fleet import Start


@value
class ExportRequest:
    """What is to be written."""

    format: str
    drivers: tuple[str, ...]
    start: Start
    stable: bool | None = None
    """Paths that follow every switch, or exact ones; None leaves it to the format."""

    arguments: tuple[str, ...] | None = None
    """What follows a driver's command; None where it was not said."""

    unit: Path | None = None
    """A unit whose arguments a drop-in keeps."""

    wheels: Path | None = None
    target: str | None = None
    """The one target of the lockfiles that is meant; None for all of them."""

    envbuild: tuple[str, ...] = ("envbuild",)
    """The command that calls this envbuild on this declaration and store."""

    out: Path | None = None
    """The folder that files are written to; None prints them."""

    check: tuple[Path, ...] = ()
    """Files that are compared with what would be written."""
