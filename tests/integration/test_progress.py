"""What stderr shows while a command works: lines for a pipe, a display on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.fault_proxy import Trickle, Truncate
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import FaultProxy
    from tests.support.index_server import IndexServer


@pytest.fixture
def declared(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """Two drivers, not yet locked."""
    index.add(command_wheel("web"), command_wheel("gate"))
    run_envbuild.declare(declare_drivers({"web": ["web"], "gate": ["gate"]}, python=python_version))
    return run_envbuild


def _on_a_terminal(run: CommandLine, *argv: str, **more: str) -> tuple[int, str, str]:
    """Exit code, stdout, and what a terminal on stderr got; `more` goes into the environment."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, "-m", "envbuild", *argv),
        cwd=run.cwd,
        env=run.environment({"TERM": "xterm-256color", "CI": None, **more}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass  # Linux says EIO when the last writer of a terminal has gone
    finally:
        os.close(ours)
    stdout, _ = process.communicate(timeout=60)
    return process.returncode, stdout, seen.decode()


def test_a_terminal_shows_the_drivers_side_by_side(declared: CommandLine) -> None:
    """Both drivers are on the display while it lasts; stdout has the result alone."""
    for command, end in (("lock", "web 1.0: locked, 1 package"), ("sync", "web 1.0: built")):
        code, stdout, terminal = _on_a_terminal(declared, command)
        assert code == 0, terminal
        assert end in stdout
        assert "web" in terminal
        assert "gate" in terminal
        assert "\x1b[" in terminal
        assert "\x1b[" not in stdout


def test_a_terminal_shows_how_many_bytes_have_come(
    run_envbuild: CommandLine, index: IndexServer, faults: FaultProxy, python_version: str
) -> None:
    """Who waits for large wheels sees them count, at the driver that they are for."""
    web = command_wheel("web", requires=["small", "large"])
    content = random.Random(1)
    for name, size in (("small", 2 << 20), ("large", 4 << 20)):
        wheel = replace(command_wheel(name), data={"data/d": content.randbytes(size)}, commands={})
        index.add(wheel)
    index.add(web)
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    faults.inject(r"/(small|large)-.*\.whl$", Trickle(pause=0.5, piece=1 << 20))
    code, _, terminal = _on_a_terminal(run_envbuild, "sync", ENVBUILD_INDEX_DEFAULT_URL=faults.url)
    assert code == 0, terminal
    assert "0 B of 6.0 MiB" in terminal
    assert "2.0 MiB of 6.0 MiB" in terminal


def test_a_download_that_breaks_off_counts_on(
    run_envbuild: CommandLine, index: IndexServer, faults: FaultProxy, python_version: str
) -> None:
    """What had come before the connection broke is neither asked for nor counted again."""
    data = {"data/d": random.Random(1).randbytes(4 << 20)}
    wheel = replace(command_wheel("web"), data=data)
    index.add(wheel)
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    faults.inject(r"/web-.*\.whl$", Trickle(pause=0.5, piece=1 << 18))
    faults.inject(r"/web-.*\.whl$", Truncate(after=3 << 20), times=1)
    env = {"ENVBUILD_INDEX_DEFAULT_URL": faults.url, "ENVBUILD_HTTP_RETRIES": "2"}
    code, _, terminal = _on_a_terminal(run_envbuild, "sync", **env)
    assert code == 0, terminal
    assert re.search(r"3\.[0-9] MiB of 4\.0 MiB", terminal)
    spans = [asked.headers.get("range") for asked in faults.requests if "/web-" in asked.path]
    assert spans[0] is None
    assert re.fullmatch(r"bytes=(2|3)\d{6}-", spans[1] or "")
    assert len(spans) == 2


def test_a_pipe_gets_lines(declared: CommandLine) -> None:
    """Without a terminal there are plain lines on stderr, and rich is never imported."""
    result = declared("lock", env={"PYTHONPROFILEIMPORTTIME": "1"}, check=True)
    assert re.search(r"(?m)^web: 1 package, [0-9.]+ s$", result.stderr)
    assert re.search(r"(?m)^2 done, [0-9.]+ s$", result.stderr)
    assert "resolving for" not in result.stderr
    assert "\x1b[" not in result.stderr
    assert "rich" not in result.stderr


def test_verbose_tells_the_stages(declared: CommandLine) -> None:
    """Who looks for what takes long sees each stage."""
    result = declared("lock", "-v", check=True)
    assert "web: resolving for" in result.stderr


def test_results_have_colours_on_a_terminal_alone(declared: CommandLine) -> None:
    """`--color always` paints in a pipe, `NO_COLOR` and `--color never` keep a terminal plain."""
    declared("lock", check=True)
    plain = declared("lock", "--check", check=True).stdout
    assert "\x1b[" not in plain
    painted = declared("lock", "--check", "--color", "always", check=True).stdout
    assert "\x1b[32mfresh\x1b[0m" in painted
    assert re.sub(r"\x1b\[\d+m", "", painted) == plain
    table = declared("lock", "--check", "--color", "always", "--format", "json", check=True)
    assert "\x1b[" not in table.stdout
    for argv, env in ((("--color", "never"), {}), ((), {"NO_COLOR": "1"})):
        _, _, terminal = _on_a_terminal(declared, "which", "nobody", *argv, **env)
        assert terminal.startswith("error: ")
    _, _, terminal = _on_a_terminal(declared, "which", "nobody", NO_COLOR="")
    assert terminal.startswith("\x1b[31m\x1b[1merror:\x1b[0m ")


def test_a_terminal_that_is_resized(
    run_envbuild: CommandLine, index: IndexServer, faults: FaultProxy, python_version: str
) -> None:
    """The table follows the window while it is drawn: no line is wider than it is."""
    wheel = replace(command_wheel("web"), data={"data/d": random.Random(1).randbytes(4 << 20)})
    index.add(wheel)
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    faults.inject(r"/web-.*\.whl$", Trickle(pause=0.4, piece=1 << 20))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    process = subprocess.Popen(
        (sys.executable, "-m", "envbuild", "sync"),
        cwd=run_envbuild.cwd,
        env=run_envbuild.environment(
            {
                "TERM": "xterm-256color",
                "CI": None,
                "ENVBUILD_INDEX_DEFAULT_URL": faults.url,
                "COLUMNS": None,
                "LINES": None,
            }
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    seen, narrow = b"", None
    os.close(theirs)
    while narrow is None or b"done" not in seen[narrow:]:
        try:
            seen += os.read(ours, 65536)
        except OSError:
            break
        if narrow is None and b"of 4.0 MiB" in seen:
            narrow = len(seen)
            fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    assert process.wait(60) == 0
    process.communicate()
    os.close(ours)
    assert narrow is not None
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen[narrow:].decode())
    rows = [line for line in re.split(r"[\r\n]+", drawn) if line.rstrip().endswith(" s")][2:]
    assert rows
    assert max(map(len, rows)) <= 40, rows
