"""The record of an export format, and what it can use."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Protocol

from envbuild.errors import Problem, UsageError
from envbuild.value import field, value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path

    from envbuild.launchers.fleet import BuiltFleet, ExportedFile, FileSource
    from envbuild.lockfile.lockfile import Lockfile

_LAST_PORT = 65535
_SOURCE = re.compile(r"(?:(?:dir|tar):/|(?:oci|https|http)://)[A-Za-z0-9._~/:+\[\]-]+")
_PATH = re.compile(r"/[A-Za-z0-9._/+-]+")


@value
class Option:
    """A command-line option that some formats take: `--NAME VALUE`, or `--NAME` alone."""

    name: str
    metavar: str | None
    """None for an option without a value; its text in `ExportRequest.options` is empty."""

    help: str


ARGUMENTS = Option(
    name="arguments", metavar="TEXT", help="the arguments of the command, quoted as in a shell"
)
UNIT = Option(name="unit", metavar="FILE", help="an existing unit; the drop-in keeps its arguments")
IMAGE = Option(name="image", metavar="IMAGE", help="the container image, with a tag or a digest")
PORT = Option(name="port", metavar="N", help="the port that the service listens on")
FROM = Option(name="from", metavar="SOURCE", help="the release that hosts follow: oci://…:TAG")
PROGRAM = Option(
    name="envbuild", metavar="PATH", help="where hosts have envbuild (default: as on this host)"
)
TARGET = Option(name="target", metavar="TARGET", help="export only this target of the lockfiles")


@value
class ExportRequest:
    """The settings of an export."""

    format: str
    drivers: tuple[str, ...] = ()
    stable: bool | None = None
    """Paths that follow every switch, or exact ones; None for the format's default."""

    options: Mapping[str, str] = field(default_factory=dict)
    """The values of the format's options, by name."""

    envbuild: tuple[str, ...] = ("envbuild",)
    """The command that runs this envbuild with this declaration and store."""

    program: tuple[str, ...] = ("envbuild",)
    """The command that runs this envbuild, with no declaration and no store."""

    out: Path | None = None
    """The folder that files are written to; None prints them."""

    check: tuple[Path, ...] = ()
    """Files that are compared with the export."""

    @property
    def arguments(self) -> tuple[str, ...] | None:
        """The words of `--arguments`; None without the option; UsageError if a quote is not closed."""
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
        """The number of `--port`; UsageError if it is invalid."""
        text = self.options.get(PORT.name)
        if text is None:
            return None
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= _LAST_PORT):
            message = f"{text!r} is not a port from 1 to {_LAST_PORT}"
            raise UsageError(Problem(key="--port", message=message))
        return int(text)

    @property
    def source(self) -> str:
        """The text of `--from`; UsageError if it is missing, or hosts cannot follow it."""
        text = self.options.get(FROM.name)
        if text is None:
            message = f"the format {self.format} needs the release that hosts follow"
            hint = "give it with --from oci://HOST/REPOSITORY:TAG, https://…, dir:PATH or tar:PATH"
            raise UsageError(Problem(key="--from", message=message, hint=hint))
        if "@" in text:
            message = f"{text!r} names a digest or a user: a digest cannot move, and the file is not secret"
            hint = "name a tag; hosts take credentials from docker's or podman's file"
            raise UsageError(Problem(key="--from", message=message, hint=hint))
        if _SOURCE.fullmatch(text) is None:
            message = f"{text!r} is not a release that every host can find"
            hint = (
                "write oci://HOST/REPOSITORY:TAG, https://…, or dir: or tar: with an absolute path"
            )
            raise UsageError(Problem(key="--from", message=message, hint=hint))
        return text

    @property
    def command(self) -> tuple[str, ...]:
        """The words that run envbuild on the hosts; UsageError for a path that would have to be quoted."""
        text = self.options.get(PROGRAM.name)
        words = self.program if text is None else (text,)
        if text is not None and _PATH.fullmatch(text) is None:
            message = f"{text!r} is not an absolute path of letters, digits and . _ / + -"
            raise UsageError(Problem(key="--envbuild", message=message))
        return words


class Export(Protocol):
    """What a format can use; each value is computed when it is first used."""

    @property
    def request(self) -> ExportRequest:
        """The settings from the command line."""
        ...

    @property
    def store(self) -> str:
        """The store's absolute path."""
        ...

    @property
    def fleet(self) -> BuiltFleet:
        """The drivers, as they are built."""
        ...

    def lockfiles(self) -> Iterable[tuple[Lockfile, str]]:
        """The lockfile of each driver with its digest; NoError if a driver has none."""
        ...

    def sources(self, lockfile: Lockfile) -> Mapping[str, FileSource]:
        """Where this host finds a lockfile's files, by package; IndexFailureError names missing files."""
        ...

    def licences(self, driver: str) -> Mapping[str, str]:
        """Licences by package, from METADATA in the driver's current environment."""
        ...

    def unit(self) -> tuple[str, str] | None:
        """The name and the text of the unit for a drop-in, if one was named."""
        ...

    def lockfile(self, driver: str) -> Lockfile:
        """A driver's lockfile; NoError if it has none."""
        ...

    def indexes(self, names: Collection[str]) -> Mapping[str, tuple[str, bool]]:
        """The address or folder of those indexes that packages are bound to, and whether it is flat."""
        ...

    def lock_workspace(self, lockfile: Lockfile, pyproject: str, python: str) -> str:
        """The `uv.lock` for a lockfile's `pyproject.toml`, made with an interpreter of its target."""
        ...


@value
class ExportFormat:
    """A format that `envbuild export` writes; docs/launchers.md is made from these."""

    name: str
    files: str
    """The files that it writes; Markdown."""

    taken_by: str
    """The program whose own code reads the result in the tests; Markdown."""

    render: Callable[[Export], tuple[ExportedFile, ...]]
    options: tuple[Option, ...] = ()
    stable: bool = False
    """Whether its paths follow every switch by default."""

    needs_declaration: bool = False
    """Whether each driver must be declared: for ranges, for its version's package, for its accelerator."""

    uses_declaration: bool = False
    """Whether the declaration is looked into if there is one."""

    compare: Callable[[Export, Path, str], tuple[str, ...] | None] | None = None
    """Compares an existing file (path, text), unless lines are compared; None for a file of another kind."""
