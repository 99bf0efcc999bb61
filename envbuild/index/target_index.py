"""An index on loopback that lists only what one request's target can take.

pip decides by the host that it runs on, which may have a newer system library than the target,
and it has no limit on the age of one package. So it sees no file that it must not take.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from envbuild.index.page import page_with
from envbuild.index.page_versions import moment_of, uploaded, version_of
from envbuild.index.router_server import Served, listen
from envbuild.requirement.parse import parse_version, settled_requirements
from envbuild.resolution.resolution import listed_files
from envbuild.target.wheel_choice import best_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from envbuild.index.page import IndexFile
    from envbuild.index.router import IndexRouter
    from envbuild.resolution.resolution import KnownPackage, ListedFile, ResolveRequest

_EXTRA = re.compile(r"""\bextra\s*==\s*['"]([A-Za-z0-9._-]+)['"]""")


class TargetIndex:
    """Serves a router's pages for one request while its `with` block runs."""

    def __init__(self, router: IndexRouter, request: ResolveRequest) -> None:
        self._router = router
        self._request = request
        self._told = {(package.name, package.file): package for package in request.told}
        self.admits, self.content = router.admits, router.content
        self.passed, self.note = router.passed, router.note
        """As in `Routes`: the router has them."""

        self._server = listen(self, 0)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def url(self) -> str:
        """Its address, without a final slash; other users of the host cannot guess it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{self._router.secret}/simple"

    def files(self, package: str, version: str) -> tuple[ListedFile, ...]:
        """The files of a version that are served, each name once; IndexAnswerError as its index gave it."""
        wanted = parse_version(version)
        entries = (
            (file.filename, "", entry["hashes"])
            for entry, file in self._admitted(package)
            if version_of(package, file.filename) == wanted
        )
        return listed_files(package, entries)

    def page(self, package: str) -> Served:
        """As in `Routes`: the page without the files that the target cannot take."""
        files = [_served_entry(package, entry) for entry, _ in self._admitted(package)]
        page = {"meta": {"api-version": "1.0"}, "name": package, "files": files}
        return _served(json.dumps(page))

    def metadata(self, package: str, filename: str, known: str | None) -> Served:
        """As in `Routes`; what the request tells of a file goes before what its index says."""
        told = self._told.get((package, filename))
        if told is None:
            return self._router.metadata(package, filename, known)
        return _served(_render_metadata(told, self._request))

    def _admitted(self, package: str) -> Iterator[tuple[dict[str, Any], IndexFile]]:
        """The files that the target can take, each as its page has it and as a value."""
        body = self._router.page(package).body
        assert isinstance(body, str)
        limit = self._request.limit_of(package)
        until = None if limit is None else moment_of(limit)
        entries = json.loads(body)["files"]
        for entry, file in zip(entries, page_with(package, body).files, strict=True):
            if self._fits(file) and _is_in_time(file, until):
                yield entry, file

    def _fits(self, file: IndexFile) -> bool:
        """Whether it is a wheel for the target."""
        return file.is_wheel and best_wheel((file.filename,), self._request.target) is not None


def _is_in_time(file: IndexFile, until: datetime | None) -> bool:
    return until is None or uploaded(file) < until


def _served_entry(package: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A file as pip reads it.

    pip appends `.metadata` to the whole address, so there is no query in it;
    METADATA has no digest, because what the file says inside counts and not what lies beside it.
    """
    names = ("filename", "requires-python", "yanked")
    kept: dict[str, Any] = {name: entry[name] for name in names if name in entry}
    kept["url"] = f"../../files/{package}/{quote(entry['filename'])}"
    kept["hashes"] = entry["hashes"]
    kept["core-metadata"] = entry["filename"].endswith(".whl")
    return kept


def _served(body: str) -> Served:
    return Served(etag=f'"{sha256(body.encode()).hexdigest()}"', body=body)


def _render_metadata(told: KnownPackage, request: ResolveRequest) -> str:
    """METADATA with what the request tells of a file; open markers are settled as for uv."""
    extras = sorted({extra for text in told.requires for extra in _EXTRA.findall(text)})
    lines = ["Metadata-Version: 2.1", f"Name: {told.name}", f"Version: {told.version}"]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    requires = settled_requirements(told.requires, request.target)
    lines += [f"Requires-Dist: {text}" for text in requires]
    return "".join(f"{line}\n" for line in lines)
