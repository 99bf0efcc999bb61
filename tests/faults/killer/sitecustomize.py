"""Put on a child's PYTHONPATH: ends envbuild by SIGKILL right before the n-th change to a store.

Every call of Python that changes a path below the store counts, by its audit event;
what has no event of its own (fsync, syncfs, renameat2) is counted where it is called.
Forked children count on from where they were forked. Programs that envbuild starts are left alone:
their environment is scrubbed of PYTHONPATH.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import HasFileno

_STORE = os.environ["ENVBUILD_TEST_STORE"]
_AT = int(os.environ["ENVBUILD_TEST_KILL_AT"])
_LOG = os.open(os.environ["ENVBUILD_TEST_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
_CHANGING = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.truncate",
    "os.utime",
}
_FOREIGN = ("syncfs", "renameat2")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_count = 0


def _point(what: str) -> None:
    global _count  # noqa: PLW0603  (one process, one count)
    _count += 1
    os.write(_LOG, f"{what}\n".encode())
    if _count == _AT:
        os.kill(os.getpid(), signal.SIGKILL)


def _below(path: object) -> bool:
    return isinstance(path, str | bytes) and os.fsdecode(path).startswith(_STORE)


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITES and _below(path):
            _point(f"open {path!r}")
    elif event in _CHANGING and any(map(_below, arguments[:2])):
        _point(f"{event} {arguments[0]!r}")
    elif event == "ctypes.dlsym" and arguments[1] in _FOREIGN:
        _point(str(arguments[1]))


def _counted_fsync(fd: int | HasFileno) -> None:
    _point("fsync")
    _fsync(fd)


_fsync = os.fsync
os.fsync = _counted_fsync
sys.addaudithook(_hook)
ctypes.CDLL  # noqa: B018  (imported before the hook, so that importing it is no point)
