"""What is asked of an index on the web, as requests: its pages, its files, and what lies beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from envbuild.index.page import ACCEPT
from envbuild.index.web import Request

if TYPE_CHECKING:
    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile


def page_url(location: IndexLocation, package: str) -> str:
    """The URL of a package's page on an index on the web; a flat index has one page for all packages."""
    assert location.url is not None
    return location.url if location.is_flat else f"{location.url}/{package}/"


def page_request(
    location: IndexLocation, package: str, conditions: tuple[tuple[str, str], ...]
) -> Request:
    """Asks for a page; the `conditions` are headers."""
    accepted = "text/html, */*;q=0.1" if location.is_flat else ACCEPT
    headers = [("Accept", accepted), ("Accept-Encoding", "gzip, deflate"), *conditions]
    return Request(
        url=page_url(location, package),
        headers=tuple(headers),
        authorization=location.authorization,
        stays=bool(location.packages),  # some indexes send strangers' names to the public one
    )


def release_request(location: IndexLocation, package: str, version: str) -> Request | None:
    """Asks the JSON API for a release; None if the index's address does not tell where the API is.

    It lies beside the pages: `…/pypi/NAME/VERSION/json` where they are `…/simple`.
    """
    root, slash, last = (location.url or "").rpartition("/")
    if location.folder is not None or location.is_flat or not slash or last != "simple":
        return None
    return Request(
        url=f"{root}/pypi/{quote(package, safe='')}/{quote(version, safe='')}/json",
        headers=(("Accept", "application/json"),),
        authorization=location.authorization,
        source=location.url,
    )


def metadata_request(location: IndexLocation, file: IndexFile) -> Request:
    """Asks for the METADATA beside a wheel (PEP 658): `.metadata` at the end of its path."""
    path, mark, query = file.url.partition("?")
    return Request(
        url=f"{path}.metadata{mark}{query}",
        authorization=location.authorization,
        source=location.url,
        verified=file.metadata_sha256 is not None,
    )


def file_request(location: IndexLocation, file: IndexFile, span: str | None) -> Request:
    """Asks for a file without compression; `span` is the value of a `Range` header."""
    headers = [("Accept-Encoding", "identity"), *([("Range", span)] if span else [])]
    return Request(
        url=file.url,
        headers=tuple(headers),
        authorization=location.authorization,
        source=location.url,
        verified=span is None and file.sha256 is not None,
    )
