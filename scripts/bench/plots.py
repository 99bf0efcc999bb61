"""The bench's plots as SVG: bars of ratios, and lines of growth."""

from __future__ import annotations

from io import StringIO
from itertools import cycle
from textwrap import fill
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    Points = Sequence[tuple[float, float]]

mpl.rcParams.update(
    {
        "svg.fonttype": "none",  # text stays text: small files, and found by a search
        "svg.hashsalt": "envbuild",  # the same data gives the same file
        "font.family": "DejaVu Sans",  # wider than what stands in for it, so nothing is cut
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)
_LINES = (
    {"color": "#0072b2", "marker": "o", "linestyle": "-"},
    {"color": "#e69f00", "marker": "s", "linestyle": "--"},
    {"color": "#009e73", "marker": "^", "linestyle": "-."},
    {"color": "#d55e00", "marker": "D", "linestyle": ":"},
    {"color": "#56b4e9", "marker": "v", "linestyle": "-"},
    {"color": "#cc79a7", "marker": "P", "linestyle": "--"},
)
"""Told apart without their colours too, which are those that colour-blind readers can tell apart (Okabe and Ito)."""

_LINE = 62
"""The longest line of a label, in characters: with longer ones the picture is too wide to be read on a page."""

_MET, _MISSED, _TARGET, _GREY = "#0969da", "#bf8700", "#cf222e", "#8b949e"


def draw_bars(title: str, bars: Sequence[tuple[str, float, float | None]]) -> str:
    """Bars of ratios `(label, ratio, target)` on a logarithmic axis; 1 is the peer."""
    figure = Figure(figsize=(3.2, 0.42 * len(bars) + 1))
    axes = figure.subplots()
    for place, (_, ratio, target) in enumerate(bars):
        met = target is None or ratio <= target
        axes.barh(place, ratio, color=_MET if met else _MISSED)
        end = max(ratio, target or 0)
        axes.annotate(f"{ratio:.3g}", (end, place), (4, -4), textcoords="offset points")
        if target is not None:
            axes.plot([target, target], [place - 0.45, place + 0.45], color=_TARGET, linewidth=2)
    axes.set_xscale("log")
    axes.axvline(1, color=_GREY, linestyle="--")
    axes.set_yticks(range(len(bars)), [fill(label, _LINE) for label, _, _ in bars], fontsize=8)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_title(title)
    axes.set_xlabel("dashed: the peer; red: the target; logarithmic")
    return _svg(figure)


def draw_lines(
    title: str, charts: Mapping[str, Mapping[str, Points]], *, goal: tuple[str, float] | None = None
) -> str:
    """Charts side by side, by the label of their x axis: lines by name, and a goal to stay below."""
    figure = Figure(figsize=(7 if len(charts) == 1 else 10, 4))
    figure.suptitle(title)
    row = figure.subplots(1, len(charts), squeeze=False, sharey=True)[0]
    for axes, (label, lines) in zip(row, charts.items(), strict=True):
        _draw_chart(axes, label, lines, goal)
    row[-1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    return _svg(figure)


def _draw_chart(
    axes: Axes, label: str, lines: Mapping[str, Points], goal: tuple[str, float] | None
) -> None:
    for (name, points), style in zip(lines.items(), cycle(_LINES), strict=False):
        axes.plot(*zip(*points, strict=True), markersize=4, label=name, **style)
    if goal is not None:
        axes.axhline(goal[1], color=_TARGET, linestyle="--", label=goal[0])
    axes.set_xlabel(label)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)


def _svg(figure: Figure) -> str:
    text = StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
