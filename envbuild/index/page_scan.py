"""Find the wheels of one version in a page's text, without parsing all of the page.

Strict: a page of an unusual form gives None, and the caller parses it (`page`).
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from html import unescape
from typing import TYPE_CHECKING

from envbuild.index.page import JSON, parse_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.index.page import IndexFile

_JSON_NAME = re.compile(r'"filename":\s*"([^"\\]*)"')
_JSON_KEY = '"filename":'
_LINK = re.compile(r"<a\s([^<>]*)>([^<>]*)</a\s*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'))?""")
_ANCHOR = re.compile(r"<a[\s>]", re.IGNORECASE)
_SHA256 = re.compile(r"#sha256=([0-9a-fA-F]{64})$")
_DIGITS = re.compile(r"[0-9]+")
_DEEPEST = 8
"""The most opening braces before a file's name within its entry."""

_LONGEST_NUMBER = 18
"""The most digits of a number in a version; Python parses thousands of them slowly, or not at all."""


def wheels_of_version(text: str, content_type: str, version: str) -> tuple[IndexFile, ...] | None:
    """Every wheel of one version on a page, in any spelling of file names; addresses are left out."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        return _of_json(text, version)
    return _of_html(text, version) if "html" in kind else None


def _of_json(text: str, version: str) -> tuple[IndexFile, ...] | None:
    """A JSON page's files are the objects with a `filename`; each name must be plain text."""
    hits = list(_JSON_NAME.finditer(text))
    if len(hits) != text.count(_JSON_KEY):
        return None
    number = _number_in(version)
    found, behind = [], [hit.start() for hit in hits[1:]] + [len(text)]
    before = 0
    for hit, end in zip(hits, behind, strict=True):
        if number in hit[1] and _is_wheel_of(hit[1], version):
            entry = _object_around(text[before:end], hit.start() - before, hit[1])
            if entry is None:
                return None
            found.append(parse_file({**entry, "url": ""}, ""))
        before = hit.end()
    return tuple(found)


def _object_around(text: str, at: int, name: str) -> dict[str, object] | None:
    """The innermost object around a file's name, at that place of the text.

    The text goes from the file name before to the one behind, so that a page is read once and not for every name.
    """
    decoder, begin = json.JSONDecoder(), at
    for _ in range(_DEEPEST):
        begin = text.rfind("{", 0, begin)
        if begin < 0:
            return None
        try:
            value, end = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError):
            continue
        if end > at and isinstance(value, dict):
            return value if value.get("filename") == name else None
    return None


def _of_html(text: str, version: str) -> tuple[IndexFile, ...] | None:
    """An HTML page's files are its links (PEP 503); every link must have the usual form, outside comments."""
    if "<!--" in text:
        return None
    links = list(_LINK.finditer(text))
    if len(links) != len(_ANCHOR.findall(text)):
        return None
    wanted = (link for link in links if _is_wheel_of(_text_of(link), version))
    return tuple(parse_file(_entry_of(link), "") for link in wanted)


def _text_of(link: re.Match[str]) -> str:
    return unescape(link[2].strip())


def _entry_of(link: re.Match[str]) -> dict[str, object]:
    """A link as the entry of a JSON page."""
    pairs = _ATTRIBUTE.findall(link[1])
    attributes = {name.lower(): unescape(double or single) for name, double, single in pairs}
    digest = _SHA256.search(attributes.get("href", ""))
    return {
        "filename": _text_of(link),
        "url": "",
        "hashes": {"sha256": digest[1]} if digest else {},
        "requires-python": attributes.get("data-requires-python"),
        "yanked": attributes.get("data-yanked", False),
    }


def _number_in(version: str) -> str:
    """A number in every spelling of a version; most files can be skipped by searching for it."""
    return max(_DIGITS.findall(version), key=len, default="").lstrip("0")


def _is_wheel_of(filename: str, version: str) -> bool:
    parts = filename.split("-", 2)
    return len(parts) == 3 and filename.endswith(".whl") and _is_version(parts[1], version)


@lru_cache(maxsize=1 << 16)
def _is_version(name_part: str, version: str) -> bool:
    """Whether a part of a file name spells the version; comparing digits first is quicker."""
    if name_part == version:
        return True
    if tuple(_numbers(name_part)) != tuple(_numbers(version)):
        return False
    from packaging.version import InvalidVersion, Version

    try:
        return Version(name_part.replace("_", "-")) == Version(version)
    except (InvalidVersion, ValueError):  # also for a number of thousands of digits
        return False


def _numbers(text: str) -> Iterator[int]:
    """The numbers of a version without zeros, which may be missing at its end and in its epoch."""
    return (number for part in _DIGITS.findall(text) if (number := int(part[:_LONGEST_NUMBER])))
