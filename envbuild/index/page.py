"""A package's page on an index (PEP 503, 592, 658, 691, 700): parsed and rendered."""

from __future__ import annotations

import json
import re
import warnings
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urldefrag, urljoin

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.version import Version

JSON = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""The `Accept` header for a page: JSON first, because only JSON has sizes and upload times."""

_BASE = re.compile(r"""<base\s([^<>]*)>""", re.IGNORECASE)
_HREF = re.compile(r"""\bhref\s*=\s*["']?([^"'\s]+)""", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_URL = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9_+%~!,=@-][A-Za-z0-9_.+%~!,=@-]*)+"
)
"""An address that is absolute and needs no joining, which would be slow."""

_BARE_FRAGMENT = re.compile(r"""(\bhref\s*=\s*(["'])[^"'#]*)#[^"'=]*(?=\2)""", re.IGNORECASE)
"""A link's fragment that is a place in a page, not a digest."""

_MOST_LINKS = 50_000
"""Of a page; the longest in use have ten thousand."""

_MOST_PARTS = 500_000
"""Elements of a JSON page, at all its depths; the longest in use have a tenth of it."""

_HEX = re.compile(r"[0-9a-fA-F]{32,128}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.+~-]+")
"""A file name that needs no escaping in an address."""

_BEGIN = '{"filename":'
_NAME = re.compile(r'\{"filename":"((?:[^"\\]|\\.)*)"')
_YANKED = re.compile(r'"yanked":')
"""As the text of a page has them; within its values every quote has a backslash."""

_DECODER = json.JSONDecoder()
_BATCH = 500
"""Entries that are written at a time."""

_LONGEST_BASE = 4096
"""In a `<base>` only so many characters are read."""


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

    @property
    def version(self) -> Version | None:
        """The version in the file's name, or None for an invalid name."""
        from packaging.utils import parse_sdist_filename

        from envbuild.target.wheel_choice import parse_wheel_name

        try:
            if self.is_wheel:
                return parse_wheel_name(self.filename)[1]
            return parse_sdist_filename(self.filename)[1]
        except ValueError:  # no file name of that kind, or a number of thousands of digits
            return None


@value
class ProjectPage:
    """Every file of one package that an index lists, in the page's order.

    It is kept as the text in which the router serves it, a third of what values take, and read as far as it is asked.
    """

    name: str
    """Normalised (PEP 503)."""

    text: str
    """JSON (PEP 691), in ASCII; addresses are those of the router, relative to its page."""

    @property
    def files(self) -> tuple[IndexFile, ...]:
        """All of them."""
        return tuple(map(_file_of, json.loads(self.text)["files"]))

    @property
    def tells_times(self) -> bool:
        """Whether it says of any file when it was uploaded."""
        return '"upload-time":' in self.text  # within a text the quotes have backslashes

    def file(self, filename: str) -> IndexFile | None:
        """The file of that name, or None."""
        return next(self._named(filename), None)

    def digests(self, filename: str) -> tuple[str | None, ...]:
        """Every sha256 that the page has for a file name; None for an entry without one."""
        return tuple(dict.fromkeys(file.sha256 for file in self._named(filename)))

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

    def file_at(self, place: int) -> IndexFile:
        """The file at one of the places that `names` gives."""
        return _file_of(_DECODER.raw_decode(self.text, place)[0])

    def _named(self, filename: str) -> Iterator[IndexFile]:
        begin = f"{_BEGIN}{json.dumps(filename)},"
        at = self.text.find(begin)
        while at >= 0:
            yield self.file_at(at)
            at = self.text.find(begin, at + 1)


def page_of(name: str, files: Iterable[IndexFile]) -> ProjectPage:
    """The page of a package's files; `name` is normalised."""
    return _page(name, (_entry_of(name, file) for file in files))


def _page(name: str, entries: Iterable[dict[str, Any]]) -> ProjectPage:
    waiting, texts = iter(entries), []
    while batch := list(
        islice(waiting, _BATCH)
    ):  # all at once would take ten times the text's memory
        texts.append(json.dumps(batch, separators=(",", ":"))[1:-1])
    head = f'{{"meta":{{"api-version":"1.0"}},"name":{json.dumps(name)},"files":['
    return ProjectPage(name=name, text=f"{head}{','.join(texts)}]}}")


def parse_page(name: str, text: str, content_type: str, url: str) -> ProjectPage:
    """A page's text → its files; `url` is where the page was found, for relative links.

    ValueError says why it is invalid.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != JSON and "html" not in kind:
        raise ValueError(f"its type is {kind or 'not given'}")
    if kind == JSON:
        entries = _json_entries(text)
    else:
        entries = _html_entries(text, name)
        url = urljoin(url, _base_of(text))
    return _page(name, (_parse_entry(name, entry, url) for entry in entries))


def _base_of(html: str) -> str:
    """The base of an HTML page's relative links, empty if it has none; linear in its length."""
    base = _BASE.search(html)
    href = _HREF.search(base[1][:_LONGEST_BASE]) if base else None
    return href[1] if href else ""


