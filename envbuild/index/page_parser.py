"""Pages of indexes, in JSON or HTML, turned into the text that the router serves.

A page of ten thousand files is parsed in a tenth of a second, so every entry is written directly, without a value.
"""

from __future__ import annotations

import gc
import json
import re
import string
import warnings
from contextlib import contextmanager
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urldefrag, urljoin

from envbuild.index.page import JSON, page_with

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from envbuild.index.page import IndexFile, ProjectPage

_BASE = re.compile(r"""<base\s([^<>]*)>""", re.IGNORECASE)
_HREF = re.compile(r"""\bhref\s*=\s*["']?([^"'\s]+)""", re.IGNORECASE)
_STATUS = re.compile(r"[a-z]{1,20}")
_META_STATUS = re.compile(
    r"""<meta\s+name=["']?pypi:project-status["']?\s+content=["']?([a-z]{1,20})""", re.IGNORECASE
)
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
_DIGITS = 64
_PLAIN = (string.ascii_letters + string.digits + "_.+~-").encode()
"""The bytes of a file name that need no escaping in an address."""

_LONGEST_BASE = 4096
"""In a `<base>` only so many characters are read."""


def page_of(name: str, files: Iterable[IndexFile], *, status: str | None = None) -> ProjectPage:
    """The page of a package's files; `name` is normalised."""
    return _page(name, (_entry(name, _table_of(file), file.url) for file in files), status)


def parse_page(name: str, text: str, content_type: str, url: str) -> ProjectPage:
    """A page's text → its files; `url` is where the page was found, for relative links.

    ValueError says why it is invalid.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != JSON and "html" not in kind:
        raise ValueError(f"its type is {kind or 'not given'}")
    with _without_collections():
        if kind == JSON:
            entries, status = _json_entries(text)
        else:
            entries, status = _html_entries(text, name), _html_status(text)
            url = urljoin(url, _base_of(text))
        return _page(name, (_entry(name, entry, url) for entry in entries), _status(status))


@contextmanager
def _without_collections() -> Generator[None]:
    """A page has a hundred thousand objects and no cycles, and the collector would look at all of them often."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _page(name: str, entries: Iterable[str], status: str | None) -> ProjectPage:
    said = f'"_status":"{status}",' if status else ""
    head = f'{{"meta":{{"api-version":"1.0"}},"name":{quoted(name)},{said}"files":['
    return page_with(name, f"{head}{','.join(entries)}]}}")


def _base_of(html: str) -> str:
    """The base of an HTML page's relative links, empty if it has none; linear in its length."""
    base = _BASE.search(html)
    href = _HREF.search(base[1][:_LONGEST_BASE]) if base else None
    return href[1] if href else ""


def _json_entries(text: str) -> tuple[list[Mapping[str, Any]], object]:
    """The files, and the project's status as the page has it."""
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
    status = table.get("project-status")
    return files, status.get("status") if isinstance(status, dict) else None


def _html_status(html: str) -> str | None:
    found = _META_STATUS.search(html)
    return found[1] if found else None


def _status(found: object) -> str | None:
    """A project's status (PEP 792); None if it is active, or no status."""
    known = isinstance(found, str) and _STATUS.fullmatch(found) and found != "active"
    return str(found) if known else None


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


def _entry(package: str, entry: Mapping[str, Any], base: str) -> str:
    """An entry as an index has it → as the router serves it, with what uv need not know under `_`."""
    filename, url, hashes = entry.get("filename"), entry.get("url"), entry.get("hashes")
    if not isinstance(filename, str) or not isinstance(url, str) or "/" in filename:
        raise ValueError("it lists a file without a name or an address")
    metadata = entry.get("core-metadata", entry.get("dist-info-metadata", False))
    digest, known = _sha256(hashes), _sha256(metadata)
    if not _PLAIN_URL.fullmatch(url):
        url = urldefrag(urljoin(base, url)).url
    served = quoted(_served_at(package, filename, known or digest))
    listed = f'{{"sha256":"{digest}"}}' if digest else _other_hashes(hashes)
    kept = f'{{"filename":{quoted(filename)},"url":{served},"hashes":{listed},"_url":{quoted(url)}'
    if type(size := entry.get("size")) is int and size >= 0:
        kept += f',"size":{size}'
    for key in ("requires-python", "upload-time"):
        if isinstance(text := entry.get(key), str) and text:
            kept += f',"{key}":{quoted(text)}'
    if (yanked := entry.get("yanked", False)) is True or isinstance(yanked, str):
        kept += f',"yanked":{quoted(yanked) if yanked and yanked is not True else "true"}'
    if metadata:
        kept += ',"_metadata":true'
    if metadata or filename.endswith(".whl"):
        kept += f',"core-metadata":{{"sha256":"{known}"}}' if known else ',"core-metadata":true'
    return kept + "}"


def _served_at(package: str, filename: str, digest: str | None) -> str:
    """Where the router has a file: another address for another content, as uv remembers METADATA by it."""
    name = quote(filename) if filename.encode().translate(None, _PLAIN) else filename
    return f"../../files/{package}/{name}{f'?{digest[:16]}' if digest else ''}"


def _table_of(file: IndexFile) -> dict[str, Any]:
    return {
        "filename": file.filename,
        "url": file.url,
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "requires-python": file.requires_python,
        "upload-time": file.upload_time,
        "yanked": True if file.yanked == "" else file.yanked,
        "core-metadata": file.has_metadata and {"sha256": file.metadata_sha256},
    }


def _other_hashes(hashes: object) -> str:
    """Digests of other kinds, by which a resolver knows the file."""
    found = hashes.items() if isinstance(hashes, dict) else ()
    known = {
        kind: digest
        for kind, digest in found
        if kind != "sha256" and isinstance(digest, str) and _HEX.fullmatch(digest)
    }
    return json.dumps(known, separators=(",", ":"))


def _sha256(hashes: object) -> str | None:
    found = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not isinstance(found, str) or len(found) != _DIGITS:
        return None
    try:
        return found.lower() if len(bytes.fromhex(found)) == _DIGITS // 2 else None
    except ValueError:
        return None
