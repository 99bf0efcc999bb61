"""A package's page on an index (PEP 503, 592, 658, 691, 700): parsed and rendered."""

from __future__ import annotations

import json
import re
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.version import Version

JSON = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""The `Accept` header for a page: JSON first, because only JSON has sizes and upload times."""

_BASE = re.compile(r"""<base\s([^<>]*)>""", re.IGNORECASE)
_HREF = re.compile(r"""\bhref\s*=\s*["']?([^"'\s]+)""", re.IGNORECASE)
_HASH = re.compile(r"#sha256=([0-9a-f]{64})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_URL = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9_+%~!,=@-][A-Za-z0-9_.+%~!,=@-]*)+"
)
"""An address that is absolute and needs no joining, which would be slow."""

_BARE_FRAGMENT = re.compile(r"""(\bhref\s*=\s*(["'])[^"'#]*)#[^"'=]*(?=\2)""", re.IGNORECASE)
"""The part of a link that leads to a place within a page, and is no digest."""

_MOST_LINKS = 100_000
"""Of a page; the longest in use have ten thousand."""

_MOST_PARTS = 1_000_000
"""Elements of a JSON page, at all its depths; the longest in use have a tenth of it."""

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
    """Every file of one package that an index lists."""

    name: str
    """Normalised (PEP 503)."""

    files: tuple[IndexFile, ...]
    """In the page's order."""

    def file(self, filename: str) -> IndexFile | None:
        """The file of that name, or None."""
        return next((file for file in self.files if file.filename == filename), None)

    def digests(self, filename: str) -> tuple[str | None, ...]:
        """Every sha256 that the page has for a file name; None for an entry without one."""
        listed = (file.sha256 for file in self.files if file.filename == filename)
        return tuple(dict.fromkeys(listed))


def parse_page(name: str, text: str, content_type: str, url: str) -> ProjectPage:
    """A page's text → its files; `url` is where the page was found, for relative links.

    ValueError says why this is no page.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != JSON and "html" not in kind:
        raise ValueError(f"its type is {kind or 'not given'}")
    if kind == JSON:
        entries = _json_entries(text)
    else:
        entries = _html_entries(text, name)
        url = urljoin(url, _base_of(text))
    return ProjectPage(name=name, files=tuple(parse_file(entry, url) for entry in entries))


def _base_of(html: str) -> str:
    """The base of an HTML page's relative links, empty if it has none; linear in its length."""
    base = _BASE.search(html)
    href = _HREF.search(base[1][:_LONGEST_BASE]) if base else None
    return href[1] if href else ""


def listed_hashes(text: str, content_type: str) -> frozenset[tuple[str, str]]:
    """File name and sha256 of the files on a page, without parsing all of it.

    Escaped entries of an HTML page, and those without sha256, are left out.
    """
    if content_type.partition(";")[0].strip().lower() != JSON:
        found = (
            (text[text.rfind("/", 0, hit.start()) + 1 : hit.start()], hit[1])
            for hit in _HASH.finditer(text)
        )
        return frozenset(found)
    try:
        entries = _json_entries(text)
    except ValueError:
        return frozenset()
    return frozenset(
        (str(entry.get("filename")), _sha256(entry.get("hashes")) or "") for entry in entries
    )


def render_page(page: ProjectPage) -> bytes:
    """The page as JSON (PEP 691), in UTF-8."""
    files = [_render_file(file) for file in page.files]
    table = {"meta": {"api-version": "1.0"}, "name": page.name, "files": files}
    return json.dumps(table).encode()


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
    # a newer minor version of the page is no fault, and the parser's warning would reach the user
    warnings.simplefilter("ignore", simple.APIVersionWarning)
    try:
        details = simple.from_project_details_html(_BARE_FRAGMENT.sub(r"\1", text), name)
    except simple.UnsupportedAPIVersion as error:
        raise ValueError("it is of a newer format") from error
    except ValueError as error:
        raise ValueError("its HTML is malformed") from error
    entries: list[Mapping[str, Any]] = [*details["files"]]
    if not entries and not re.search(r"<(!doctype|html|head|body|h1|title)", text, re.IGNORECASE):
        raise ValueError("it is no HTML")
    return [entry for entry in entries if entry["filename"]]


def parse_file(entry: Mapping[str, Any], base: str) -> IndexFile:
    """One entry of a page's files, as JSON has it (PEP 691); ValueError says why it is none."""
    filename, url = entry.get("filename"), entry.get("url")
    if not isinstance(filename, str) or not isinstance(url, str) or "/" in filename:
        raise ValueError("it lists a file without a name or an address")
    metadata = entry.get("core-metadata", entry.get("dist-info-metadata", False))
    return IndexFile(
        filename=filename,
        url=url if _PLAIN_URL.fullmatch(url) else urldefrag(urljoin(base, url)).url,
        sha256=_sha256(entry.get("hashes")),
        size=_positive(entry.get("size")),
        requires_python=_text(entry.get("requires-python")),
        upload_time=_text(entry.get("upload-time")),
        yanked=_yanked(entry.get("yanked", False)),
        has_metadata=bool(metadata),
        metadata_sha256=_sha256(metadata),
    )


def _sha256(hashes: object) -> str | None:
    value = hashes.get("sha256") if isinstance(hashes, dict) else None
    known = value.lower() if isinstance(value, str) else ""
    return known if _SHA256.fullmatch(known) else None


def _positive(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _yanked(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return "" if value is True else None


def _render_file(file: IndexFile) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": file.url,
        "hashes": {"sha256": file.sha256} if file.sha256 else {},
    }
    known = {
        "size": file.size,
        "requires-python": file.requires_python,
        "upload-time": file.upload_time,
        "yanked": file.yanked or (True if file.yanked == "" else None),
        "core-metadata": _render_metadata(file),
    }
    return entry | {key: value for key, value in known.items() if value is not None}


def _render_metadata(file: IndexFile) -> dict[str, str] | bool | None:
    if not file.has_metadata:
        return None
    return {"sha256": file.metadata_sha256} if file.metadata_sha256 else True
