"""What `envbuild fleet` prints: a table of hosts, and who differs in what."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from envbuild.report.lines import column_lines, render_count
from envbuild.report.outcome import problem_table
from envbuild.text import escaped, text_of

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
    differing = f"{len(result.diverging)} differ" if result.diverging else "all alike"
    broken = f", {render_count(len(result.broken), 'broken report')}" if result.broken else ""
    return f"{hosts}{newest}: {differing}{broken}"


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


_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; }
tr.differs td { background: #d9534f22; }
ul { margin: .2rem 0 0; padding-left: 1.2rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""


def render_fleet_html(result: FleetResult) -> str:
    """One page that needs no other file and runs nothing."""
    head = "".join(f"<th scope=col>{name}</th>" for name in _COLUMNS)
    broken = "".join(
        f"<li><code>{_safe(problem.file or '')}</code>: {_safe(problem.message)}</li>"
        for problem in result.broken
    )
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width">'
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>envbuild fleet</title><style>{_STYLE}</style></head>\n<body>\n"
        f"<h1>Fleet</h1>\n<p>{_safe(_summary(result))}</p>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n"
        + "".join(map(_html_row, result.hosts))
        + "</tbody></table>\n"
        + (f"<h2>Broken reports</h2><ul>{broken}</ul>\n" if broken else "")
        + "</body></html>\n"
    )


def _html_row(one: ComparedHost) -> str:
    *cells, state = _row(one)
    shown = "".join(f"<td>{_safe(cell)}</td>" for cell in cells)
    reasons = "".join(f"<li>{_safe(difference)}</li>" for difference in one.differences)
    listed = f"<ul>{reasons}</ul>" if reasons else ""
    kind = " class=differs" if one.differences else ""
    return f"<tr{kind}>{shown}<td>{_safe(state)}{listed}</td></tr>\n"


def _safe(text: str) -> str:
    return escape(escaped(text))
