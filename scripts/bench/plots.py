"""Plots as SVG, drawn by hand: bars of ratios, and lines of growth."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}"
    ".light{fill:#57606a}.ours{fill:#0969da}.over{fill:#bf8700}.line{fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.light{fill:#8b949e}svg{background:#0d1117}}"
)
_COLOURS = ("#0969da", "#bf8700", "#1a7f37", "#cf222e", "#8250df")


def draw_bars(title: str, bars: Sequence[tuple[str, float, float | None]]) -> str:
    """Bars of ratios `(label, ratio, target)` on a logarithmic axis; 1 is the peer."""
    low = min(0.001, *(ratio for _, ratio, _ in bars))
    high = max(4.0, *(max(ratio, target or 0) for _, ratio, target in bars))
    left, width, step = 700, 420, 26

    def x(value: float) -> float:
        return left + width * (math.log(value / low) / math.log(high / low))

    parts = [_text(12, 24, title, size=15)]
    for number, (label, ratio, target) in enumerate(bars):
        y = 44 + number * step
        kind = "over" if target is not None and ratio > target else "ours"
        parts.append(_text(left - 10, y + 13, label, anchor="end"))
        parts.append(
            f'<rect class="{kind}" x="{left}" y="{y}" width="{max(1, x(ratio) - left):.1f}" height="18" rx="3"/>'
        )
        parts.append(_text(x(ratio) + 6, y + 13, f"{ratio:.3g}", kind="light"))
        if target is not None:
            parts.append(
                f'<line x1="{x(target):.1f}" x2="{x(target):.1f}" y1="{y - 2}" y2="{y + 20}" '
                'stroke="#cf222e" stroke-width="2"/>'
            )
    bottom = 44 + len(bars) * step
    parts.append(
        f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="36" y2="{bottom}" stroke="#8b949e" stroke-dasharray="3 3"/>'
    )
    parts.append(_text(x(1), bottom + 16, "the peer", anchor="middle", kind="light"))
    parts.append(_text(12, bottom + 16, "red: target; logarithmic", kind="light"))
    return _svg(left + width + 70, bottom + 28, parts)


def draw_lines(title: str, axis: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines of `(x, y)`, both axes from 0, y in the unit that the title tells."""
    left, top, width, height = 60, 44, 560, 280
    most_x = max(x for points in lines.values() for x, _ in points)
    most_y = max(y for points in lines.values() for _, y in points) * 1.1

    def place(point: tuple[float, float]) -> str:
        return (
            f"{left + width * point[0] / most_x:.1f},{top + height * (1 - point[1] / most_y):.1f}"
        )

    parts = [_text(12, 24, title, size=15)]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = top + height * (1 - share)
        parts.append(
            f'<line x1="{left}" x2="{left + width}" y1="{y}" y2="{y}" stroke="#8b949e" stroke-opacity=".3"/>'
        )
        parts.append(_text(left - 8, y + 4, f"{most_y * share:.3g}", anchor="end", kind="light"))
        parts.append(
            _text(
                left + width * share,
                top + height + 18,
                f"{most_x * share:.0f}",
                anchor="middle",
                kind="light",
            )
        )
    parts.append(_text(left + width / 2, top + height + 38, axis, anchor="middle"))
    for number, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(map(place, points))
        parts.append(f'<polyline class="line" stroke="{colour}" points="{path}"/>')
        last_x, last_y = place(points[-1]).split(",")
        parts.append(_text(float(last_x) + 8, float(last_y) + 4, name, colour=colour))
    return _svg(left + width + 190, top + height + 52, parts)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    kind: str = "",
    size: int = 13,
    colour: str = "",
) -> str:
    style = f' style="font-size:{size}px{";fill:" + colour if colour else ""}"'
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">'
    return "\n".join((head, f"<style>{_STYLE}</style>", *parts, "</svg>\n"))
