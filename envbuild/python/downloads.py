"""Where uv downloads Pythons from on this host: its own place, or a mirror that the environment names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.errors import Problem, UsageError
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

MIRROR = "ENVBUILD_PYTHON_MIRROR"
LIST = "ENVBUILD_PYTHON_LIST"

_HINT = "write a folder's or file's absolute path, or a URL with http, https or file"


@value
class Downloads:
    """A host's variables about Pythons, as URLs; empty where uv's own values count."""

    mirror: str = ""
    """Stands for uv's place of releases: below it are the same names."""

    listing: str = ""
    """A JSON file in the form of uv's own list of Pythons, with URLs and sha256."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of `uv python install`."""
        mirror = ("--mirror", self.mirror) if self.mirror else ()
        listing = ("--python-downloads-json-url", self.listing) if self.listing else ()
        return (*mirror, *listing)

    @property
    def are_local(self) -> bool:
        """Whether a mirror on this host serves everything, so that no network is needed."""
        given = [url for url in (self.mirror, self.listing) if url]
        return bool(self.mirror) and all(url.startswith("file:") for url in given)


def read_downloads(environment: Mapping[str, str]) -> Downloads:
    """The host's variables; UsageError for an invalid URL, or a path that does not exist."""
    return Downloads(
        mirror=_url(environment, MIRROR, is_folder=True),
        listing=_url(environment, LIST, is_folder=False),
    )


def _url(environment: Mapping[str, str], name: str, *, is_folder: bool) -> str:
    written = environment.get(name, "")
    if not written:
        return ""
    if not os.path.isabs(written):  # noqa: PTH117
        parts = urlsplit(written) if "://" in written else None
        if parts is None or parts.scheme not in ("http", "https", "file"):
            raise _wrong(name, "is neither an absolute path nor a URL")
        return written.rstrip("/")
    there = Path(written).is_dir() if is_folder else Path(written).is_file()
    if not there:
        raise _wrong(name, f"names no {'folder' if is_folder else 'file'}: {written}")
    return Path(written).as_uri()


def _wrong(name: str, message: str) -> UsageError:
    return UsageError(Problem(key=f"${name}", message=message, hint=_HINT))
