"""What `envbuild try` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.verify import probe_result_lines, probe_result_table
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.child import TryResult
    from envbuild.text import Text


def render_try(result: TryResult) -> Text:
    """The probes, the environment, and what was written."""
    return text_of(_lines(result))


def _lines(result: TryResult) -> Iterator[str]:
    yield from probe_result_lines(result.driver, result.results)
    if not result.results:
        yield f"{result.driver}: the command {'succeeded' if result.passed else 'failed'}"
    yield f"tried in {result.environment}"
    if result.promoted:
        told = ", ".join(result.promoted)
        yield f"{result.driver} requires {told} now; next: `envbuild lock`"


def try_table(result: TryResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "driver": result.driver,
        "environment": result.environment,
        "probes": [probe_result_table(one) for one in result.results],
        "passed": result.passed,
        "promoted": list(result.promoted),
    }
