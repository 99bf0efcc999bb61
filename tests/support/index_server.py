"""A static package index on loopback: PEP 503 and 691 pages, PEP 658 metadata, ranges, passwords.

What it offers can be switched, and what it holds can be changed, while it runs.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import canonicalize_name

from tests.support.http import LIFETIME, Asked, Handler, LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.sources import MadeSource
    from tests.support.wheels import Sdist, Wheel

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
UPLOADED = "2026-01-01T00:00:00Z"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What the index does for its clients."""

    json: bool = True
    """PEP 691 for those who accept it; else HTML for all."""

    html: bool = True
    """PEP 503; without it and without JSON in `Accept` the answer is 406."""

    metadata: bool = True
    """PEP 658: METADATA beside each wheel."""

    metadata_hashes: bool = True
    """The sha256 of METADATA in pages."""

    ranges: bool = True
    compressed: bool = False
    """Files are sent whole and compressed, whatever was asked for."""

    sizes: bool = True
    """Sizes of files in JSON pages."""

    upload_times: bool = True
    """Upload times of files in JSON pages."""

    hashes: bool = True
    """Digests of files in pages."""

    digest: str = "sha256"
    """Which digest that is."""

    login: tuple[str, str] | None = None
    """User and password, asked for by basic authentication."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """One file of the index."""

    project: str
    """The normalised name."""

    version: str
    filename: str
    content: bytes
    sha256: str
    """What the pages say, which need not be true of the content."""

    metadata: bytes | None
    requires_python: str | None
    uploaded: str
    yanked: str | None = None
    """The reason, where the file is yanked."""


class IndexServer(LoopbackServer):
    """`with IndexServer(wheels) as index:` serves `index.url` until the block ends."""

    def __init__(
        self,
        wheels: Iterable[Wheel | Sdist | MadeSource] = (),
        offer: Offer | None = None,
        *,
        lifetime: float = LIFETIME,
    ) -> None:
        super().__init__(_IndexHandler, lifetime=lifetime)
        self.offer = offer or Offer()
        self.files: dict[str, Held] = {}
        """File name → file; a test may change it at any time."""

        self.twins: list[Held] = []
        """Files that pages list as well, under a name that is taken; they are not served."""

        self.statuses: dict[str, str] = {}
        """Project → its status (PEP 792)."""

        self.releases: dict[str, Any] = {}
        """`NAME/VERSION` → what the JSON API says of the release."""

        self.add(*wheels)

    @property
    def url(self) -> str:
        """The index's address, `http://127.0.0.1:PORT/simple`."""
        return f"{self.origin}/simple"

    @property
    def url_with_login(self) -> str:
        """The address with user and password in it."""
        user, password = self.offer.login or ("", "")
        return self.url.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@")

    def add(
        self,
        *wheels: Wheel | Sdist | MadeSource,
        uploaded: str = UPLOADED,
        yanked: str | None = None,
    ) -> None:
        """Hold these files too."""
        for wheel in wheels:
            self.files[wheel.filename] = Held(
                project=canonicalize_name(wheel.name),
                version=wheel.version,
                filename=wheel.filename,
                content=wheel.to_bytes(),
                sha256=wheel.sha256,
                metadata=wheel.metadata() if wheel.filename.endswith(".whl") else None,
                requires_python=wheel.requires_python,
                uploaded=uploaded,
                yanked=yanked,
            )

    def remove(self, *filenames: str) -> None:
        """Hold these files no longer; a name without a final `.whl` or `.gz` is a project."""
        for name in filenames:
            project = canonicalize_name(name)
            gone = [k for k, held in self.files.items() if name == k or held.project == project]
            if not gone:
                raise KeyError(name)
            for key in gone:
                del self.files[key]

    def replace(self, filename: str, content: bytes, *, tell: bool = False) -> None:
        """Serve other bytes under a known name; pages keep the old hash unless `tell`."""
        held = self.files[filename]
        digest = hashlib.sha256(content).hexdigest() if tell else held.sha256
        self.files[filename] = replace(held, content=content, sha256=digest)

    def asked(self, pattern: str = "") -> list[Asked]:
        """Return the requests whose path holds the regular expression, in order."""
        return [asked for asked in tuple(self.requests) if re.search(pattern, asked.path)]


