"""The programs that play the servers: found, or a loud skip; started in a folder, and always ended."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.http import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VENVS = os.environ.get("ENVBUILD_INDEX_SERVERS")
"""A folder with one venv a server, as `nox -s indexes` makes it; read before tests are isolated."""

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_START = 60.0
"""Seconds that a server has to listen: devpi takes ten of them where the machine is busy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One program of another's."""

    name: str
    """The command."""

    package: str
    """What to install: a Debian package, or what a venv of that name holds."""

    asks_version: str = "--version"
    in_venv: bool = False

    def find(self) -> Path:
        """Where it is; skips the test where it is not."""
        if self.in_venv:
            found = Path(VENVS or os.devnull, self.package, "bin", self.name)
            how = "run `nox -s indexes`, which installs it"
            where = str(found) if found.exists() else None
        else:
            where = shutil.which(self.name, path=_PATH)
            how = f"on Debian: apt-get install {self.package}"
        if where is None:
            pytest.skip(f"NOT TESTED: {self.name} is not here; {how}")
        return Path(where)

    def version(self) -> str:
        """What it says of its own version; what its venv or Debian says, where it does not."""
        argv: tuple[str | Path, ...] = (self.find(), self.asks_version)
        if self.in_venv:
            ask = f"import importlib.metadata as m; print(m.version({self.package!r}))"
            argv = (self.find().parent / "python", "-c", ask)
        elif not self.asks_version:
            argv = ("dpkg-query", "-W", "-f", "${Version}", self.package)
        with contextlib.suppress(OSError):
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
            found = _VERSION.search(done.stdout) or _VERSION.search(done.stderr)
            return found[0] if found else "unknown"
        return "unknown"


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(
    argv: Sequence[str | Path],
    folder: Path,
    address: tuple[str, int],
    *,
    log: str = "output.log",
    lifetime: float = LIFETIME,
) -> Iterator[None]:
    """A server that listens for the length of the block; what it says goes into a log in the folder.

    It is in a process group of its own, which ends with the block, and by itself after its lifetime.
    """
    bounded = ("timeout", "--signal=KILL", str(int(lifetime)), *argv)
    with (folder / log).open("ab") as output:
        process = subprocess.Popen(
            bounded,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_for(process, address, folder / log)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], address: tuple[str, int], log: Path) -> None:
    end = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(address, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} does not listen (exit status {process.poll()}): {said}")


def knowing_hosts(folder: Path, hosts: dict[str, str]) -> tuple[str, ...]:
    """What to put before a command so that it alone resolves these names (name → address).

    The command gets a mount namespace with an `/etc/hosts` of its own; skips where none can be made.
    """
    file = folder / "hosts"
    file.write_text("".join(f"{address} {name}\n" for name, address in hosts.items()))
    unshare = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "-r", "--mount")
    try:
        subprocess.run((*unshare, "true"), check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("NOT TESTED: this machine lets nobody make a mount namespace (unshare --mount)")
    return (*unshare, "sh", "-c", f'mount --bind {file} /etc/hosts && exec "$@"', "sh")


def crypted(password: str) -> str:
    """A password as htpasswd files have it (apr1); skips where there is no openssl."""
    openssl = Program(name="openssl", package="openssl").find()
    argv = (openssl, "passwd", "-apr1", "-stdin")
    done = subprocess.run(argv, input=password, capture_output=True, text=True, check=True)
    return done.stdout.strip()
