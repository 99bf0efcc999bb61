"""What `envbuild verify`, `doctor` and `probe` print."""

from __future__ import annotations

from envbuild.report.lines import finding_lines, render_count
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.commands.doctor import Diagnosis, UnitCommand
    from envbuild.commands.probe import ProbeReport
    from envbuild.commands.repair import Repaired
    from envbuild.commands.verify import Verified
    from envbuild.environment.probe import ProbeResult
    from envbuild.text import Text


def render_verify(result: Verified) -> Text:
    """Every finding on a line, then what was checked."""
    return text_of(_verify_lines(result))


def _verify_lines(result: Verified) -> Iterator[str]:
    yield from finding_lines(result.findings)
    for found in result.warnings:
        yield f"warning: {found.subject}/{found.path}: {found.message}"
    for item in result.environments:
        if item.copied:
            yield f"{item.used.name}: was copied since it was built, so all of its files were read"
    how = " by size, time and inode" if result.quick else ""
    environments = render_count(len(result.environments), "environment")
    generations = render_count(len(result.generations), "generation")
    differ = render_count(len(result.findings), "difference") if result.findings else "all as built"
    yield f"{environments} and {generations} checked{how}: {differ}"


def verify_table(result: Verified) -> dict[str, object]:
    """The same as a JSON object."""
    from envbuild.finding import finding_table

    return {
        "quick": result.quick,
        "clean": not result.findings,
        "environments": [
            {
                "name": environment.used.name,
                "drivers": list(environment.used.drivers),
                "generations": list(environment.used.generations),
                "clean": not environment.findings,
                "content": environment.content,
                "copied": environment.copied,
            }
            for environment in result.environments
        ],
        "generations": [generation.number for generation in result.generations],
        "findings": [finding_table(finding) for finding in result.findings],
        "warnings": [finding_table(finding) for finding in result.warnings],
        "before": None,
        "repaired": [],
        "refused": [],
    }


def render_repair(result: Repaired) -> Text:
    """What drifted, what was restored, what could not be, and what remains."""
    lines = [
        *finding_lines(result.before.findings),
        *(f"repaired {subject}" for subject in result.repaired),
        *finding_lines(result.refused),
    ]
    return text_of([*lines, *_verify_lines(result.after)])


def repair_table(result: Repaired) -> dict[str, object]:
    """The same as a JSON object."""
    from envbuild.finding import finding_table

    return {
        **verify_table(result.after),
        "before": [finding_table(finding) for finding in result.before.findings],
        "repaired": list(result.repaired),
        "refused": [finding_table(finding) for finding in result.refused],
    }


_GOOD = ("exact", "stable")
_WORDS = {
    "exact": "always starts exactly this environment",
    "stable": "starts the current environment at its next start",
    "old": "starts an environment that is not current",
    "outside": "starts something outside the store",
    "missing": "starts a file that does not exist",
}


def render_doctor(result: Diagnosis) -> Text:
    """The host, then the units, then what is wrong."""
    return text_of(_doctor_lines(result))


def doctor_table(result: Diagnosis) -> dict[str, object]:
    """The same as a JSON object."""
    from envbuild.finding import finding_table

    return {
        "facts": dict(result.facts),
        "findings": [finding_table(finding) for finding in result.findings],
        "warnings": [finding_table(finding) for finding in result.warnings],
        "units": [_unit_table(unit) for unit in result.units],
    }


def _doctor_lines(result: Diagnosis) -> Iterator[str]:
    yield from (f"{name}: {text}" for name, text in result.facts)
    for unit in result.units:
        owner = f" ({unit.driver})" if unit.driver else ""
        yield f"{unit.file}:{unit.line}: {unit.kind}: {unit.executable}{owner} {_WORDS[unit.kind]}"
    yield from finding_lines(result.findings)
    for line in finding_lines(result.warnings):
        yield line if line.startswith(" ") else f"warning: {line}"
    count = len(result.findings) + sum(unit.kind not in _GOOD for unit in result.units)
    yield render_count(count, "problem") if count else "nothing is wrong"


def _unit_table(unit: UnitCommand) -> dict[str, object]:
    return {
        "file": unit.file,
        "line": unit.line,
        "executable": unit.executable,
        "kind": unit.kind,
        "driver": unit.driver,
    }


def render_probe(report: ProbeReport) -> Text:
    """A line a probe; below one that failed, the last lines of what it printed."""
    return text_of(_probe_lines(report))


def probe_table(report: ProbeReport) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "generation": report.generation,
        "drivers": {
            driver.driver: {
                "environment": driver.environment,
                "probes": [probe_result_table(result) for result in driver.results],
            }
            for driver in report.drivers
        },
    }


def _probe_lines(report: ProbeReport) -> Iterator[str]:
    for driver in report.drivers:
        if not driver.results:
            yield f"{driver.driver}: no probe is declared"
        yield from probe_result_lines(driver.driver, driver.results)


def probe_result_lines(driver: str, results: Iterable[ProbeResult]) -> Iterator[str]:
    """A line for each probe of a driver; below one that failed, the last lines of what it printed."""
    for result in results:
        if result.failure is None:
            yield f"{driver}: `{result.probe}` succeeded in {result.seconds:.1f} s"
            continue
        yield f"{driver}: `{result.probe}` failed: {result.failure}"
        yield from (f"  {line}".rstrip() for line in result.tail.splitlines())
        if result.log is not None:
            yield f"  its whole output is in {result.log}"


def probe_result_table(result: ProbeResult) -> dict[str, object]:
    """A probe's result as a JSON object."""
    return {
        "argv": list(result.probe.argv),
        "key": result.probe.key,
        "seconds": round(result.seconds, 3),
        "failure": result.failure,
        "wrote": list(result.wrote),
        "output": result.output,
        "log": result.log,
    }
