"""Run other programs: the only place that imports subprocess."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from envbuild.errors import HostError, Problem
from envbuild.posix.excerpt import Excerpt
from envbuild.posix.trace import TRACE
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO, Any

_FOREIGN = (
    "UV_",
    "PIP_",
    "PYTHON",
    "_PYTHON",
    "PYC_",
    "VIRTUAL_ENV",
    "CONDA_",
    "__PYVENV_LAUNCHER__",
    "ENVBUILD_",
)
_GRACE = 5.0
_TEXT: Mapping[str, Any] = {"text": True, "encoding": "utf-8", "errors": "replace"}
_LOOK = 0.5
"""Seconds between two looks at a program that is watched."""

_PART = 1 << 16


@value
class Command:
    """What to run."""

    argv: tuple[str, ...]
    """The program's absolute path, then its arguments."""

    env: tuple[tuple[str, str], ...]
    """The whole environment; see `scrubbed_environment`."""

    cwd: str
    timeout: float | None = None
    """Seconds after which the program is killed; None waits as long as it takes."""

    memory: int | None = None
    """Bytes of data that the program may use; None for no limit. Only Linux enforces it."""

    ends_group: bool = False
    """Whether processes that the program leaves in its group are ended with it."""

    read: str | None = None
    """The path of the file that the program reads as its stdin; None for an empty one."""

    keep_open: tuple[int, ...] = ()
    """Descriptors that the program inherits; a lock among them is held until the program has ended."""

    heard: Callable[[str], None] | None = None
    """Called with each line of stderr as it is written; in another thread, and must not raise."""

    most_output: int | None = None
    """Bytes of output that are kept, from its start and its end; stderr is in `stdout` then. None keeps all."""

    watch: Callable[[int], str | None] | None = None
    """Called about once a second with the process id; a reason kills the program and its group."""


@value
class Completed:
    """The result of a finished program."""

    code: int
    """The exit status; a negative number is the signal that ended it."""

    stdout: str
    stderr: str
    timed_out: bool = False
    stopped: str | None = None
    """The reason of `Command.watch`, if that ended the program."""


Talk = subprocess.Popen[bytes]
"""A running program, with its stdin and stdout."""


class Runner(Protocol):
    """Runs commands; tests pass a fake one."""

    def run(self, command: Command) -> Completed:
        """Run to the end and return the output; HostError if the program cannot be started."""
        ...


def find_program(name: str, path: str | None) -> str | None:
    """The path of a program in `PATH`; folders relative to the working folder are skipped."""
    import shutil

    return shutil.which(name, path=_absolute_folders(os.defpath if path is None else path))


def _absolute_folders(path: str) -> str:
    return os.pathsep.join(part for part in path.split(os.pathsep) if os.path.isabs(part))  # noqa: PTH117


def scrubbed_environment(source: Mapping[str, str], **extra: str) -> tuple[tuple[str, str], ...]:
    """The environment for a child: variables that steer uv, pip or Python are dropped, then `extra` is set.

    `PATH` loses the folders that are relative to the working folder.
    A variable for certificates that is empty is dropped: uv would look for a file of that name.
    """
    empty = {key for key, value in source.items() if not value and key.startswith("SSL_")}
    kept = {k: v for k, v in source.items() if not k.startswith(_FOREIGN) and k not in empty}
    if "PATH" in kept:
        kept["PATH"] = _absolute_folders(kept["PATH"])
    return tuple(sorted((kept | extra).items()))


