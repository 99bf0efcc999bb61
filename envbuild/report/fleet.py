"""What `envbuild fleet` prints: a table of hosts, and who differs in what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.html_page import Html, element, page, shown
from envbuild.report.lines import column_lines, render_count
from envbuild.report.outcome import problem_table
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.fleet import ComparedHost, FleetResult
    from envbuild.text import Text

_COLUMNS = ("host", "release", "generation", "drivers", "reported", "state")


def render_fleet(result: FleetResult) -> Text:
    """The table, below each host that differs its reasons, then the broken reports and a summary."""
    return text_of(_lines(result))


def _lines(result: FleetResult) -> Iterator[str]:
    rows = column_lines([_COLUMNS, *map(_row, result.hosts)])
    if result.hosts:
        yield rows[0]
    for line, one in zip(rows[1:], result.hosts, strict=True):
        yield line
        yield from (f"  {difference}" for difference in one.differences)
    for problem in result.broken:
        yield f"broken: {problem.file}: {problem.message}"
    yield _summary(result)


def _row(one: ComparedHost) -> tuple[str, ...]:
    host = one.report
    drivers = ", ".join(f"{driver.name} {driver.version}" for driver in host.drivers)
    return (
        host.host,
        "-" if host.sequence is None else str(host.sequence),
        str(host.generation),
        drivers,
        host.created,
        _state(one),
    )


def _state(one: ComparedHost) -> str:
    state = "DIFFERS" if one.differences else "as most"
    if one.report.problems:
        state += f", doctor: {render_count(one.report.problems, 'problem')}"
    return state


def _summary(result: FleetResult) -> str:
    hosts = render_count(len(result.hosts), "host")
    newest = "" if result.newest is None else f", newest release {result.newest}"
    differing = f": {len(result.diverging)} differ" if result.diverging else ": all alike"
    broken = f", {render_count(len(result.broken), 'broken report')}" if result.broken else ""
    return f"{hosts}{newest}{differing if result.hosts else ''}{broken}"


def fleet_table(result: FleetResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "newest": result.newest,
        "hosts": [
            {
                "host": one.report.host,
                "store": one.report.store,
                "created": one.report.created,
                "generation": one.report.generation,
                "release": one.report.sequence,
                "drivers": {
                    driver.name: {
                        "version": driver.version,
                        "key": driver.key,
                        "content": driver.content,
                    }
                    for driver in one.report.drivers
                },
                "problems": one.report.problems,
                "differences": list(one.differences),
            }
            for one in result.hosts
        ],
        "diverging": [one.report.host for one in result.diverging],
        "broken": [problem_table(problem) for problem in result.broken],
    }


def render_fleet_html(result: FleetResult) -> Text:
    """One page that needs no other file: the hosts that differ come first."""
    ordered = sorted(result.hosts, key=lambda one: not one.differences)
    heads = element("tr", *(element("th", shown(name), scope="col") for name in _COLUMNS))
    rows = element("tbody", *map(_html_row, ordered))
    content = [
        element("p", shown(_summary(result))),
        element("table", element("thead", heads), rows, class_="cards"),
    ]
    if result.broken:
        broken = (
            element("li", element("code", shown(one.file or "")), shown(f": {one.message}"))
            for one in result.broken
        )
        content += [element("h2", shown("Broken reports")), element("ul", *broken)]
    return page("Fleet", *content)


def _html_row(one: ComparedHost) -> Html:
    """A host; on a narrow window each cell is a line, with its column's name before it."""
    *cells, state = map(shown, _row(one))
    reasons = element("ul", *(element("li", shown(text)) for text in one.differences))
    told = Html(state + reasons) if one.differences else state
    named = zip(_COLUMNS, (*cells, told), strict=True)
    row = (element("td", element("div", cell), data_label=name) for name, cell in named)
    return element("tr", *row, class_="differs" if one.differences else "alike")
