"""Numbers and columns as people read them."""

from __future__ import annotations

import pytest

from envbuild.report.lines import column_lines, render_bytes, render_count


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**2, "1.0 MiB"),
        (1024**3 - 1, "1.0 GiB"),
        (10_523_000_000, "9.8 GiB"),
        (1024**4, "1.0 TiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_sizes_are_told_in_the_unit_that_fits(size: int, text: str) -> None:
    """No size reads as a thousand of a smaller unit."""
    assert render_bytes(size) == text


def test_columns_are_aligned_without_trailing_blanks() -> None:
    """A table can be read, and cut apart with any tool."""
    rows = [("DRIVER", "SIZE", "WHERE"), ("asr", "1.0 MiB", "/x"), ("embeddings", "2 B", "")]
    assert column_lines(rows) == [
        "DRIVER      SIZE     WHERE",
        "asr         1.0 MiB  /x",
        "embeddings  2 B",
    ]


def test_no_rows_are_no_lines() -> None:
    """Nothing to show prints nothing."""
    assert column_lines([]) == []


@pytest.mark.parametrize(("number", "text"), [(0, "0 drivers"), (1, "1 driver"), (2, "2 drivers")])
def test_one_is_no_plural(number: int, text: str) -> None:
    """Counts read as sentences do."""
    assert render_count(number, "driver") == text
