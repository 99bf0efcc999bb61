"""Numbers and columns as people read them."""

from __future__ import annotations

from envbuild.text import escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_STEP = 1024


def render_bytes(size: int) -> str:
    """`512 B`, `1.5 MiB`, `9.8 GiB`."""
    if size < _STEP:
        return f"{size} B"
    number = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        number /= _STEP
        if round(number, 1) < _STEP:
            return f"{number:.1f} {unit}"
    return f"{number / _STEP:.1f} TiB"


def column_lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as aligned lines, two blanks between columns, none at the end of a line."""
    rows = [[*map(escaped, row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def render_count(number: int, noun: str) -> str:
    """`1 driver`, `2 drivers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
