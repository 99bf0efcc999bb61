"""RECORD files, as wheels and installers write them."""

from __future__ import annotations

import base64
import csv
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.wheelcache.record import parse_record

PATHS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r") | st.just("\udcff"), min_size=1
)


@given(st.lists(st.tuples(PATHS, st.binary(), st.integers(min_value=0, max_value=10**12))))
def test_every_row_comes_back(rows: list[tuple[str, bytes, int]]) -> None:
    """Whatever a path holds (commas, quotes, line ends, bytes that are no text), it is read as written."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    expected = []
    for path, content, size in rows:
        digest = hashlib.sha256(content)
        encoded = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        writer.writerow((path, f"sha256={encoded}", size))
        expected.append((path, digest.hexdigest(), size))
    assert parse_record(stream.getvalue()) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_line_ends_do_not_matter(end: str) -> None:
    """Windows builds wheels too."""
    assert parse_record(f"a.py,,{end}") == [("a.py", "", 0)]


@pytest.mark.parametrize("row", ["a.py", "a.py,", "a.py,md5=x,", "a.py,sha256=x,many", "a.py,,²"])
def test_what_a_row_does_not_tell_is_empty(row: str) -> None:
    """Digest and size may be missing, or be of a kind that nobody compares."""
    assert parse_record(f"{row}\nb.py,,7\n") == [("a.py", "", 0), ("b.py", "", 7)]


def test_a_padded_digest_is_the_same_digest() -> None:
    """Some builders leave the `=` of base64 at the end."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"").digest()).decode()
    assert digest.endswith("=")
    assert parse_record(f"a.py,sha256={digest},0") == [("a.py", hashlib.sha256().hexdigest(), 0)]


@pytest.mark.parametrize("text", ["", "\n\n", '"', '"' + "x" * 140_000, ",,\n"])
def test_what_is_no_record_has_no_rows(text: str) -> None:
    """An emptied or cut off RECORD names nothing."""
    assert [row for row in parse_record(text) if row[0].strip()] == []
