"""What `envbuild status` prints: one screen, JSON, and Prometheus' exposition format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import finding_table
from envbuild.report.host_report import running_table, running_words
from envbuild.report.lines import column_lines, finding_lines, render_bytes, render_count
from envbuild.report.list import named_variant
from envbuild.report.prometheus import metric, seconds_since_1970
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.status import DriverStatus, Status
    from envbuild.store.last_run import LastRun
    from envbuild.text import Text

_HEADS = ("DRIVER", "INSTALLED", "LOCKED", "OUTDATED", "PROBES", "DRIFT")
_SHOWN = 5


def render_status(result: Status) -> Text:
    """The generation, a line for each driver, and then only what needs attention."""
    return text_of(_lines(result))


def _lines(result: Status) -> Iterator[str]:
    if result.generation is None:
        yield f"{result.store}: nothing has been synced yet"
    else:
        yield f"{result.store}: generation {result.generation}, made {result.generation_created}"
    if result.drivers:
        yield from column_lines([_HEADS, *map(_row, result.drivers)])
    for driver in result.drivers:
        yield from _driver_lines(driver)
    for running in result.running:
        if not running.current:
            what, number = running_words(running)
            yield f"runs from an old environment: {what}: {number}"
    yield from finding_lines(result.drift, shown=_SHOWN)
    if result.disk is not None:
        disk = result.disk
        number = render_count(disk.count, "environment")
        yield (
            f"disk: {render_bytes(disk.environments)} in {number}, "
            f"{render_bytes(disk.free)} of {render_bytes(disk.size)} free"
        )
        yield f"verified: {_verified(result.verified)}"
    if not result.needs_attention and result.generation is not None:
        yield "nothing needs attention"


def _row(driver: DriverStatus) -> tuple[str, ...]:
    return (
        named_variant(driver.name, driver.variant),
        driver.version or "-",
        "stale" if driver.stale else driver.locked or "-",
        "-" if driver.outdated is None else str(driver.outdated),
        _probed(driver.probes),
        str(driver.drift) if driver.drift else "none" if driver.version else "-",
    )


def _probed(run: LastRun | None) -> str:
    if run is None:
        return "-"
    return f"{run.failed} failed" if run.failed else "passed"


def _driver_lines(driver: DriverStatus) -> Iterator[str]:
    yield from (f"{driver.name}: stale: {reason}" for reason in driver.stale)
    if driver.due:
        yield f"{driver.name}: the lockfile differs from what is installed; `envbuild sync` builds it"
    run = driver.probes
    for failure in run.failures if run is not None else ():
        yield f"{driver.name}: probe {failure} ({run.finished if run is not None else ''})"


def _verified(run: LastRun | None) -> str:
    if run is None:
        return "not yet; `envbuild verify` compares every file"
    found = render_count(run.failed, "difference") if run.failed else "all as built"
    return f"all files {run.finished}, {found}"


def status_table(result: Status) -> dict[str, object]:
    """The same as a JSON object."""
    disk = result.disk
    return {
        "host": result.host,
        "created": result.created,
        "store": result.store,
        "generation": result.generation,
        "generation_created": result.generation_created,
        "declared": result.declared,
        "needs_attention": result.needs_attention,
        "drivers": [
            {
                "name": one.name,
                "version": one.version,
                "variant": one.variant,
                "locked": one.locked,
                "stale": list(one.stale),
                "due": one.due,
                "outdated": one.outdated,
                "probes": _run_table(one.probes),
                "drift": one.drift,
            }
            for one in result.drivers
        ],
        "drift": [finding_table(finding) for finding in result.drift],
        "running": [running_table(one) for one in result.running],
        "disk": None
        if disk is None
        else {
            "environments": disk.environments,
            "count": disk.count,
            "free": disk.free,
            "size": disk.size,
        },
        "verified": _run_table(result.verified),
    }


def _run_table(run: LastRun | None) -> dict[str, object] | None:
    if run is None:
        return None
    return {"finished": run.finished, "failed": run.failed, "failures": list(run.failures)}


def render_status_metrics(result: Status) -> Text:
    """The same for the textfile collector of Prometheus' node exporter."""
    return text_of(_metrics(result))


def _metrics(result: Status) -> Iterator[str]:
    """Names of their own: a host may have the files of `status` and of `report` in one folder."""
    yield from metric(
        "status_generation",
        "The current generation; 0 before the first sync.",
        [({"store": result.store}, result.generation or 0)],
    )
    drivers = result.drivers
    yield from metric(
        "status_driver_info",
        "Each driver, with its installed and its locked version.",
        [
            (
                {
                    "driver": one.name,
                    "version": one.version or "",
                    "variant": one.variant or "",
                    "locked": one.locked or "",
                },
                1,
            )
            for one in drivers
        ],
    )
    outdated = [one.outdated for one in drivers]
    failed_probes = [one.probes.failed if one.probes is not None else None for one in drivers]
    for name, text, numbers in (
        ("stale", "Whether its lockfile is stale.", [int(bool(one.stale)) for one in drivers]),
        ("due", "Whether a sync would change it.", [int(one.due) for one in drivers]),
        ("outdated_packages", "Direct requirements with newer versions.", outdated),
        ("drift_findings", "Differences from what was built.", [one.drift for one in drivers]),
        ("failed_probes", "Probes that failed when they ran last.", failed_probes),
    ):
        samples = [
            ({"driver": one.name}, number)
            for one, number in zip(drivers, numbers, strict=True)
            if number is not None
        ]
        yield from metric(f"status_{name}", text, samples)
    old = sum(one.count for one in result.running if not one.current)
    yield from metric(
        "status_old_processes",
        "Processes that run from environments that are not current.",
        [({}, old)],
    )
    if result.disk is not None:
        for name, text, size in (
            ("environments_bytes", "The files of all environments.", result.disk.environments),
            ("free_bytes", "What is free on the store's file system.", result.disk.free),
        ):
            yield from metric(f"status_{name}", text, [({}, size)])
    if result.verified is not None:
        when = seconds_since_1970(result.verified.finished)
        yield from metric("status_verified_seconds", "When all files were verified.", [({}, when)])
        failed = result.verified.failed
        yield from metric("status_verified_findings", "What that found.", [({}, failed)])
    written = seconds_since_1970(result.created)
    yield from metric("status_created_seconds", "When this was written.", [({}, written)])
