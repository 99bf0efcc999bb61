"""What `envbuild probe` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.probe import ProbeReport
    from envbuild.environment.probe import ProbeResult
    from envbuild.text import Text


def render_probe(report: ProbeReport) -> Text:
    """A line a probe; below one that failed, the last lines of what it printed."""
    return text_of(_lines(report))


def probe_table(report: ProbeReport) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "generation": report.generation,
        "drivers": {
            driver.driver: {
                "environment": driver.environment,
                "probes": [_table(result) for result in driver.results],
            }
            for driver in report.drivers
        },
    }


def _lines(report: ProbeReport) -> Iterator[str]:
    for driver in report.drivers:
        if not driver.results:
            yield f"{driver.driver}: no probe is declared"
        for result in driver.results:
            if result.failure is None:
                yield f"{driver.driver}: `{result.probe}` succeeded in {result.seconds:.1f} s"
                continue
            yield f"{driver.driver}: `{result.probe}` failed: {result.failure}"
            yield from (f"  {line}".rstrip() for line in result.tail.splitlines())
            if result.log is not None:
                yield f"  its whole output is in {result.log}"


def _table(result: ProbeResult) -> dict[str, object]:
    return {
        "argv": list(result.probe.argv),
        "key": result.probe.key,
        "seconds": round(result.seconds, 3),
        "failure": result.failure,
        "wrote": list(result.wrote),
        "output": result.output,
        "log": result.log,
    }