def _json_entries(text: str) -> list[Mapping[str, Any]]:
    if sum(map(text.count, "[{,")) > _MOST_PARTS:
        raise ValueError(f"its JSON has more than {_MOST_PARTS} parts")
    try:
        table = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"its JSON breaks off or is wrong in line {error.lineno}") from None
    except RecursionError:
        raise ValueError("its JSON is nested too deep") from None
    except ValueError:
        raise ValueError("its JSON holds a number of thousands of digits") from None
    files = table.get("files") if isinstance(table, dict) else None
    if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
        raise ValueError("its JSON holds no list of files")
    return files


def _html_entries(text: str, name: str) -> list[Mapping[str, Any]]:
    from mousebender import simple

    if sum(map(text.count, ("<a", "<A"))) > _MOST_LINKS:
        raise ValueError(f"it has more than {_MOST_LINKS} links")
    # a newer minor version of the format is fine, and the parser's warning would reach the user
    warnings.simplefilter("ignore", simple.APIVersionWarning)
    try:
        details = simple.from_project_details_html(_BARE_FRAGMENT.sub(r"\1", text), name)
    except simple.UnsupportedAPIVersion as error:
        raise ValueError("it is of a newer format") from error
    except ValueError as error:
        raise ValueError("its HTML is malformed") from error
    entries: list[Mapping[str, Any]] = [*details["files"]]
    if not entries and not re.search(r"<(!doctype|html|head|body|h1|title)", text, re.IGNORECASE):
        raise ValueError("it is not HTML")
    return [entry for entry in entries if entry["filename"]]


def parse_file(entry: Mapping[str, Any], base: str) -> IndexFile:
    """An entry of a page's files in JSON (PEP 691); ValueError says why it is invalid."""
    return _file_of(_parse_entry("", entry, base))


def _parse_entry(package: str, entry: Mapping[str, Any], base: str) -> dict[str, Any]:
    """An entry as an index has it → as the router serves it, with what uv need not know under `_`."""
    filename, url = entry.get("filename"), entry.get("url")
    if not isinstance(filename, str) or not isinstance(url, str) or "/" in filename:
        raise ValueError("it lists a file without a name or an address")
    digest = _sha256(entry.get("hashes"))
    kept: dict[str, Any] = {
        "filename": filename,
        "url": "",
        "hashes": {"sha256": digest} if digest else _other_hashes(entry.get("hashes")),
        "_url": url if _PLAIN_URL.fullmatch(url) else urldefrag(urljoin(base, url)).url,
    }
    if type(size := entry.get("size")) is int and size >= 0:
        kept["size"] = size
    for key in ("requires-python", "upload-time"):
        if isinstance(text := entry.get(key), str) and text:
            kept[key] = text
    if (yanked := entry.get("yanked", False)) is True or isinstance(yanked, str):
        kept["yanked"] = yanked or True
    metadata = entry.get("core-metadata", entry.get("dist-info-metadata", False))
    if metadata:
        kept["_metadata"] = True
    known = _sha256(metadata)
    if metadata or filename.endswith(".whl"):
        kept["core-metadata"] = {"sha256": known} if known else True
    kept["url"] = _served_at(package, filename, known or digest)
    return kept


def _served_at(package: str, filename: str, digest: str | None) -> str:
    """Where the router has a file: another address for another content, as uv remembers METADATA by it."""
    name = filename if _PLAIN_NAME.fullmatch(filename) else quote(filename)
    return f"../../files/{package}/{name}{f'?{digest[:16]}' if digest else ''}"


def _file_of(entry: Mapping[str, Any]) -> IndexFile:
    yanked = entry.get("yanked")
    return IndexFile(
        filename=entry["filename"],
        url=entry["_url"],
        sha256=entry["hashes"].get("sha256"),
        size=entry.get("size"),
        requires_python=entry.get("requires-python"),
        upload_time=entry.get("upload-time"),
        yanked="" if yanked is True else yanked,
        has_metadata="_metadata" in entry,
        metadata_sha256=_sha256(entry.get("core-metadata")),
    )


def _entry_of(package: str, file: IndexFile) -> dict[str, Any]:
    entry = {
        "filename": file.filename,
        "url": file.url,
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "requires-python": file.requires_python,
        "upload-time": file.upload_time,
        "yanked": True if file.yanked == "" else file.yanked,
        "core-metadata": file.has_metadata and {"sha256": file.metadata_sha256},
    }
    return _parse_entry(package, entry, file.url)


def _other_hashes(hashes: object) -> dict[str, str]:
    """Digests of other kinds, by which a resolver knows the file."""
    found = hashes.items() if isinstance(hashes, dict) else ()
    return {
        kind: digest
        for kind, digest in found
        if kind != "sha256" and isinstance(digest, str) and _HEX.fullmatch(digest)
    }


def _sha256(hashes: object) -> str | None:
    value = hashes.get("sha256") if isinstance(hashes, dict) else None
    known = value.lower() if isinstance(value, str) else ""
    return known if _SHA256.fullmatch(known) else None
