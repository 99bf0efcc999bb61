"""What `envbuild report` prints: text, JSON, and Prometheus' exposition format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import finding_table
from envbuild.report.lines import finding_lines, render_count
from envbuild.report.prometheus import metric, seconds_since_1970
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.host_report import HostReport, RunningProcesses
    from envbuild.text import Text

KIND = "host-report"


def render_report(result: HostReport) -> Text:
    """A few lines for people."""
    return text_of(_lines(result))


def _lines(result: HostReport) -> Iterator[str]:
    release = result.release
    followed = f"release {release.sequence}" if release is not None else "no release"
    yield f"{result.host}: generation {result.manifest.generation} of {result.store}, {followed}"
    for one in result.drivers:
        state = render_count(one.drift, "difference") if one.drift else "as built"
        yield f"  {one.name} {one.version}: {one.content or 'content not known'}, {state}"
    for running in result.running:
        what, number = running_words(running)
        age = "" if running.current else ", not current"
        yield f"  runs: {what}{age}: {number}"
    yield from finding_lines((*result.drift, *result.findings))


def running_words(found: RunningProcesses) -> tuple[str, str]:
    """What the processes of one environment run, and how many there are."""
    what = f"{found.driver} {found.version}" if found.driver else "of no generation"
    return what, render_count(found.count, "process", "processes")


def report_table(result: HostReport) -> dict[str, object]:
    """The same as a JSON object, which `envbuild fleet` reads."""
    release = result.release
    return {
        "kind": KIND,
        "host": result.host,
        "created": result.created,
        "envbuild": result.envbuild,
        "uv": result.uv,
        "store": result.store,
        "generation": result.manifest.generation,
        "generation_created": result.manifest.created,
        "release": None
        if release is None
        else {"sequence": release.sequence, "digest": release.digest},
        "drivers": [
            {
                "name": one.name,
                "version": one.version,
                "variant": one.variant,
                "key": one.key,
                "environment": one.environment,
                "content": one.content,
                "python_version": one.python_version,
                "drift": one.drift,
            }
            for one in result.drivers
        ],
        "drift": [finding_table(finding) for finding in result.drift],
        "running": [running_table(one) for one in result.running],
        "findings": [finding_table(finding) for finding in result.findings],
    }


def running_table(found: RunningProcesses) -> dict[str, object]:
    """The processes of one environment as a JSON object."""
    return {
        "driver": found.driver,
        "version": found.version,
        "current": found.current,
        "count": found.count,
    }


def render_prometheus(result: HostReport) -> Text:
    """The same for the textfile collector of Prometheus' node exporter."""
    return text_of(_metrics(result))


def _metrics(result: HostReport) -> Iterator[str]:
    release, manifest = result.release, result.manifest
    tools = {"envbuild": result.envbuild, "uv": result.uv, "store": result.store}
    yield from metric("info", "What built the store.", [(tools, 1)])
    yield from metric("generation", "The current generation.", [({}, manifest.generation)])
    yield from metric(
        "generation_created_seconds",
        "When the current generation was made.",
        [({}, seconds_since_1970(manifest.created))],
    )
    yield from metric(
        "release_sequence",
        "The release that the current generation was made from; 0 if it was none.",
        [({}, release.sequence if release is not None else 0)],
    )
    drivers = [
        (
            {
                "driver": one.name,
                "version": one.version,
                "variant": one.variant or "",
                "key": one.key,
                "content": one.content or "",
            },
            1,
        )
        for one in result.drivers
    ]
    yield from metric("driver_info", "Each driver of the current generation.", drivers)
    drift = [({"driver": one.name}, one.drift) for one in result.drivers]
    yield from metric("drift_findings", "Differences from what was built.", drift)
    running = [
        (
            {
                "driver": one.driver or "",
                "version": one.version or "",
                "current": str(one.current).lower(),
            },
            one.count,
        )
        for one in result.running
    ]
    yield from metric("processes", "Processes that run from the store.", running)
    yield from metric(
        "doctor_findings", "Problems that doctor found.", [({}, len(result.findings))]
    )
    yield from metric(
        "report_created_seconds",
        "When this was written.",
        [({}, seconds_since_1970(result.created))],
    )
