"""Run probes in finished environments, before any of them becomes current."""

from __future__ import annotations

import os
import tempfile
import time
from typing import TYPE_CHECKING

from envbuild.environment.probe import ProbeResult, probes_of
from envbuild.environment.stat_list import differing_paths, record_environment
from envbuild.errors import NoError, Problem
from envbuild.posix.files import write_private
from envbuild.posix.process import Command
from envbuild.posix.workers import Workers
from envbuild.store.last_run import record_run
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envbuild.declaration.driver import Driver
    from envbuild.environment.probe import Probe
    from envbuild.posix.process import Completed, Runner

_FEW = 5
"""A message names so many of the files that a probe wrote."""


@value
class Prober:
    """Runs probes with only the variables that the activation sets."""

    runner: Runner
    logs: Path
    """The folder for their outputs."""

    jobs: int

    def probe_all(self, items: Iterable[tuple[Driver, Path]]) -> tuple[ProbeResult, ...]:
        """Run every probe of each driver in its environment, several drivers at once; results in their order."""
        with Workers(max_workers=self.jobs) as pool:
            waiting = [pool.submit(self.probe, driver, place) for driver, place in items]
            return tuple(result for future in waiting for result in future.result())

    def probe(self, driver: Driver, environment: Path) -> tuple[ProbeResult, ...]:
        """Run every probe of one driver; a probe that changes the environment has failed."""
        probes = probes_of(driver)
        if not probes:
            return ()
        before = record_environment(environment)
        results = tuple(self._run(driver.name, probe, environment) for probe in probes)
        written = differing_paths(before, environment)
        if written:
            words = ", ".join(written[:_FEW]) + (", …" if len(written) > _FEW else "")
            said = f"the probes wrote into the environment: {words}"
            results = (*results[:-1], replace(results[-1], failure=said, wrote=tuple(written)))
        failures = (f"`{one.probe}`: {one.failure}" for one in results if one.failure is not None)
        record_run(self.logs / f"{environment.name}.json", failures)
        return tuple(self._keep(result, environment.name) for result in results)

    def _run(self, driver: str, probe: Probe, environment: Path) -> ProbeResult:
        program = environment / "bin" / probe.argv[0]
        begun = time.monotonic()
        if os.access(program, os.X_OK):
            done = self._start(program, probe)
            failure, output = _judge(done, probe), done.stdout + done.stderr
        else:
            failure, output = f"the environment has no command {probe.argv[0]!r}", ""
        seconds = time.monotonic() - begun
        return ProbeResult(
            driver=driver, probe=probe, seconds=seconds, failure=failure, output=output
        )

    def _start(self, program: Path, probe: Probe) -> Completed:
        """Run it in an empty folder, without variables that could hide a fault of the driver."""
        with tempfile.TemporaryDirectory(prefix="envbuild-probe-") as folder:
            return self.runner.run(
                Command(
                    argv=(str(program), *probe.argv[1:]),
                    # A user with write access would leave bytecode in the environment.
                    env=(("CACHE_DIRECTORY", folder), ("PYTHONDONTWRITEBYTECODE", "1")),
                    cwd=folder,
                    timeout=probe.timeout,
                    ends_group=True,
                )
            )

    def _keep(self, result: ProbeResult, environment: str) -> ProbeResult:
        """Save the output for later."""
        if not result.output:
            return result
        number = result.probe.key.rpartition(".")[2].replace("[", "-").rstrip("]")
        path = self.logs / f"{environment}.{number}.log"
        write_private(path, result.output.encode())
        return replace(result, log=str(path))


def probe_failure(
    results: Iterable[ProbeResult], *, file: str | None, line: int | None
) -> NoError | None:
    """The error of the failed probes; None if all succeeded."""
    problems = [
        Problem(
            file=file,
            line=line,
            key=result.probe.key,
            message=f"the probe `{result.probe}` of {result.driver} failed: {result.failure}",
            detail=result.tail or None,
            hint=f"its whole output is in {result.log}" if result.log else None,
        )
        for result in results
        if result.failure is not None
    ]
    return NoError(problems) if problems else None


def _judge(done: Completed, probe: Probe) -> str | None:
    if done.timed_out:
        return f"it, or a process that it started, was still running after {probe.timeout} s and was stopped"
    if done.code < 0:
        return f"signal {-done.code} ended it"
    return f"it ended with exit code {done.code}" if done.code else None
