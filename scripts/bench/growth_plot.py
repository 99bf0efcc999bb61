"""Two small charts side by side as one SVG: CPU seconds over drivers, and over packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 300, 220, 56, 48, 90
_GOAL = 1.0
_COLOURS = {"matrix": "#1f5fa8", "read": "#8a8a8a"}
_NAMES = {"matrix": "the matrix", "read": "reading the lockfiles"}


def render_growth(
    by_drivers: Sequence[dict[str, float]], by_packages: Sequence[dict[str, float]]
) -> str:
    """Points are dicts with `drivers`, `packages`, `matrix` and `read` (seconds)."""
    highest = max(point[key] for point in (*by_drivers, *by_packages) for key in _COLOURS)
    ceiling = max(1.2, highest * 1.1)
    width = 2 * (_LEFT + _WIDTH) + _GAP
    first = _chart(by_drivers, "drivers", "drivers (150 packages or more each)", _LEFT, ceiling)
    left = _LEFT + _WIDTH + _GAP
    second = _chart(by_packages, "packages", "packages a driver (50 drivers)", left, ceiling)
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT + 130}" '
                f'viewBox="0 0 {width} {_HEIGHT + 130}" font-family="DejaVu Sans, sans-serif" '
                'font-size="12" fill="#222222">'
            ),
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            (
                f'<text x="{_LEFT}" y="24" font-size="14">Every pair of a made-up fleet decided: '
                "CPU seconds</text>"
            ),
            *first,
            *second,
            *_legend(_TOP + _HEIGHT + 62),
            "</svg>",
            "",
        ]
    )


def _chart(
    points: Sequence[dict[str, float]], key: str, title: str, left: float, ceiling: float
) -> Iterator[str]:
    widest = max(point[key] for point in points)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x / widest * _WIDTH, _TOP + _HEIGHT - y / ceiling * _HEIGHT

    bottom = _TOP + _HEIGHT
    yield f'<path d="M{left} {_TOP}V{bottom}H{left + _WIDTH}" fill="none" stroke="#888888"/>'
    step = 0.25 if ceiling < 2 else 0.5
    for number in range(int(ceiling / step) + 1):
        _, y = place(0, number * step)
        yield f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{number * step:g}</text>'
        yield f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="#e6e6e6"/>'
    _, goal = place(0, _GOAL)
    yield f'<path d="M{left} {goal:.1f}h{_WIDTH}" stroke="#b3261e" stroke-dasharray="5 4"/>'
    for point in points:
        x, _ = place(point[key], 0)
        yield f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{point[key]:g}</text>'
    yield f'<text x="{left + _WIDTH / 2}" y="{bottom + 38}" text-anchor="middle">{title}</text>'
    for name, colour in _COLOURS.items():
        places = [place(point[key], point[name]) for point in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)


def _legend(y: float) -> Iterator[str]:
    x = float(_LEFT)
    for name, colour in _COLOURS.items():
        yield f'<path d="M{x} {y - 4}h24" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{x + 30}" y="{y}">{_NAMES[name]}</text>'
        x += 60 + 7 * len(_NAMES[name])
    yield f'<path d="M{x} {y - 4}h24" stroke="#b3261e" stroke-dasharray="5 4"/>'
    yield f'<text x="{x + 30}" y="{y}">the goal for 50 × 150: 1 s</text>'
