"""Whether the host's default index can be reached: asked once a test run."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from uv import find_uv_bin

from tests.support.pythons import own_python


@functools.cache
def reach_default_index() -> str | None:
    """None when the default index answers, else why not, in one line."""
    request = urllib.request.Request(f"{default_index_url().rstrip('/')}/packaging/")
    request.add_header("Accept", "text/html")
    for _ in range(2):
        try:
            with urllib.request.urlopen(request, timeout=20):
                return None
        except OSError as error:
            reason = str(error)
    return reason


def default_index_url() -> str:
    """uv's default index, as uv itself says it."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.in"
        empty.touch()
        options = ("--no-config", "--offline", "--no-header", "--emit-index-url")
        argv = (find_uv_bin(), "pip", "compile", *options, "--python", own_python(), empty)
        env = {"PATH": os.defpath, "HOME": folder}
        done = subprocess.run(argv, capture_output=True, text=True, env=env, check=True)
    return done.stdout.split("--index-url", 1)[1].split()[0]
