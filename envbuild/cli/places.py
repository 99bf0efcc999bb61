"""The places that a command line, the environment and a store's settings name for releases."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.release.layout import LayoutFolder
from envbuild.release.place import is_loopback, parse_address
from envbuild.release.tarball import Tarball

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments
    from envbuild.index.web import Web
    from envbuild.release.place import Address, Destination, Origin
    from envbuild.release.registry import Registry


@contextmanager
def open_destination(
    context: Context,
    arguments: Arguments,
    address: Address,
    neighbours: tuple[str, ...],
    *,
    key: str,
) -> Iterator[Destination]:
    """What writes to a place; UsageError, for the option `key`, if something else is there, or it can only be read.

    `neighbours` are repositories, as `HOST/REPOSITORY`, that may have the same blobs.
    """
    if address.kind == "dir":
        folder = LayoutFolder(path=Path(address.path).absolute())
        folder.check_destination(key)
        yield folder
    elif address.kind == "tar":
        tar = Tarball(Path(address.path).absolute())
        tar.check_destination(key)
        yield tar
    elif address.kind == "oci":
        with ExitStack() as opened:
            near = [one.partition("/") for one in neighbours]
            here = tuple(name for host, _, name in near if host == address.host)
            web = _open_web(context, opened)
            yield _registry(context, arguments, address, web, writes=True, neighbours=here)
    else:
        message = f"{address.text!r} can only be read: publish to its folder with dir:PATH"
        raise UsageError(Problem(key=key, message=message))


@contextmanager
def open_origin(context: Context, arguments: Arguments, address: Address) -> Iterator[Origin]:
    """What reads from one place."""
    with ExitStack() as opened:
        web = _open_web(context, opened) if address.kind == "oci" else None
        yield _origin(context, arguments, address, web)


@contextmanager
def open_origins(
    context: Context, arguments: Arguments, declared: tuple[tuple[str, str], ...]
) -> Iterator[tuple[tuple[str, Origin], ...]]:
    """The sources of releases with their names, in the order in which they are asked.

    Those of the command line, else of `$ENVBUILD_FROM`, else those that the store's settings declare.
    UsageError lists every one that cannot be an address, or is not safe.
    """
    named = [(text, "--from") for text in arguments.origins]
    named = named or [
        (text, "$ENVBUILD_FROM") for text in context.environment.get("ENVBUILD_FROM", "").split()
    ]
    named = named or [(text, "source") for kind, text in declared if kind == "release"]
    addresses: list[Address] = []
    problems: list[Problem] = []
    for text, key in named:
        try:
            address = parse_address(text, key=key)
            _refuse_without_tls(arguments, address, key)
            addresses.append(address)
        except UsageError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    with ExitStack() as opened:
        web = _open_web(context, opened) if {"oci", "web"} & {a.kind for a in addresses} else None
        yield tuple((one.text, _origin(context, arguments, one, web)) for one in addresses)


def _origin(context: Context, arguments: Arguments, address: Address, web: Web | None) -> Origin:
    if address.kind == "dir":
        return LayoutFolder(path=Path(address.path).absolute())
    if address.kind == "tar":
        return Tarball(Path(address.path).absolute())
    assert web is not None
    if address.kind == "oci":
        return _registry(context, arguments, address, web)
    from envbuild.release.web_root import WebRoot

    return WebRoot(url=address.path, web=web)


def _refuse_without_tls(arguments: Arguments, address: Address, key: str) -> None:
    from urllib.parse import urlsplit

    parts = urlsplit(address.path if address.kind == "web" else "")
    if parts.scheme == "http" and not (arguments.insecure or is_loopback(parts.netloc)):
        message = (
            f"{address.text!r} has no TLS: anybody on the network path could change the lockfiles"
        )
        hint = "use https, or add --insecure if you trust the network"
        raise UsageError(Problem(key=key, message=message, hint=hint))


def _open_web(context: Context, opened: ExitStack) -> Web:
    from envbuild.index.web import Web

    web = Web(
        context.environment,
        read_timeout=context.index_timeout,
        deadline=context.index_deadline,
        retries=context.index_retries,
    )
    opened.callback(web.close)
    return web


def _registry(
    context: Context,
    arguments: Arguments,
    address: Address,
    web: Web,
    *,
    writes: bool = False,
    neighbours: tuple[str, ...] = (),
) -> Registry:
    from envbuild.release.credentials import RegistryCredentials
    from envbuild.release.registry import Registry
    from envbuild.release.sessions import UploadSessions

    credentials = RegistryCredentials(environ=context.environment, runner=context.runner)
    return Registry(
        address,
        web,
        secure=not (arguments.insecure or is_loopback(address.host)),
        credentials=credentials.find,
        writes=writes,
        neighbours=neighbours,
        sessions=UploadSessions(context.store.cache / "uploads.json"),
    )
