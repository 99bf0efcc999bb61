"""Compile modules with the interpreter that will run them, in as many processes as there are jobs."""

from __future__ import annotations

import errno
import marshal
import os
import signal
import tempfile
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.posix.workers import Workers
from envbuild.value import value
from envbuild.wheelcache.modules import split_evenly
from envbuild.wheelcache.worker import DISK_FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.posix.process import Completed, Runner
    from envbuild.wheelcache.modules import Module
    from envbuild.wheelcache.worker import Job

_WORKER = Path(__file__).with_name("worker.py")
_MOST = 4 << 20
"""Bytes of source for one process: about 0.6 s of work, so that its start does not count."""

_WORTH = 64 << 10
"""Bytes of source that compile in the time that a process needs to start."""

_AT_MOST = 1000
_MARSHAL = 2
"""The version of marshal's format; every Python reads it."""

_TIMEOUT = 600.0
"""Seconds for one process; a module that takes longer gets no bytecode."""


@value
class ModuleFolder:
    """The interpreter and the folder for compiling."""

    python: str
    root: Path
    """The folder that modules are relative to."""

    keep_open: tuple[int, ...]
    """Descriptors that the processes inherit, so that a lock is held until the last one has ended."""


@value
class Task:
    """A module to compile, and the path of its bytecode."""

    module: Module
    target: Path


@value
class CompiledModule:
    """The result of a task: bytecode with `size` and `sha256`, or a reason."""

    size: int = 0
    sha256: str = ""
    failed: str = ""
    """Why the source does not compile; it will not the next time."""

    absent: str = ""
    """Why nothing was compiled: the source is missing or belongs to another wheel."""


class BytecodeCompiler:
    """Compiles for all builds of a sync, on no more cores than there are jobs."""

    def __init__(self, *, runner: Runner, jobs: int) -> None:
        self.runner = runner
        self.jobs = jobs
        self.slots = BoundedSemaphore(jobs)
        """The cores, shared by all threads."""

    def magic_number(self, python: str) -> int:
        """The magic number of an interpreter's bytecode; HostError if it does not run."""
        program = "from importlib.util import MAGIC_NUMBER as m; print(m[0] | m[1] << 8)"
        completed = self._run((python, "-I", "-S", "-B", "-c", program))
        if completed.code != 0:
            message = f"{python} cannot compile"
            raise HostError(Problem(message=message, detail=completed.stderr))
        return int(completed.stdout)

    def compile(self, place: ModuleFolder, tasks: Sequence[Task]) -> tuple[CompiledModule, ...]:
        """Compile every task's module; returns their results in order.

        OSError if the disk fails.
        """
        sizes = [task.module.size for task in tasks]
        parts = min(self.jobs, 1 + sum(sizes) // _WORTH)
        ranges = split_evenly(sizes, parts=parts, most=_MOST, at_most=_AT_MOST)
        with Workers(max_workers=self.jobs) as pool:
            futures = [pool.submit(self._part, place, tasks[a:b]) for a, b in ranges]
            return tuple(outcome for future in futures for outcome in future.result())

    def _part(self, place: ModuleFolder, tasks: Sequence[Task]) -> list[CompiledModule]:
        """Run one process; a module that ends the process gets no bytecode, and the rest is tried again."""
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
        rows = [(task.module.path, task.module.sha256, str(task.target)) for task in tasks]
        job: Job = (str(place.root), rows)
        with tempfile.NamedTemporaryFile(prefix="envbuild-", suffix=".job") as file:
            file.write(marshal.dumps(job, _MARSHAL))
            file.flush()
            options = ("-I", "-S", "-B", "-W", "ignore")
            with self.slots:
                return self._run((place.python, *options, str(_WORKER), file.name), place.keep_open)

    def _run(self, argv: tuple[str, ...], keep_open: tuple[int, ...] = ()) -> Completed:
        env = scrubbed_environment(os.environ)
        return self.runner.run(
            Command(argv=argv, env=env, cwd="/", timeout=_TIMEOUT, keep_open=keep_open)
        )


def _outcomes(completed: Completed) -> list[CompiledModule]:
    """The results that a process has printed."""
    outcomes: list[CompiledModule] = []
    for line in completed.stdout.split("\n")[:-1]:  # without a line that was cut off
        kind, _, text = line.partition(" ")
        if kind == "errno":
            digits, _, file = text.partition(" ")
            number = int(digits) or errno.EIO
            raise OSError(number, os.strerror(number), file)
        if kind == "done":
            size, _, sha256 = text.partition(" ")
            outcomes.append(CompiledModule(size=int(size), sha256=sha256))
        elif kind == "failed":
            outcomes.append(CompiledModule(failed=text))
        else:
            outcomes.append(CompiledModule(absent=text))
    if not outcomes and completed.code not in (0, DISK_FAILED) and completed.code > 0:
        raise HostError(Problem(message="modules cannot be compiled", detail=completed.stderr))
    return outcomes


def _end(completed: Completed) -> CompiledModule:
    """Why the module at which a process ended has no bytecode; a killed process is not the module's fault."""
    if completed.timed_out:
        return CompiledModule(failed=f"compiling took more than {_TIMEOUT:g} seconds")
    if completed.code == -signal.SIGKILL:
        return CompiledModule(absent="compiling was killed")
    return CompiledModule(failed=f"compiling ended the interpreter (status {completed.code})")
