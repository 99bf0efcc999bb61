"""Shells on terminals, with a home folder of their own, and an envbuild that notes how it is called."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONGEST = 30.0
"""Seconds that a shell may take for a line."""

ENVBUILD = """#!/bin/sh
if [ -n "${_ARGCOMPLETE-}" ] || [ "$1" = completion ]; then
    exec %s -m envbuild "$@"
fi
echo "$*" >>"$HOME/called"
"""


class Shell:
    """An interactive shell on a terminal of its own; what it shows is read and dropped."""

    def __init__(
        self, argv: tuple[str, ...], folder: Path, environment: dict[str, str], called: Path
    ) -> None:
        self._terminal, inner = pty.openpty()
        self._called = called
        self._process = subprocess.Popen(
            argv,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd=folder,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  (fish needs job control)
        )
        os.close(inner)
        threading.Thread(target=self._drain, daemon=True).start()

    def type(self, words: str) -> None:
        """Type these characters."""
        os.write(self._terminal, words.encode())

    def wait_for(self, calls: list[str]) -> None:
        """Wait until envbuild was called with these arguments, call by call."""
        deadline = time.monotonic() + LONGEST
        while self.calls() != calls and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.calls() == calls

    def calls(self) -> list[str]:
        """The arguments of each call so far."""
        return self._called.read_text().splitlines() if self._called.exists() else []

    def end(self) -> None:
        """End the shell and what it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _drain(self) -> None:
        try:
            while os.read(self._terminal, 1 << 16):
                pass
        except OSError:  # the shell has ended
            os.close(self._terminal)


def _take_terminal() -> None:
    """Make the terminal on stdin the controlling one of this process."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def start_shell(tmp_path: Path) -> Iterator[Callable[[str, str], Shell]]:
    """Starts a shell by its name, with this line in its start-up file, in a folder with two drivers."""
    started: list[Shell] = []
    home, project = tmp_path / "home", tmp_path / "project"
    (home / ".config/fish").mkdir(parents=True)
    project.mkdir()
    drivers = "".join(f'[drivers.{name}]\nrequires = ["base"]\n' for name in ("flask", "httpie"))
    (project / "drivers.toml").write_text(f"version = 1\n{drivers}")
    (project / "project.txt").touch()
    envbuild = home / "envbuild"
    envbuild.write_text(ENVBUILD % sys.executable)
    envbuild.chmod(0o755)
    files = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}

    def start(name: str, line: str) -> Shell:
        if shutil.which(name) is None:
            pytest.skip(f"NOT TESTED: there is no {name}; apt-get install {name}")
        (home / files[name]).write_text(f"{line}\nenvbuild started\n")
        path = f"{home}:{os.environ['PATH']}"
        environment = child_environment(HOME=str(home), PATH=path, TERM="dumb")
        for leak in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "ENVBUILD_FILE", "ZDOTDIR"):
            environment.pop(leak, None)
        shell = Shell((name, "-i"), project, environment, home / "called")
        started.append(shell)
        return shell

    yield start
    for shell in started:
        shell.end()
