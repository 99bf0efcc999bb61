"""The table at the end: each server's name, version and result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

_OUTCOMES = ("passed", "failed", "error", "skipped")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one row a test of a server."""
    rows = sorted(_rows(terminalreporter))
    if rows:
        terminalreporter.section("servers")
    for row in rows:
        terminalreporter.write_line("{:12}  {:8}  {:38}  {}".format(*row))


def _rows(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str, str, str]]:
    for outcome in _OUTCOMES:
        for report in reporter.stats.get(outcome, ()):
            told = dict(getattr(report, "user_properties", ()))
            if "server" in told and (outcome != "passed" or report.when == "call"):
                yield told["server"], told.get("version", ""), told["case"], _result(outcome, told)


def _result(outcome: str, told: dict[str, str]) -> str:
    if outcome == "skipped":
        return "NOT TESTED"
    if outcome != "passed":
        return "FAILED"
    asked = f" (requests: {told['requests']})" if "requests" in told else ""
    return f"ok: {told['right']}{asked}"