class _IndexHandler(Handler):
    server: IndexServer

    def respond(self) -> None:
        """Serve a page, a file or a file's METADATA."""
        path = unquote(urlsplit(self.path).path)
        if not self._may_enter():
            self.answer(401, b"who are you?\n", WWW_Authenticate='Basic realm="index"')
        elif path.rstrip("/") == "/simple":
            self._page({"projects": [{"name": name} for name in self._projects()]})
        elif path.startswith("/simple/"):
            self._project(path.removeprefix("/simple/").strip("/"))
        elif (said := self.server.releases.get(path[len("/pypi/") : -len("/json")])) is not None:
            self.answer(200, json.dumps(said).encode(), Content_Type="application/json")
        elif path.startswith("/files/"):
            self._file(path.removeprefix("/files/"))
        elif path == "/wheels":
            self.answer(301, Location="/wheels/all/")
        elif path == "/wheels/all/":
            self._listing()
        else:
            self.answer(404, b"no such page\n")

    def _may_enter(self) -> bool:
        if self.server.offer.login is None:
            return True
        token = base64.b64encode(":".join(self.server.offer.login).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {token}"

    def _listing(self) -> None:
        """The files of all packages on one page, as web servers list a folder."""
        links = [link_of(held, "../../files/", self.server.offer) for held in self._held()]
        text = "\n".join((LISTING, *links, "</pre></html>"))
        self.answer(200, text.encode(), Content_Type="text/html; charset=utf-8")

    def _held(self) -> list[Held]:
        return sorted(self.server.files.values(), key=lambda held: held.filename)

    def _projects(self) -> list[str]:
        return sorted({held.project for held in tuple(self.server.files.values())})

    def _project(self, name: str) -> None:
        listed = (*self.server.files.values(), *self.server.twins)
        files = sorted(listed, key=lambda held: held.filename)
        held = [file for file in files if file.project == canonicalize_name(name)]
        if not held:
            self.answer(404, b"no such project\n")
        elif name != canonicalize_name(name):
            self.answer(301, Location=f"/simple/{canonicalize_name(name)}/")
        else:
            entries = [self._entry(file) for file in held]
            page: dict[str, Any] = {"name": held[0].project, "files": entries}
            page["versions"] = sorted({file.version for file in held})
            if status := self.server.statuses.get(name):
                page["project-status"] = {"status": status, "reason": "said by its owner"}
            self._page(page)

    def _entry(self, held: Held) -> dict[str, Any]:
        offer = self.server.offer
        entry: dict[str, Any] = {
            "filename": held.filename,
            "url": f"../../files/{quote(held.filename)}",
            "hashes": _digests(offer, held) if offer.hashes else {},
            "requires-python": held.requires_python,
            "yanked": held.yanked if held.yanked is not None else False,
        }
        if offer.metadata and held.metadata is not None:
            digest = hashlib.sha256(held.metadata).hexdigest()
            entry["core-metadata"] = {"sha256": digest} if offer.metadata_hashes else True
        if offer.sizes:
            entry["size"] = len(held.content)
        if offer.upload_times:
            entry["upload-time"] = held.uploaded
        return entry

    def _page(self, page: dict[str, Any]) -> None:
        offer, accept = self.server.offer, self.headers.get("Accept", "*/*")
        if offer.json and JSON in accept:
            version = "1.1" if offer.sizes else "1.0"  # PEP 700 makes sizes mandatory
            body = json.dumps({"meta": {"api-version": version}, **page}).encode()
            self.answer(200, body, Content_Type=JSON)
        elif offer.html:
            links = map(_link, page.get("files", ()))
            names = (f'<a href="{p["name"]}/">{p["name"]}</a>' for p in page.get("projects", ()))
            status = page.get("project-status", {}).get("status", "active")
            meta = f'<meta name="pypi:project-status" content="{status}">'
            text = "<br>\n".join((f"<!DOCTYPE html>{meta}<title>index</title>", *names, *links))
            wanted = HTML if HTML in accept else "text/html; charset=utf-8"
            self.answer(200, text.encode(), Content_Type=wanted)
        else:
            self.answer(406, b"JSON only\n")

    def _file(self, name: str) -> None:
        held = self.server.files.get(name.removesuffix(".metadata"))
        if held is None:
            self.answer(404, b"no such file\n")
        elif not name.endswith(".metadata"):
            self._content(held.content)
        elif self.server.offer.metadata and held.metadata is not None:
            self._content(held.metadata)
        else:
            self.answer(404, b"no metadata here\n")

    def _content(self, content: bytes) -> None:
        kind = {"Content_Type": "application/octet-stream"}
        if self.server.offer.compressed:
            self.answer(200, gzip.compress(content), Content_Encoding="gzip", **kind)
            return
        match = _RANGE.fullmatch(self.headers.get("Range", ""))
        if not self.server.offer.ranges or match is None:
            accepts = {"Accept_Ranges": "bytes"} if self.server.offer.ranges else {}
            self.answer(200, content, **kind, **accepts)
            return
        first, last = _bounds(match[1], match[2], len(content))
        if first > last:
            self.answer(416, Content_Range=f"bytes */{len(content)}")
            return
        span = f"bytes {first}-{last}/{len(content)}"
        self.answer(206, content[first : last + 1], Content_Range=span, **kind)


def _digests(offer: Offer, held: Held) -> dict[str, str]:
    """What a page says of a file's content."""
    if offer.digest == "sha256":
        return {"sha256": held.sha256}
    return {offer.digest: hashlib.new(offer.digest, held.content).hexdigest()}


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """First and last byte of a range; `-n` are the last n bytes."""
    if not first:
        return max(size - int(last or 0), 0), size - 1
    return int(first), min(int(last) if last else size - 1, size - 1)


LISTING = """<html><head><title>Index of /wheels/</title></head><body id="top"><pre>
<a href="?C=N;O=D">Name</a> <a href='#top'>top</a> <a href="../">Parent</a> <a href="mailto:kim@x">kim</a>
<a href="notes.txt">notes</a> <a href="old/">old</a> <a href="nothing-1.0-py3-none-any.whl.metadata">x</a>"""
"""How a page of links begins, with links that are to no package's file."""


def link_of(held: Held, folder: str, offer: Offer) -> str:
    """A file as a link of a flat page: nothing but its place and its digest, percent-encoded."""
    digests = _digests(offer, held) if offer.hashes else {}
    fragment = "".join(f"#{kind}={digest}" for kind, digest in digests.items())
    name = quote(held.filename).replace("-", "%2D")
    return f'<a href="{folder}{name}{fragment}">{held.filename}</a>  2026-01-01 00:00  12K'


def _link(entry: dict[str, Any]) -> str:
    """One file as an HTML link, with what PEP 503, 592 and 658 say beside it."""
    fragment = "".join(f"#{kind}={digest}" for kind, digest in entry["hashes"].items())
    attributes = {"href": entry["url"] + fragment}
    if entry["requires-python"]:
        attributes["data-requires-python"] = entry["requires-python"]
    if "core-metadata" in entry:
        known = "true"
        if entry["core-metadata"] is not True:
            known = f"sha256={entry['core-metadata']['sha256']}"
        attributes |= {"data-core-metadata": known, "data-dist-info-metadata": known}
    if entry["yanked"] is not False:
        attributes["data-yanked"] = entry["yanked"]
    text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{entry['filename']}</a>"
