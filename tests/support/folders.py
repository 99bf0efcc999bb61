"""Folders that a test or a measurement has made, and how they go again."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder whatever the modes inside it, and though a `gc` may still be removing there too."""
    for _ in range(50):
        with suppress(OSError):
            _remove_now(folder)
        if not folder.exists():
            return
        time.sleep(0.1)
    _remove_now(folder)


def _remove_now(folder: Path) -> None:
    """Let `rm` do it, which takes a fraction of the time; it stops at folders that its user may not write."""
    subprocess.run(("/bin/rm", "-rf", "--", folder), stderr=subprocess.DEVNULL, check=False)
    if not folder.exists():
        return
    for root, folders, _ in os.walk(folder):
        for path in (Path(root), *(Path(root) / name for name in folders)):
            if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o700 != 0o700:
                path.chmod(0o700)
    shutil.rmtree(folder)
