"""pypiserver as a process of its own: an index that we did not write, without PEP 658 and 691."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from tests.support.http import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SERVE = """\
import signal, sys
signal.alarm(int(sys.argv.pop(1)))
from pypiserver.__main__ import main
main(sys.argv[1:])
"""
_START = 20.0
"""Seconds that the server has to answer for the first time."""


@contextlib.contextmanager
def run_pypiserver(folder: Path, *, lifetime: float = LIFETIME) -> Iterator[str]:
    """Serve a flat folder of wheels and source distributions; yields the index's URL.

    Names that the folder does not hold are 404.
    The process ends with the block, and by itself after its lifetime.
    """
    port = _free_port()
    options = ("--disable-fallback", "-i", "127.0.0.1", "-p", str(port), "-a", ".", "-P", ".")
    argv = (sys.executable, "-c", _SERVE, str(int(lifetime)), "run", *options, str(folder))
    null = subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=null, stdout=null, stderr=null) as process:
        try:
            url = f"http://127.0.0.1:{port}/simple"
            _wait_for(url, process)
            yield url
        finally:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the server answers; RuntimeError when it ends or says nothing."""
    end = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{url}/", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"pypiserver does not answer (exit status {process.poll()})")
