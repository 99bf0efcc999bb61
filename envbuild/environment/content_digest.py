"""The contents of an environment, every file, link and folder without their times, and their digest.

The digest is the sha256 of the last part of a receipt's text, from the line `"files": [` to its end,
so that any tool can compute it: `sed -n '/^"files": \\[$/,$p' RECEIPT | sha256sum`.
"""

from __future__ import annotations

from hashlib import sha256
from json.encoder import encode_basestring_ascii as _quoted  # without the checks of `json.dumps`
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
    files = [
        f'[{_quoted(path)}, {mode}, {size}, "{digest}"]'
        for path, mode, size, digest in contents.files
    ]
    lists = (
        ("files", files),
        ("links", [f"[{_quoted(path)}, {_quoted(target)}]" for path, target in contents.links]),
        ("folders", [f"[{_quoted(path)}, {mode}]" for path, mode in contents.folders]),
    )
    return ",\n".join([f'"{key}": {render_rows(rows)}' for key, rows in lists]) + "}\n"


def render_rows(rows: Iterable[str]) -> str:
    """A list with one entry a line."""
    return "[\n" + ",\n".join(rows) + "\n]"
