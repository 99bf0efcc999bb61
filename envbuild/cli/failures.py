"""The output and the exit code for an exception that no command catches."""

from __future__ import annotations

import errno
import os
import sys

from envbuild.errors import EnvbuildError, HostError, Problem, UsageError
from envbuild.posix.shortage import OPEN_FILES, SHORTAGES
from envbuild.text import text_of

_BUG = 70

_OF_THE_HOST = SHORTAGES | {
    errno.EIO,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EAGAIN,
    errno.EFBIG,
}
"""Errors of a disk, a limit or a permission; any other system error is a bug."""

_PROCESSES = "the limit of processes (`ulimit -u`, `TasksMax=` of a unit)"


def end_with(error: Exception, *, as_json: bool) -> int:
    """Print the problems of an error on stderr, and return its exit code.

    In JSON mode they are on stdout too, so that a reader always gets one object.
    An error that is neither known nor the host's is a bug: its traceback is printed.
    """
    known = error if isinstance(error, EnvbuildError) else _system_error(error)
    if known is None:
        return _report_bug(error)
    from envbuild.report.lines import render_problems
    from envbuild.report.outcome import problems_table, render_table

    sys.stderr.write(render_problems(known.problems))
    if as_json:
        sys.stdout.write(render_table(problems_table(known)))
    return known.exit_code


def _system_error(error: Exception) -> EnvbuildError | None:
    """The same as an error of the host, or of a path that was given; None if it is neither."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        message = "the path, or a name in it, is longer than the file system allows"
        file = os.fsdecode(error.filename) if error.filename else None
        return UsageError(Problem(file=file, message=message, hint="give a shorter path"))
    if isinstance(error, OSError) and error.errno in _OF_THE_HOST:
        place = f"{error.filename}: " if error.filename else ""
        return _failure(f"{place}{error.strerror}", None)
    if isinstance(error, MemoryError):
        return _failure("there is no memory left", None)
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return _failure(str(error), f"raise {_PROCESSES}")
    if isinstance(error, ImportError) and _is_of_the_host(error):
        hint = f"look at {OPEN_FILES} and at the installation of {sys.executable}"
        return _failure(f"Python could not load a module: {error}", hint)
    return None


def _is_of_the_host(error: ImportError) -> bool:
    """Whether a shared object does not load, or this Python lacks one of its own modules.

    A missing name in Python code comes with the file of that code.
    The error of an extension that does not load has its file, or none.
    """
    if isinstance(error, ModuleNotFoundError):
        return error.name in sys.stdlib_module_names
    return error.path is None or not error.path.endswith(".py")


def _failure(what: str, hint: str | None) -> HostError:
    return HostError(Problem(message=f"the host could not do it: {what}", hint=hint))


def _report_bug(error: Exception) -> int:
    import traceback

    from envbuild import __version__

    lines = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
    said = f"error: this is a bug in envbuild {__version__}; please report it with the lines above"
    sys.stderr.write(text_of([*lines, said]))
    return _BUG
