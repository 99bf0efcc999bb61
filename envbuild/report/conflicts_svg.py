"""The matrix of conflicts as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape as escape_markup

from envbuild.conflicts.conflict import render_cause
from envbuild.report.conflicts import COMPATIBLE, CONFLICT, MEANINGS, PARTLY, sign_of
from envbuild.text import Text, escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.conflicts import ConflictsResult
    from envbuild.conflicts.conflict import Pair

_CELL = 28
_LETTER = 7.3
"""Width of a letter in pixels at the font size; labels are measured with it."""

_MARGIN = 16
_LEGEND = 64
_LOOK = {
    COMPATIBLE: ("#cfe3f7", "#0b4a8a"),
    CONFLICT: ("#fbd3bd", "#8f2d00"),
    PARTLY: ("#fdf0bf", "#6b5200"),
}
"""Fill and ink of each sign; the sign is drawn too, so colour is not needed."""


def render_conflicts_svg(result: ConflictsResult) -> Text:
    """The matrix as SVG: rows and columns are drivers, each cell has its first clash as a tooltip."""
    label = max(len(driver) for driver in result.drivers) * _LETTER + 12
    slanted = label * 0.72 + _CELL
    size = _CELL * len(result.drivers)
    width = max(_MARGIN * 2 + label + size + slanted, 420)
    height = _MARGIN * 2 + slanted + size + _LEGEND
    left, top = _MARGIN + label, _MARGIN + slanted
    body = [*_labels(result, left, top), *_cells(result, left, top), *_legend(top + size + 24)]
    return Text(
        "\n".join(
            [
                (
                    f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
                    f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
                    'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="12">'
                ),
                "<title>Which drivers could share one interpreter</title>",
                '<rect width="100%" height="100%" fill="#ffffff"/>',
                *body,
                "</svg>",
                "",
            ]
        )
    )


def _text(value: str) -> str:
    """A value as an element's text; it may have several lines."""
    return escape_markup("\n".join(map(escaped, value.split("\n"))))


def _labels(result: ConflictsResult, left: float, top: float) -> Iterator[str]:
    for place, driver in enumerate(result.drivers):
        middle = place * _CELL + _CELL / 2
        name = _text(driver)
        yield (
            f'<text x="{left - 8:.1f}" y="{top + middle + 4:.1f}" text-anchor="end" '
            f'fill="#222222">{name}</text>'
        )
        x, y = left + middle + 4, top - 8
        yield (
            f'<text x="{x:.1f}" y="{y:.1f}" fill="#222222" '
            f'transform="rotate(-45 {x:.1f} {y:.1f})">{name}</text>'
        )


def _cells(result: ConflictsResult, left: float, top: float) -> Iterator[str]:
    places = {driver: place for place, driver in enumerate(result.drivers)}
    for driver, place in places.items():
        x, y = left + place * _CELL, top + place * _CELL
        yield _cell(x, y, "#eeeeee", "#888888", "", driver)
    for pair in result.pairs:
        sign = sign_of(pair)
        fill, ink = _LOOK[sign]
        text = f"{pair.first} × {pair.second}: {MEANINGS[sign]}{_first_clash(pair, result.file)}"
        for row, column in ((pair.first, pair.second), (pair.second, pair.first)):
            if row in places and column in places:
                x, y = left + places[column] * _CELL, top + places[row] * _CELL
                yield _cell(x, y, fill, ink, sign, text)


def _cell(x: float, y: float, fill: str, ink: str, sign: str, title: str) -> str:
    middle = _CELL / 2
    return (
        f'<g><title>{_text(title)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{_CELL - 2}" '
        f'height="{_CELL - 2}" rx="3" fill="{fill}"/><text x="{x + middle - 1:.1f}" '
        f'y="{y + middle + 3:.1f}" text-anchor="middle" font-weight="bold" fill="{ink}">'
        f"{sign}</text></g>"
    )


def _first_clash(pair: Pair, file: str) -> str:
    for conflict in pair.conflicts:
        for clash in conflict.clashes:
            return "".join(f"\n{render_cause(cause, file)}" for cause in clash.causes)
        return f" on {', '.join(conflict.packages)}" if conflict.packages else ""
    return ""


def _legend(top: float) -> Iterator[str]:
    for number, (sign, (fill, ink)) in enumerate(_LOOK.items()):
        y = top + number * 20
        yield (
            f'<rect x="{_MARGIN}" y="{y - 12:.1f}" width="16" height="16" rx="3" fill="{fill}"/>'
            f'<text x="{_MARGIN + 8}" y="{y:.1f}" text-anchor="middle" font-weight="bold" '
            f'fill="{ink}">{sign}</text>'
            f'<text x="{_MARGIN + 26}" y="{y:.1f}" fill="#222222">{MEANINGS[sign]}</text>'
        )
