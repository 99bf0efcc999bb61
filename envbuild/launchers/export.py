"""What a format of `envbuild export` is, and what it may ask of an export."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Protocol

from envbuild.errors import Problem, UsageError
from envbuild.value import field, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from envbuild.launchers.fleet import BuiltFleet, ExportedFile, FileSource
    from envbuild.lockfile.lockfile import Lockfile

_LAST_PORT = 65535


@value
class Option:
    """A word of the command line that some formats take: `--NAME VALUE`."""

    name: str
    metavar: str
    help: str


ARGUMENTS = Option(name="arguments", metavar="TEXT", help="what follows the command, as in a shell")
UNIT = Option(name="unit", metavar="FILE", help="a unit; the drop-in keeps its arguments")
IMAGE = Option(name="image", metavar="IMAGE", help="the container image, with a tag or a digest")
PORT = Option(name="port", metavar="N", help="the port that the service listens on")
TARGET = Option(
    name="target", metavar="TARGET", help="export this target of the lockfiles alone, by its name"
)


@value
class ExportRequest:
    """What is to be written."""

    format: str
    drivers: tuple[str, ...] = ()
    stable: bool | None = None
    """Paths that follow every switch, or exact ones; None leaves it to the format."""

    options: Mapping[str, str] = field(default_factory=dict)
    """What the command line says for the format's options, by their names."""

    envbuild: tuple[str, ...] = ("envbuild",)
    """The command that calls this envbuild on this declaration and store."""

    out: Path | None = None
    """The folder that files are written to; None prints them."""

    check: tuple[Path, ...] = ()
    """Files that are compared with what would be written."""

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The words of `--arguments`; None where it was not given; UsageError where a quote is open."""
        text = self.options.get(ARGUMENTS.name)
        if text is None:
            return None
        try:
            return tuple(shlex.split(text))
        except ValueError as error:
            message = f"{text!r} is not a list of words: {error}"
            raise UsageError(Problem(key="--arguments", message=message)) from None

    @property
    def port(self) -> int | None:
        """The number of `--port`; UsageError where it is none."""
        text = self.options.get(PORT.name)
        if text is None:
            return None
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= _LAST_PORT):
            message = f"{text!r} is not a port from 1 to {_LAST_PORT}"
            raise UsageError(Problem(key="--port", message=message))
        return int(text)


class Export(Protocol):
    """What a format may ask for; each is worked out when it is asked for."""

    @property
    def request(self) -> ExportRequest:
        """What the command line asks for."""
        ...

    @property
    def fleet(self) -> BuiltFleet:
        """The drivers, as they are built."""
        ...

    def lockfiles(self) -> Iterable[tuple[Lockfile, str]]:
        """The lockfile and its digest, of each driver; NoError where one has none."""
        ...

    def sources(self, lockfile: Lockfile) -> Mapping[str, FileSource]:
        """Where this host finds a lockfile's files, by package; IndexFailureError names what is gone."""
        ...

    def licences(self, driver: str) -> Mapping[str, str]:
        """By package, what METADATA in the driver's current environment says."""
        ...

    def unit(self) -> tuple[str, str] | None:
        """The name and the text of the unit that a drop-in is for, where one was named."""
        ...

    def lockfile(self, driver: str) -> Lockfile:
        """A driver's lockfile; NoError where it has none."""
        ...

    def indexes(self) -> Mapping[str, tuple[str, bool]]:
        """The address or folder of every bound index, and whether it is flat."""
        ...

    def lock_workspace(self, lockfile: Lockfile, pyproject: str, python: str) -> str:
        """The `uv.lock` of a lockfile's `pyproject.toml`, made with an interpreter that it is for."""
        ...


@value
class ExportFormat:
    """A format that `envbuild export` writes; docs/launchers.md is made from these."""

    name: str
    files: str
    """Which files it writes; Markdown."""

    taken_by: str
    """Whose own code reads the result in the tests; Markdown."""

    render: Callable[[Export], tuple[ExportedFile, ...]]
    options: tuple[Option, ...] = ()
    stable: bool = False
    """Whether it names paths that follow every switch unless the command line says otherwise."""

    of_lockfiles: bool = False
    """Whether it is made from lockfiles: without drivers, of all that are declared."""

    needs_declaration: bool = False
    """Whether each driver must be declared: for ranges, for the package that names it, for its accelerator."""

    compare: Callable[[Export, Path, str], tuple[str, ...] | None] | None = None
    """What a file that is there (path, text) says otherwise, if not line by line; None where it is no such file."""
