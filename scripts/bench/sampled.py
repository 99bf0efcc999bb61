"""Run envbuild, and look again and again at which of its modules each thread is in.

    python sampled.py OUTPUT ARGUMENT...

OUTPUT is JSON: module of envbuild → how often a thread was in it, or in what it had called.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from envbuild.cli import main

_PAUSE = 0.001
_ROOM = "envbuild."
_WAITING = ("threading", "concurrent.futures.thread", "concurrent.futures._base", "queue")
"""Modules in which a thread waits for another one of this process."""


def run(output: str, *arguments: str) -> int:
    """envbuild's exit code."""
    seen: Counter[str] = Counter()
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(seen, ended), daemon=True)
    sys.setswitchinterval(_PAUSE / 4)
    watcher.start()
    try:
        return main(list(arguments), os.environ)
    finally:
        ended.set()
        watcher.join()
        Path(output).write_text(json.dumps(seen))


def _watch(seen: Counter[str], ended: threading.Event) -> None:
    own = threading.get_ident()
    while not ended.is_set():
        time.sleep(_PAUSE)
        for thread, frame in sys._current_frames().items():  # noqa: SLF001 - made for debuggers
            if thread != own and (module := _module_of(frame)):
                seen[module] += 1


def _module_of(frame: FrameType) -> str:
    """The innermost module of envbuild; empty where the thread waits for another."""
    if frame.f_globals.get("__name__") in _WAITING:
        return ""
    found: FrameType | None = frame
    while found is not None:
        name = str(found.f_globals.get("__name__", ""))
        if name.startswith(_ROOM):
            return name
        found = found.f_back
    return ""


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
