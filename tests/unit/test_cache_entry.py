"""The table of a cache's entry, as text and back."""

from __future__ import annotations

import pytest

from envbuild.cache_entry import Entry, EntryFile, parse_entry, render_entry

ENTRY = Entry(
    files=(
        EntryFile("pkg/m.py", 0o444, 5, "a" * 64, 1_700_000_000_123_456_789, 42),
        EntryFile('../../../bin/näme \udcff,\n"', 0o555, 0, "b" * 64, 0, 1 << 62),
    ),
    facts={"minor": "3.12", "failed": [["x.py", "no module"]]},
)


@pytest.mark.parametrize("entry", [ENTRY, Entry(files=(), facts={})])
def test_what_was_written_is_read(entry: Entry) -> None:
    """Names that are no UTF-8, times in nanoseconds, and no files at all come back as they were."""
    text = render_entry(entry)
    assert text.isascii()
    assert parse_entry(text) == entry
    assert render_entry(entry) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"version": 0, "facts": {}, "files": []}',
        '{"version": 1, "facts": {}}',
        '{"version": 1, "facts": 1, "files": []}',
        '{"version": 1, "facts": {}, "files": 1}',
        '{"version": 1, "facts": {}, "files": [["a", 1]]}',
        render_entry(ENTRY)[:-20],
    ],
)
def test_what_is_no_table_is_no_entry(text: str) -> None:
    """A table that was cut off, or is of another format, costs making the entry anew and nothing else."""
    assert parse_entry(text) is None
