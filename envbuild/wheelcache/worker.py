"""Compiles modules, run by the interpreter that they are for: `python -I -S -B worker.py JOB`.

It runs on the environment's Python, so it imports nothing of envbuild and nothing newer than Python 3.8.
Small environments wait for its start, so it imports little: `json` and `contextlib` take as long as a Python's start.
JOB is a file that `compiler` writes with `marshal`, in a version that every Python reads; see `Job`.
On stdout each module gets one line, see `Outcome`.
"""

from __future__ import annotations

import gc
import hashlib
import marshal
import os
import sys
from importlib.util import MAGIC_NUMBER, source_hash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    Job = tuple[str, list[tuple[str, str, str]]]
    """The modules' folder; of each module its path below that, its sha256 or nothing, and the path of its bytecode."""

    Outcome = tuple[str, str]
    """`done` with size and sha256, `failed` or `absent` with the reason, `errno` with its number and the file."""

_UNCHECKED = b"\x01\x00\x00\x00"
"""The flags of bytecode that is never compared with its source (PEP 552)."""

DISK_FAILED = 3
"""The exit status if the disk did not take a result."""


def main(job_file: str) -> int:
    """Compile every module of a job, in order."""
    with open(job_file, "rb") as stream:  # noqa: PTH123
        job: Job = marshal.load(stream)  # noqa: S302  (written by `compiler`)
    os.umask(0)
    gc.disable()  # compiling makes no cycles worth collecting
    settle_characters()
    step_back()
    root, modules = job
    for path, digest, target in modules:
        try:
            outcome = compile_module(root, path, digest, target)
        except OSError as error:
            say("errno", f"{error.errno or 0} {target}")
            return DISK_FAILED
        say(*outcome)
    return 0


def say(kind: str, text: str) -> None:
    """Print one outcome as one line, whatever is in the text."""
    line = " ".join(f"{kind} {text}".splitlines()) + "\n"
    sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace"))
    sys.stdout.flush()


def settle_characters() -> None:
    """Intern every string of one character; the process has one object for each.

    Before Python 3.13 such an object is interned when some module first needs it,
    and `marshal` records which strings are interned: the result would depend on earlier modules.
    """
    for number in range(256):
        sys.intern(chr(number))


def step_back() -> None:
    """Run at the lowest priority, if the host has more work than cores."""
    try:
        if os.getloadavg()[0] > (os.cpu_count() or 1):
            os.nice(19)
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        return


def compile_module(root: str, path: str, digest: str, target: str) -> Outcome:
    """Write one module's bytecode to `target`.

    `path` is relative to `root`; the bytecode has only this form,
    which the import system replaces by the full path.
    `digest` is the sha256 that the source must have, or empty.
    OSError if `target` cannot be written.
    """
    try:
        name = os.fsencode(root) + b"/" + path.encode("utf-8", "surrogateescape")
        with open(name, "rb", buffering=0) as stream:  # noqa: PTH123
            source = stream.read()
    except OSError as error:
        return "absent", str(error.strerror)
    if digest and hashlib.sha256(source).hexdigest() != digest:
        return "absent", "its content is not what the wheel recorded"
    try:
        content = render_bytecode(compile(source, path, "exec", dont_inherit=True), source)
    except Exception as error:  # noqa: BLE001  (any error of the compiler means that it is no module)
        return "failed", f"{type(error).__name__}: {error}"
    _write(target, content)
    return "done", f"{len(content)} {hashlib.sha256(content).hexdigest()}"


def render_bytecode(code: CodeType, source: bytes) -> bytes:
    """The bytes of a `.pyc` file: the same for the same source, independent of other modules."""
    return MAGIC_NUMBER + _UNCHECKED + source_hash(source) + marshal.dumps(code)


def _write(target: str, content: bytes) -> None:
    if os.path.lexists(target):  # left by a process that was killed
        os.unlink(target)  # noqa: PTH108
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with open(descriptor, "wb") as stream:  # noqa: PTH123
        stream.write(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
