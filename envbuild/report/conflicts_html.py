"""Which drivers could share an interpreter, as a page: a matrix, every pair, what splits the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.conflicts import (
    COMPATIBLE,
    CONFLICT,
    MEANINGS,
    PARTLY,
    pair_lines,
    sign_of,
    window_text,
)
from envbuild.report.html_page import Html, element, page, shown, table
from envbuild.report.lines import render_bytes, render_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.conflicts import ConflictsResult
    from envbuild.conflicts.conflict import Pair
    from envbuild.text import Text

_CLASSES = {COMPATIBLE: "yes", CONFLICT: "no", PARTLY: "partly"}
"""The class of each sign; the sign is written too, so colour is not needed."""


def render_conflicts_html(result: ConflictsResult) -> Text:
    """The whole page."""
    return page(f"Conflicts of {result.file}", *conflicts_sections(result))


def conflicts_sections(result: ConflictsResult) -> Iterator[Html]:
    """The parts of the page, for a page that has others too."""
    signs = [sign_of(pair) for pair in result.pairs]
    counts = ", ".join(f"{signs.count(sign)} {meaning}" for sign, meaning in MEANINGS.items())
    said = f"{render_count(len(result.drivers), 'driver')}, {render_count(len(signs), 'pair')}: {counts}"
    yield element("p", shown(said))
    if result.stale:
        stale = f"stale: {', '.join(result.stale)}; this is about the lockfiles as they are"
        yield element("p", shown(stale))
    yield element("div", _matrix(result), class_="scroll")
    yield _legend()
    if result.splits:
        yield element("h2", shown("Packages that cause the conflicts"))
        yield table(("package", "separates", "versions"), _splits(result))
    if result.groups:
        yield element("h2", shown("Groups that could share one environment"))
        yield table(
            ("drivers", "packages", "wheels apart", "together", "saves", "on"), _groups(result)
        )
    yield element("h2", shown("Every pair"))
    for number, pair in enumerate(result.pairs):
        yield _details(number, pair, result)


def _matrix(result: ConflictsResult) -> Html:
    cells: dict[tuple[str, str], Html] = {}
    for number, pair in enumerate(result.pairs):
        for row, column in ((pair.first, pair.second), (pair.second, pair.first)):
            cells[row, column] = _cell(number, pair, f"{row} × {column}")
    none = element("i")
    names = [element("th", element("span", shown(name)), scope="col") for name in result.drivers]
    rows = (
        element(
            "tr",
            element("th", shown(row), scope="row"),
            *(element("td", cells.get((row, column), none)) for column in result.drivers),
        )
        for row in result.drivers
    )
    head = element("thead", element("tr", element("td"), *names))
    return element("table", head, element("tbody", *rows), class_="matrix")


def _cell(number: int, pair: Pair, names: str) -> Html:
    sign = sign_of(pair)
    kind, words = _CLASSES[sign], f"{names}: {MEANINGS[sign]}"
    return element(
        "a", shown(sign), href=f"#pair-{number}", class_=kind, title=words, aria_label=words
    )


def _legend() -> Html:
    parts = (Html(f"{_sign(sign)} {shown(meaning)} &emsp; ") for sign, meaning in MEANINGS.items())
    return element("p", *parts)


def _sign(sign: str) -> Html:
    return element("span", shown(sign), class_=f"sign {_CLASSES[sign]}")


def _splits(result: ConflictsResult) -> Iterator[tuple[Html, ...]]:
    for split in result.splits:
        windows = "\n".join(map(window_text, split.windows))
        pairs = render_count(len(split.pairs), "pair")
        yield element("code", shown(split.package)), shown(pairs), element("pre", shown(windows))


def _groups(result: ConflictsResult) -> Iterator[tuple[Html, ...]]:
    for group in result.groups or ():
        sizes = (group.apart, group.together, max(group.saved, 0))
        yield (
            shown(", ".join(group.drivers)),
            shown(str(group.packages)),
            *(shown(render_bytes(size)) for size in sizes),
            shown(str(group.target)),
        )


def _details(number: int, pair: Pair, result: ConflictsResult) -> Html:
    sign = sign_of(pair)
    names = shown(f" {pair.first} × {pair.second}: {MEANINGS[sign]}")
    lines = element("pre", shown("\n".join(pair_lines(pair, result))))
    return element("details", element("summary", _sign(sign), names), lines, id=f"pair-{number}")
