"""The command line: from argv to an exit code. Errors are caught and printed only here."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments
    from envbuild.cli.verbs import Verb
    from envbuild.text import Text

_INTERRUPTED = 130
_GRACE = 1.0
"""Seconds that threads have after an interrupt."""


def entry() -> NoReturn:
    """Run this process's command line and end the process.

    After an interrupt it ends soon: the caller does not wait for threads.
    It skips the interpreter's shutdown, which takes milliseconds
    and restores the default effect of signals.
    """
    try:
        if "_ARGCOMPLETE" in os.environ:  # a shell asks for completions
            from envbuild.cli.completion import complete

            complete()
        settle_streams()
        code = main(sys.argv[1:], os.environ)
        _flush_output()
    except KeyboardInterrupt:
        code = _say_interrupted()
    if code == _INTERRUPTED:
        _let_threads_tidy_up()
        _flush_output()
    os._exit(code)


def main(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command and return its exit code; results on stdout, everything else on stderr."""
    try:
        if len(argv) == 1 and argv[0] in ("-V", "--version"):
            return _say_version()
        verb, arguments = _read(argv)
        _settle_colour(arguments, environment)
        _settle_places(arguments, environment)
        if verb.at_once is not None and arguments.format == "text":
            text = verb.at_once(arguments, environment)
            if text is not None:
                return 0 if _is_silent(verb, arguments, 0) else _print(text)
        return _run(verb, arguments, environment)
    except BrokenPipeError:
        return _give_up_output()
    except Exception as error:  # noqa: BLE001  (every error becomes an exit code)
        from envbuild.cli.failures import end_with

        return end_with(error, as_json=_wants_json(argv))


def _say_version() -> int:
    from envbuild import __version__
    from envbuild.text import text_of

    return _print(text_of([f"envbuild {__version__}"]))


def settle_streams() -> None:
    """Make sure that stdout and stderr exist and can write every character.

    A caller may have closed them (`>&-`), or have a locale without some characters.
    """
    if sys.stdout is None or sys.stderr is None:
        _fill_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _fill_standard_streams() -> None:
    """Open the null device for each closed stream, so that no other file gets its number."""
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:  # 0, 1 and 2 are the standard streams
        os.set_inheritable(number, True)
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8")


def _flush_output() -> None:
    """Write what is buffered; drop it if the reader is gone."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()
    try:
        sys.stderr.flush()
    except OSError:
        return


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wants_json(argv: Sequence[str]) -> bool:
    """Whether the arguments ask for JSON; used if they cannot be parsed."""
    from itertools import pairwise

    own = argv[: argv.index("--")] if "--" in argv else argv
    return "--format=json" in own or ("--format", "json") in pairwise(own)


def _read(argv: Sequence[str]) -> tuple[Verb, Arguments]:
    """The verb and its arguments; argparse is imported only for what the quick reader leaves."""
    from envbuild.cli.verbs import read_plainly

    asked = read_plainly(argv)
    if asked is None:
        from envbuild.cli.arguments import parse_arguments

        return parse_arguments(argv)
    return asked


def _settle_places(arguments: Arguments, environment: Mapping[str, str]) -> None:
    """Enter the folder that `-C` names, and find the declaration; UsageError if there is no such folder."""
    from envbuild.cli.folders import find_declaration

    if arguments.directory is not None:
        try:
            os.chdir(arguments.directory)
        except OSError as error:
            from envbuild.errors import Problem, UsageError

            message = f"cannot enter {arguments.directory!r}: {error.strerror}"
            hint = "name an existing folder"
            raise UsageError(Problem(key="-C", message=message, hint=hint)) from None
    named = arguments.file or environment.get("ENVBUILD_FILE")
    arguments.names_file = bool(named)
    arguments.file = find_declaration(named)


def _settle_colour(arguments: Arguments, environment: Mapping[str, str]) -> None:
    """Paint what is written to terminals, as far as `--color` and the environment allow."""
    when = arguments.color
    if when == "never" or (when == "auto" and not (sys.stdout.isatty() or sys.stderr.isatty())):
        return
    from envbuild.report.colour import Painted, may_colour

    streams: Any = sys
    if arguments.format == "text" and may_colour(sys.stdout, environment, when):
        streams.stdout = Painted(sys.stdout)
    if may_colour(sys.stderr, environment, when):
        streams.stderr = Painted(sys.stderr)


def _is_silent(verb: Verb, arguments: Arguments, code: int) -> bool:
    """Whether a result is not printed, because of `--quiet`; JSON always is."""
    from envbuild.cli.verbs import CHANGING

    if arguments.format != "text" or not arguments.quiet:
        return False
    return arguments.quiet > 1 or (code == 0 and verb.name in CHANGING)


def _print(text: Text) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0


def _run(verb: Verb, arguments: Arguments, environment: Mapping[str, str]) -> int:
    from envbuild.cli.context import Context
    from envbuild.cli.failures import end_with
    from envbuild.cli.interrupts import hear_interrupts

    hear_interrupts()
    if arguments.wait_lock is not None:
        from envbuild.posix.file_locks import PATIENCE

        PATIENCE.seconds = arguments.wait_lock
    if arguments.verbose:
        _tell(arguments.verbose)
    context = Context(arguments=arguments, environment=environment)
    try:
        _require_trust(verb, context, arguments)
        outcome = verb.run(context, arguments)
        if not _is_silent(verb, arguments, outcome.code):
            outcome.show(sys.stdout, as_json=arguments.format == "json")
        if context.last_line:
            sys.stderr.write(context.last_line)
    except KeyboardInterrupt:
        context.stop()
        return _say_interrupted()
    except BrokenPipeError:
        context.stop()
        return _give_up_output()
    except Exception as error:  # noqa: BLE001
        context.stop()
        return end_with(error, as_json=arguments.format == "json")
    return outcome.code


def _tell(level: int) -> None:
    """Show what is started and asked on stderr, without secrets; from level 2 on also what programs say."""
    from envbuild.masking import masked
    from envbuild.posix.trace import TRACE
    from envbuild.text import text_of

    def tell(words: str) -> None:
        sys.stderr.write(text_of(masked(words).rstrip("\n").split("\n")))
        sys.stderr.flush()

    TRACE.heard = tell
    TRACE.output = tell if level > 1 else None


def _require_trust(verb: Verb, context: Context, arguments: Arguments) -> None:
    """Refuse to use a store or a declaration of an untrusted user; errors as in `Trust`."""
    if verb.only_reads is not None and verb.only_reads(arguments):
        return
    if "store" in verb.trusts:
        context.require_trusted_store()
    if "declaration" in verb.trusts:
        context.require_trusted_declaration()


def _give_up_output() -> int:
    """End like a program whose reader has closed the pipe."""
    _discard_output()
    return 141


def _say_interrupted() -> int:
    sys.stderr.write("interrupted\n")
    return _INTERRUPTED


def _let_threads_tidy_up() -> None:
    """Wait a moment for the threads, which remove their temporary folders."""
    import threading
    import time
    from contextlib import suppress

    deadline = time.monotonic() + _GRACE
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            with suppress(RuntimeError):  # interrupted while it was being started
                thread.join(max(0.0, deadline - time.monotonic()))
