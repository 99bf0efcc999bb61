"""The contents of an environment, every file, link and folder without their times, and their digest.

The digest is the sha256 of the last part of a receipt's text, from the line `"files": [` to its end,
so that any tool can compute it: `sed -n '/^"files": \\[$/,$p' RECEIPT | sha256sum`.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable

_START = b'\n"files": [\n'
"""Where the contents begin; no text in the lines before can have a line feed."""


class FileEntry(NamedTuple):
    """A regular file."""

    path: str
    """Relative to the environment, with `/`; invalid UTF-8 as surrogate escapes."""

    mode: int
    """Permission bits."""

    size: int
    """In bytes."""

    sha256: str
    """64 hex digits of the content."""


class LinkEntry(NamedTuple):
    """A symbolic link."""

    path: str
    target: str


class FolderEntry(NamedTuple):
    """A folder; the environment itself is `.`."""

    path: str
    mode: int


@value
class Contents:
    """Everything below an environment; each kind in path order."""

    files: tuple[FileEntry, ...]
    links: tuple[LinkEntry, ...]
    folders: tuple[FolderEntry, ...]

    @property
    def size(self) -> int:
        """The bytes of all files; files with a shared inode count too."""
        return sum(file.size for file in self.files)


def content_digest(contents: Contents) -> str:
    """`sha256:` and 64 hex digits: the same wherever the same derivation was built at the same path."""
    return digest_of(render_contents(contents))


def read_content_digest(receipt: bytes) -> str:
    """The content digest in a receipt's bytes, without parsing them; ValueError if it has no contents."""
    start = receipt.find(_START)
    if start < 0:
        raise ValueError("it is not a receipt: it has no list of files")
    return f"sha256:{sha256(receipt[start + 1 :]).hexdigest()}"


def digest_of(text: str) -> str:
    """The digest of rendered contents."""
    return f"sha256:{sha256(text.encode('ascii')).hexdigest()}"


def render_contents(contents: Contents) -> str:
    """The last part of a receipt, with one entry a line."""
    files = zip(_json_texts(contents.files), contents.files, strict=True)
    links = zip(_json_texts(contents.links), contents.links, strict=True)
    folders = zip(_json_texts(contents.folders), contents.folders, strict=True)
    lists = (
        ("files", [f'[{p}, {mode}, {size}, "{digest}"]' for p, (_, mode, size, digest) in files]),
        ("links", [f"[{path}, {_json_text(entry.target)}]" for path, entry in links]),
        ("folders", [f"[{path}, {entry.mode}]" for path, entry in folders]),
    )
    return ",\n".join([f'"{key}": {render_rows(rows)}' for key, rows in lists]) + "}\n"


def render_rows(rows: Iterable[str]) -> str:
    """A list with one entry a line."""
    return "[\n" + ",\n".join(rows) + "\n]"


_json_text = json.encoder.encode_basestring_ascii
"""As `json.dumps` writes a string, without its checks."""

_NUL = _json_text("\0").strip('"')


def _json_texts(entries: Iterable[FileEntry | LinkEntry | FolderEntry]) -> list[str]:
    """Every path as JSON; one call for all if none needs escaping, because there are 50,000."""
    paths = [entry.path for entry in entries]
    together = "\0".join(paths)
    if "\\" in together or together.count("\0") != len(paths) - 1:
        return list(map(_json_text, paths))
    return [f'"{path}"' for path in _json_text(together)[1:-1].split(_NUL)]
