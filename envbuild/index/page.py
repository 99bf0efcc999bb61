"""A package's page on an index, as far as envbuild and its router need it (PEP 503, 592, 658, 691, 700)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from envbuild.digest import sha256_hex
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

JSON = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""The `Accept` header for a page: JSON first, because only JSON has sizes and upload times."""

_BEGIN = '{"filename":'
_NAME = re.compile(r'\{"filename":"((?:[^"\\]|\\.)*)"')
_YANKED = re.compile(r'"yanked":')
"""As the text of a page has them; within its values every quote has a backslash."""

_STATUS = re.compile(r'\{"meta":\{[^{}]*\},"name":"[^"]*","_status":"([a-z]+)"')
_DECODER = json.JSONDecoder()


@value
class IndexFile:
    """A file that a page lists."""

    filename: str
    url: str
    """Absolute; for a folder of wheels a `file:` URL."""

    sha256: str | None = None
    """64 hex digits."""

    size: int | None = None
    """In bytes."""

    requires_python: str | None = None
    upload_time: str | None = None
    """As the page has it (RFC 3339)."""

    yanked: str | None = None
    """The reason, empty where none is given; None for a file that is not yanked."""

    has_metadata: bool = False
    """Whether the METADATA lies beside the file (PEP 658)."""

    metadata_sha256: str | None = None

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel; else it is a source distribution, or an old format."""
        return self.filename.endswith(".whl")


@value
class ProjectPage:
    """Every file of one package that an index lists, in the page's order.

    It is kept as the text that the router serves, a third of the memory of values, and parsed only as far as needed.
    """

    name: str
    """Normalised (PEP 503)."""

    text: str
    """JSON (PEP 691), in ASCII; addresses are those of the router, relative to its page."""

    digest: str
    """The text's sha256, 64 hex digits."""

    @property
    def files(self) -> tuple[IndexFile, ...]:
        """All of them."""
        return tuple(map(_file_of, json.loads(self.text)["files"]))

    @property
    def status(self) -> str | None:
        """The project's status (PEP 792) if it is not active."""
        found = _STATUS.match(self.text)
        return found[1] if found else None

    @property
    def tells_times(self) -> bool:
        """Whether it says of any file when it was uploaded."""
        return '"upload-time":' in self.text  # within a text the quotes have backslashes

    def file(self, filename: str) -> IndexFile | None:
        """The file of that name, or None."""
        return next(self.named(filename), None)

    def digests(self, filename: str) -> tuple[str | None, ...]:
        """Every sha256 that the page has for a file name; None for an entry without one."""
        return tuple(dict.fromkeys(file.sha256 for file in self.named(filename)))

    def names(self, *, withdrawn: bool = False) -> Iterator[tuple[str, int]]:
        """The names of the files, each with its place for `file_at`; nothing else is read.

        Files that are withdrawn are only among them if they are asked for.
        """
        without = {
            self.text.rfind(_BEGIN, 0, found.start())
            for found in (() if withdrawn else _YANKED.finditer(self.text))
        }
        for found in _NAME.finditer(self.text):
            if found.start() not in without:
                name = found[1]
                yield json.loads(f'"{name}"') if "\\" in name else name, found.start()

    def wheels_of(self, releases: Iterable[tuple[int, ...]]) -> Iterator[tuple[str, int]]:
        """The names of wheels whose version has one of these numbers, as `names` gives them; withdrawn ones too.

        `(1, 12)` finds 1.12, 1.12.3 and v01.12rc1, and 21.12 as well. A page has thousands of names;
        the others are passed over by the pattern alone.
        A name with characters that JSON escapes is not decoded, and may be cut: it is no wheel's.
        """
        wanted = "|".join(r"\.0*".join(map(str, release)) for release in releases)
        pattern = rf'\{{"filename":"([^"-]*-[^"-]*(?:{wanted})[^"]*\.whl)"'
        for found in re.finditer(pattern, self.text):
            yield found[1], found.start()

    def file_at(self, place: int) -> IndexFile:
        """The file at one of the places that `names` gives."""
        return _file_of(_DECODER.raw_decode(self.text, place)[0])

    def named(self, filename: str) -> Iterator[IndexFile]:
        """Every entry with that name; an index can list one twice."""
        begin = f"{_BEGIN}{json.dumps(filename)},"
        at = self.text.find(begin)
        while at >= 0:
            yield self.file_at(at)
            at = self.text.find(begin, at + 1)


def page_with(name: str, text: str) -> ProjectPage:
    """The page of a package with that text."""
    return ProjectPage(name=name, text=text, digest=sha256_hex(text.encode()))


def stored_page(name: str, content: bytes) -> ProjectPage:
    """The page of a stored text; ValueError if its bytes are not ASCII."""
    return ProjectPage(name=name, text=content.decode("ascii"), digest=sha256_hex(content))


def _file_of(entry: Mapping[str, Any]) -> IndexFile:
    yanked, metadata = entry.get("yanked"), entry.get("core-metadata")
    return IndexFile(
        filename=entry["filename"],
        url=entry["_url"],
        sha256=entry["hashes"].get("sha256"),
        size=entry.get("size"),
        requires_python=entry.get("requires-python"),
        upload_time=entry.get("upload-time"),
        yanked="" if yanked is True else yanked,
        has_metadata="_metadata" in entry,
        metadata_sha256=metadata["sha256"] if isinstance(metadata, dict) else None,
    )
