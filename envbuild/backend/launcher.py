"""Start a build's program with fewer rights; a script for `python -I -S`, which imports nothing of envbuild.

Its one argument is JSON: `argv`, `umask`, `limits` (names of `resource` and numbers),
`user` (uid and gid, or null), `covered` (folders that the user may not enter),
`kept` (folders below those that it needs nevertheless).
Each covered folder is replaced by an empty one, for this program alone, in which only the kept ones are.
The program is a child, so that this script reaps what it leaves behind.
It ends with its parent process: `alive` is a descriptor that is then at its end.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys

_MS_BIND, _MS_REC = 4096, 16384
_PR_SET_NO_NEW_PRIVS = 38
_LOOK = 0.1
"""Seconds between two looks at the program."""

_UNUSABLE = 126
"""The exit status if the program cannot be started."""


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    if libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot mount {target}: {os.strerror(number)}")


def _cover(covered: list[str], kept: list[str]) -> None:
    there = {path: os.open(path, os.O_PATH) for path in kept}
    for folder in covered:
        _mount("none", folder, "tmpfs", 0, "mode=755,size=1m")
    for path, descriptor in there.items():
        os.makedirs(path, exist_ok=True)  # noqa: PTH103  (the script is quick to start)
        _mount(f"/proc/self/fd/{descriptor}", path, None, _MS_BIND | _MS_REC, None)
        os.close(descriptor)


def _restrict(told: dict[str, object], user: list[int] | None) -> None:
    limits = told["limits"]
    assert isinstance(limits, dict)
    for name, most in limits.items():
        number = getattr(resource, name)
        _, hard = resource.getrlimit(number)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (least, least))
    if user is not None:
        os.setgroups([])
        os.setgid(user[1])
        os.setuid(user[0])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _reap(child: int, alive: int) -> int:
    """The child's exit status, as a shell has it."""
    watch = select.poll()  # select() cannot take a number above 1023
    watch.register(alive)
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code
        if pid == 0 and watch.poll(_LOOK * 1000):
            os.killpg(0, signal.SIGKILL)  # which the first process of a namespace survives
            return _UNUSABLE


def _say(error: OSError) -> int:
    """Tell the log, which escapes it, why the program cannot be started → the exit status."""
    os.write(2, f"the build cannot be started: {error}\n".encode(errors="replace"))
    return _UNUSABLE


def main(text: str) -> int:
    """Run the program that the JSON text describes → its exit status."""
    told = json.loads(text)
    try:
        if told["covered"]:
            _cover(told["covered"], told["kept"])
        os.umask(told["umask"])
        child = os.fork()
    except OSError as error:
        return _say(error)
    if child:
        return _reap(child, told["alive"])
    try:
        os.close(told["alive"])
        _restrict(told, told["user"])
        os.execv(told["argv"][0], told["argv"])  # noqa: S606  (this is what the script is for)
    except OSError as error:
        os._exit(_say(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