class SystemRunner:
    """Runs commands as child processes, each in a process group of its own.

    `stop` ends every running child with its group, from any thread;
    an interrupted envbuild calls it, so that no child goes on unseen.
    """

    def __init__(self, *, grace: float = _GRACE) -> None:
        """`grace`: seconds that a stopped program has to end by itself."""
        self._grace = grace
        self._running: set[subprocess.Popen[Any]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def run(self, command: Command) -> Completed:
        """Run to the end; HostError if the program cannot be started or envbuild is being stopped."""
        process: subprocess.Popen[str] = self._start(command)
        listener = None if command.heard is None else _Listener(process, command.heard)
        excerpt = None if command.most_output is None else _Excerpted(process, command.most_output)
        try:
            stdout, stderr = _communicate(process, command)
        except _Ended as ended:
            _end_group(process.pid)
            process.wait()
            said = "" if excerpt is None else excerpt.said(self._grace)
            return Completed(
                code=process.returncode,
                stdout=said,
                stderr="",
                timed_out=ended.reason is None,
                stopped=ended.reason,
            )
        except subprocess.TimeoutExpired:
            _end_group(process.pid)
            stdout, stderr = _last_words(process, self._grace)
            if listener is not None:
                stderr = listener.said(self._grace)
            return Completed(code=process.returncode, stdout=stdout, stderr=stderr, timed_out=True)
        except BaseException:
            _end(process, signal.SIGKILL)
            process.wait()
            raise
        finally:
            with self._lock:
                self._running.discard(process)
        self._refuse_when_stopped()
        if listener is not None:
            stderr = listener.said()
        if command.ends_group:
            _end_group(process.pid)
        if excerpt is not None:
            stdout = excerpt.said(self._grace)
        TRACE.said(stderr or "")
        return Completed(code=process.returncode, stdout=stdout, stderr=stderr)

    @contextmanager
    def talk(self, command: Command) -> Iterator[Talk]:
        """Start a program for the block to talk to through its stdin and stdout; HostError as in `run`.

        The end of the block closes both and waits for it; an error in the block kills it.
        """
        process = self._start(command, talk=True)
        try:
            yield process
        except BaseException:
            _end(process, signal.SIGKILL)
            self._refuse_when_stopped()
            raise
        finally:
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
            process.wait()
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """End every child with its group and refuse new ones; returns when they have ended."""
        with self._lock:
            self._stopped = True
            running = tuple(self._running)
        for process in running:
            _end(process, signal.SIGTERM)
        for process in running:
            try:
                process.wait(timeout=self._grace)
            except subprocess.TimeoutExpired:
                _end(process, signal.SIGKILL)
                process.wait()
            _end_group(process.pid)

    def _refuse_when_stopped(self) -> None:
        """The output of a program that `stop` ended is no result."""
        if self._stopped:
            raise HostError(Problem(message="envbuild is being stopped"))

    def _start(self, command: Command, *, talk: bool = False) -> subprocess.Popen[Any]:
        with self._lock:
            self._refuse_when_stopped()
            TRACE.started(command.argv)
            try:
                with open(command.read or os.devnull, "rb") as stdin:  # noqa: PTH123
                    process = subprocess.Popen(
                        command.argv,
                        env=dict(command.env),
                        cwd=command.cwd,
                        stdin=subprocess.PIPE if talk else stdin,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE
                        if command.most_output is None
                        else subprocess.STDOUT,
                        process_group=0,
                        pass_fds=command.keep_open,
                        **({} if talk else _TEXT),
                    )
            except OSError as error:
                raise HostError(
                    Problem(message=f"cannot start {command.argv[0]}: {error.strerror}")
                ) from error
            self._running.add(process)
        if command.memory is not None:
            _limit_memory(process.pid, command.memory)
        return process


def _limit_memory(pid: int, most: int) -> None:
    import resource

    if sys.platform == "linux":
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (most, most))


class _Ended(Exception):  # noqa: N818  (no error: a limit that was set)
    """A watched program was ended, for a reason or because its time was over."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


def _communicate(process: subprocess.Popen[str], command: Command) -> tuple[str, str]:
    """The output at the end; _Ended for a program that is watched, else TimeoutExpired."""
    watch = command.watch
    if watch is None and command.most_output is None:
        return process.communicate(timeout=command.timeout)
    deadline = None if command.timeout is None else time.monotonic() + command.timeout
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=_LOOK)
        if deadline is not None and time.monotonic() > deadline:
            raise _Ended(None)
        reason = None if watch is None else watch(process.pid)
        if reason is not None:
            raise _Ended(reason)


class _Excerpted:
    """Reads a program's output in a thread of its own, and keeps its start and its end."""

    def __init__(self, process: subprocess.Popen[str], most: int) -> None:
        self._excerpt = Excerpt(most)
        stream = process.stdout
        assert stream is not None
        process.stdout = None  # so that `communicate` does not read it
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def said(self, patience: float) -> str:
        """What was kept, when the pipe is closed or after `patience` seconds."""
        self._thread.join(patience)
        return self._excerpt.text()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            while part := os.read(stream.fileno(), _PART):
                self._excerpt.add(part)


class _Listener:
    """Reads a program's stderr line by line, in a thread of its own."""

    def __init__(self, process: subprocess.Popen[str], heard: Callable[[str], None]) -> None:
        self._lines: list[str] = []
        stream = process.stderr
        assert stream is not None
        process.stderr = None  # so that `communicate` does not read it
        self._thread = threading.Thread(target=self._listen, args=(stream, heard), daemon=True)
        self._thread.start()

    def said(self, patience: float | None = None) -> str:
        """Everything that was written, when the pipe is closed or after `patience` seconds."""
        self._thread.join(patience)
        return "".join(self._lines)

    def _listen(self, stream: IO[str], heard: Callable[[str], None]) -> None:
        with stream:
            for line in stream:
                self._lines.append(line)
                heard(line.rstrip("\n"))


def _end(process: subprocess.Popen[Any], how: signal.Signals) -> None:
    """Signal the process and its group, if they still run."""
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, how)
    except ProcessLookupError:
        return


def _end_group(leader: int) -> None:
    """Kill the rest of a program's group; the program itself may have ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _last_words(process: subprocess.Popen[str], grace: float) -> tuple[str, str]:
    """The output of a killed program; a process that left its group may hold the pipes open, so the wait is short."""
    try:
        return process.communicate(timeout=grace)
    except subprocess.TimeoutExpired as error:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()
        return _decoded(error.stdout), _decoded(error.stderr)


def _decoded(said: str | bytes | None) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""
