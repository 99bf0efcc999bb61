"""What stderr shows while a command works: lines for a pipe, a display on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def declared(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """Two drivers, not yet locked."""
    index.add(command_wheel("web"), command_wheel("gate"))
    run_envbuild.declare(declare_drivers({"web": ["web"], "gate": ["gate"]}, python=python_version))
    return run_envbuild


def _on_a_terminal(run: CommandLine, *argv: str) -> tuple[int, str, str]:
    """Exit code, stdout, and what a terminal on stderr got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, "-m", "envbuild", *argv),
        cwd=run.cwd,
        env=run.environment({"TERM": "xterm-256color"}),
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


def test_a_pipe_gets_lines(declared: CommandLine) -> None:
    """Without a terminal there are plain lines on stderr, and rich is never imported."""
    result = declared("lock", env={"PYTHONPROFILEIMPORTTIME": "1"}, check=True)
    assert "web: resolving for" in result.stderr
    assert "\x1b[" not in result.stderr
    assert "rich" not in result.stderr
