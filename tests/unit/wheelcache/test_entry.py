"""The table of a cache's entry, written and read."""

from __future__ import annotations

from struct import pack

import pytest

from envbuild.wheelcache.entry import MAGIC, Entry, EntryFile, parse_entry, render_entry

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
    table = render_entry(entry)
    assert parse_entry(table) == entry
    assert render_entry(entry) == table


def test_what_was_cut_off_is_no_entry() -> None:
    """Wherever a table ends too early, it costs making the entry anew and nothing else."""
    table = render_entry(ENTRY)
    assert [cut for cut in range(len(table)) if parse_entry(table[:cut]) is not None] == []


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b'{"version": 1, "facts": {}, "files": []}',
        render_entry(ENTRY).replace(b"entry 3", b"entry 4"),
        render_entry(ENTRY).replace(b"entry 3", b"entry 2"),
        render_entry(ENTRY) + b"x",
        render_entry(ENTRY).replace(b"pkg/m.py\0", b"pkg/m.py/"),
        render_entry(ENTRY).replace(b"{", b"["),
        MAGIC + pack("<3q", 1 << 61, 0, 0),
        MAGIC + pack("<3q", -1, 2, 0) + b"{}",
        MAGIC + pack("<3q", 0, 1, 0) + b"1",
    ],
)
def test_what_is_no_table_is_no_entry(table: bytes) -> None:
    """Neither is one of another format, or with numbers that do not fit one another."""
    assert parse_entry(table) is None
