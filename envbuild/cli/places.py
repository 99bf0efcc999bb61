"""The places that a command line, the environment and a store's settings name for releases."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments
    from envbuild.errors import Problem
    from envbuild.release.place import Address, Destination, Origin


@contextmanager
def open_destination(arguments: Arguments) -> Iterator[Destination]:
    """Where `publish` writes; UsageError if something else is there, or it can only be read."""
    from pathlib import Path

    from envbuild.errors import Problem, UsageError
    from envbuild.release.layout import LayoutFolder
    from envbuild.release.place import parse_address
    from envbuild.release.tarball import Tarball

    address = parse_address(arguments.destination, key="DEST")
    if address.kind == "dir":
        folder = LayoutFolder(path=Path(address.path).absolute())
        folder.check_destination("DEST")
        yield folder
    elif address.kind == "tar":
        tar = Tarball(Path(address.path).absolute())
        tar.check_destination("DEST")
        yield tar
    else:
        message = f"{address.text!r} can only be read: publish to its folder with dir:PATH"
        raise UsageError(Problem(key="DEST", message=message))


@contextmanager
def open_origins(
    context: Context, arguments: Arguments, declared: tuple[tuple[str, str], ...]
) -> Iterator[tuple[tuple[str, Origin], ...]]:
    """The sources of releases with their names, in the order in which they are asked.

    Those of the command line, else of `$ENVBUILD_FROM`, else those that the store's settings declare.
    UsageError lists every one that cannot be an address.
    """
    from envbuild.errors import UsageError
    from envbuild.release.place import parse_address

    named = [(text, "--from") for text in arguments.origins]
    named = named or [
        (text, "$ENVBUILD_FROM") for text in context.environment.get("ENVBUILD_FROM", "").split()
    ]
    named = named or [(text, "source") for kind, text in declared if kind == "release"]
    addresses: list[Address] = []
    problems: list[Problem] = []
    for text, key in named:
        try:
            addresses.append(parse_address(text, key=key))
        except UsageError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    yield tuple((address.text, _origin(address)) for address in addresses)


def _origin(address: Address) -> Origin:
    from pathlib import Path

    from envbuild.errors import Problem, UsageError
    from envbuild.release.layout import LayoutFolder
    from envbuild.release.tarball import Tarball

    if address.kind == "dir":
        return LayoutFolder(path=Path(address.path).absolute())
    if address.kind == "tar":
        return Tarball(Path(address.path).absolute())
    raise UsageError(Problem(key="--from", message=f"{address.text!r} cannot be read yet"))
