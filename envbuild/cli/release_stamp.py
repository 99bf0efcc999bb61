"""The stamp of a `sync` that followed a release and had nothing to do: one look at its source tells whether it is new.

It has a line for each fact; the facts of the host are in a stamp like that of any other sync, beside it.
Quick verbs import this module: what a source on the web needs is imported when one is asked.
"""

from __future__ import annotations

import os

from envbuild import __version__
from envbuild.cli.stamp import recall
from envbuild.digest import sha256_hex
from envbuild.lean_json import open_ordinary, read_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.cli.options import Arguments
    from envbuild.text import Text

_HEAD = f"envbuild {__version__} followed 1"
_SECONDS = 10.0
"""For the answer of a source; a slower one is asked again, with more patience."""

_MOST = 4 << 20
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def followed(root: str, arguments: Arguments, environment: Mapping[str, str]) -> Text | None:
    """The output of a `sync` that follows a release, if neither the source nor this host has changed; else None."""
    given = named_sources(arguments, environment)
    try:
        with os.fdopen(open_ordinary(f"{root}/cache/followed"), encoding="utf-8") as stream:
            head, folder, source, expires, origin, *facts = stream.read().split("\n")
        if head != _HEAD or facts != list(facts_of(root, given, arguments.file)):
            return None
        if _has_expired(expires) or origin != origin_fact(source, environment):
            return None
    except (OSError, ValueError):
        return None
    own = f"{root}/releases/{folder}/drivers.toml"
    return recall(f"{root}/cache/followed-stamp", own, root)


def named_sources(arguments: Arguments, environment: Mapping[str, str]) -> str:
    """The sources that the command line, or else the environment, names, with blanks between them."""
    return " ".join(arguments.origins) or environment.get("ENVBUILD_FROM", "")


def render_stamp(
    *, folder: str, source: str, expires: str | None, origin: str, facts: tuple[str, str, str]
) -> str:
    """The stamp's text; `folder` has the release's files, below the store's `releases`."""
    return "\n".join((_HEAD, folder, source, expires or "never", origin, *facts))


def facts_of(root: str, given: str, declaration: str) -> tuple[str, str, str]:
    """What decides how a source is followed, apart from its content: who names it, declaration, settings."""
    return given, _digest_or_none(declaration), _digest_or_none(f"{root}/settings.toml")


def origin_fact(source: str, environment: Mapping[str, str]) -> str | None:
    """A word that changes with the release at a source, from one read or one request; None if it does not tell.

    OSError or ValueError if the source does not answer.
    """
    kind, _, rest = source.partition(":")
    if kind == "dir":
        return _digest(f"{rest}/index.json")
    if kind == "tar":
        status = os.stat(rest)  # noqa: PTH116
        return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"
    if any(_is_proxy(name) and environment[name] for name in environment):
        return None
    return _asked(source)


def _is_proxy(name: str) -> bool:
    return name.lower().endswith("_proxy") and name.lower() != "no_proxy"


def _asked(source: str) -> str | None:
    """The digest of what a server gives: of a tag, in its header; of a static root, of its `index.json`."""
    from http.client import HTTPException

    from envbuild.release.place import is_loopback, parse_address

    address = parse_address(source, key="--from")
    if address.kind == "oci":
        scheme = "http" if is_loopback(address.host) else "https"
        url = f"{scheme}://{address.host}/v2/{address.repository}/manifests/{address.tag}"
        method = "HEAD"
    else:
        url, method = f"{address.path}/index.json", "GET"
    try:
        return _request(method, url)
    except HTTPException as error:
        raise ValueError(str(error)) from error


def _request(method: str, url: str) -> str | None:
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.netloc, timeout=_SECONDS)
    try:
        connection.request(method, parts.path, headers={"Accept": MANIFEST})
        answer = connection.getresponse()
        if answer.status != 200:
            return None
        if method == "HEAD":
            return answer.headers.get("Docker-Content-Digest")
        content = answer.read(_MOST)
        return f"sha256:{sha256_hex(content)}"
    finally:
        connection.close()


def _has_expired(expires: str) -> bool:
    if expires == "never":
        return False
    from envbuild.posix.clock import now

    return expires <= now()


def _digest_or_none(path: str) -> str:
    try:
        return _digest(path)
    except FileNotFoundError:
        return "none"


def _digest(path: str) -> str:
    return f"sha256:{sha256_hex(read_ordinary(path))}"
