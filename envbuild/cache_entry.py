"""An entry of a cache: files under numbers, and what each of them is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


class EntryFile(NamedTuple):
    """A file that environments link."""

    path: str
    """Where it goes, relative to site-packages as in a RECORD; bytes that are no UTF-8 as surrogate escapes."""

    mode: int
    """Permission bits."""

    size: int
    """In bytes."""

    sha256: str
    """64 hex digits of the content."""

    mtime_ns: int
    inode: int


class Entry(NamedTuple):
    """What stands in an entry's table."""

    files: tuple[EntryFile, ...]
    """The file at position N is called N."""

    facts: Mapping[str, object]
    """What else there is to know, as JSON; its meaning is that of the cache."""


def render_entry(entry: Entry) -> str:
    """The table as JSON, one file a line, ASCII alone."""
    rows = ",\n".join(map(json.dumps, entry.files))
    facts = json.dumps(dict(entry.facts))
    return f'{{"version": {FORMAT},\n"facts": {facts},\n"files": [\n{rows}]}}\n'


def parse_entry(text: str) -> Entry | None:
    """The value of a table's text; None where it is none, so that the entry is made anew."""
    try:
        table = json.loads(text)
        if table["version"] != FORMAT:
            return None
        return Entry(
            files=tuple([EntryFile(*row) for row in table["files"]]), facts=dict(table["facts"])
        )
    except (ValueError, KeyError, TypeError):
        return None
