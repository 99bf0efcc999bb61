"""pypiserver as a process of its own: an index that we did not write, without PEP 658 and 691."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.http import LIFETIME
from tests.support.programs import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def run_pypiserver(folder: Path, *, lifetime: float = LIFETIME) -> Iterator[str]:
    """Serve a flat folder of wheels and source distributions; yields the index's URL.

    Names that the folder does not hold are 404.
    The process ends with the block, and by itself after its lifetime.
    """
    port = free_port()
    options = ("--disable-fallback", "-i", "127.0.0.1", "-p", str(port), "-a", ".", "-P", ".")
    argv = (sys.executable, "-m", "pypiserver", "run", *options, str(folder))
    with (
        tempfile.TemporaryDirectory() as logs,
        serving(argv, Path(logs), ("127.0.0.1", port), lifetime=lifetime),
    ):
        yield f"http://127.0.0.1:{port}/simple"
