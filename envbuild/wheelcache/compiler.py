"""Compile modules by the interpreter that will run them, in as many processes as there are jobs."""

from __future__ import annotations

import errno
import json
import os
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.value import value
from envbuild.wheelcache.modules import split_evenly
from envbuild.wheelcache.worker import DISK_FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.posix.process import Completed, Runner
    from envbuild.wheelcache.modules import Module

_WORKER = Path(__file__).with_name("worker.py")
_MOST = 4 << 20
"""Bytes of source for one process: some 0.6 s of work, so that its start does not count."""

_WORTH = 64 << 10
"""Bytes of source that take as long as one more process takes to start."""

_AT_MOST = 1000
_TIMEOUT = 600.0
"""Seconds for one process; a module that takes longer is none."""


@value
class ModuleFolder:
    """Where modules are compiled, and by whom."""

    python: str
    root: Path
    """The folder that modules are relative to."""

    keep_open: tuple[int, ...]
    """Descriptors for the processes, so that a lock is held for as long as one of them writes."""


@value
class Task:
    """A module to compile, and where its bytecode goes."""

    module: Module
    target: Path


@value
class CompiledModule:
    """What came of a task: bytecode with `size` and `sha256`, or a reason."""

    size: int = 0
    sha256: str = ""
    failed: str = ""
    """Why the source is no module: the same next time."""

    absent: str = ""
    """Why there was nothing to compile here: the source is not there, or is another wheel's."""


class BytecodeCompiler:
    """Compiles for every build of a sync together, on no more cores than there are jobs."""

    def __init__(self, *, runner: Runner, jobs: int) -> None:
        self.runner = runner
        self.jobs = jobs
        self.slots = BoundedSemaphore(jobs)
        """The cores, counted once for all threads."""

    def magic_number(self, python: str) -> int:
        """The bytecode's version that an interpreter reads and writes; HostError where it does not run."""
        program = "from importlib.util import MAGIC_NUMBER as m; print(m[0] | m[1] << 8)"
        completed = self._run((python, "-I", "-S", "-B", "-c", program))
        if completed.code != 0:
            message = f"{python} cannot compile"
            raise HostError(Problem(message=message, detail=completed.stderr))
        return int(completed.stdout)

    def compile(self, place: ModuleFolder, tasks: Sequence[Task]) -> tuple[CompiledModule, ...]:
        """Compile every task's module; an outcome for each, in their order.

        OSError where the disk does not take the result.
        """
        sizes = [task.module.size for task in tasks]
        parts = min(self.jobs, 1 + sum(sizes) // _WORTH)
        ranges = split_evenly(sizes, parts=parts, most=_MOST, at_most=_AT_MOST)
        with ThreadPoolExecutor(max_workers=self.jobs) as pool:
            futures = [pool.submit(self._part, place, tasks[a:b]) for a, b in ranges]
            return tuple(outcome for future in futures for outcome in future.result())

    def _part(self, place: ModuleFolder, tasks: Sequence[Task]) -> list[CompiledModule]:
        """One process's share; what ends the process itself is no module, the rest is tried again."""
        outcomes: list[CompiledModule] = []
        while len(outcomes) < len(tasks):
            rest = tasks[len(outcomes) :]
            completed = self._work(place, rest)
            outcomes += _outcomes(completed)
            if len(outcomes) < len(tasks):
                tasks[len(outcomes)].target.unlink(missing_ok=True)
                outcomes.append(_end(completed))
        return outcomes

    def _work(self, place: ModuleFolder, tasks: Sequence[Task]) -> Completed:
        rows = [[task.module.path, task.module.sha256, str(task.target)] for task in tasks]
        with tempfile.NamedTemporaryFile("w", prefix="envbuild-", suffix=".json") as job:
            json.dump({"root": str(place.root), "modules": rows}, job)
            job.flush()
            options = ("-I", "-S", "-B", "-W", "ignore")
            with self.slots:
                return self._run((place.python, *options, str(_WORKER), job.name), place.keep_open)

    def _run(self, argv: tuple[str, ...], keep_open: tuple[int, ...] = ()) -> Completed:
        env = scrubbed_environment(os.environ)
        return self.runner.run(
            Command(argv=argv, env=env, cwd="/", timeout=_TIMEOUT, keep_open=keep_open)
        )


def _outcomes(completed: Completed) -> list[CompiledModule]:
    """What a process said of its modules, as far as it came."""
    outcomes: list[CompiledModule] = []
    for line in completed.stdout.splitlines():
        try:
            fields = json.loads(line)
        except ValueError:  # cut off by the process's end
            break
        if "errno" in fields:
            number = fields["errno"] or errno.EIO
            raise OSError(number, os.strerror(number), fields["file"])
        outcomes.append(CompiledModule(**fields))
    if not outcomes and completed.code not in (0, DISK_FAILED) and completed.code > 0:
        raise HostError(Problem(message="modules cannot be compiled", detail=completed.stderr))
    return outcomes


def _end(completed: Completed) -> CompiledModule:
    """Why the module at which a process ended has no bytecode; being killed is not the module's fault."""
    if completed.timed_out:
        return CompiledModule(failed=f"compiling took more than {_TIMEOUT:g} seconds")
    if completed.code == -signal.SIGKILL:
        return CompiledModule(absent="compiling was killed")
    return CompiledModule(failed=f"compiling ended the interpreter (status {completed.code})")
