"""Completion in shells: `envbuild completion SHELL`, and what the shell asks at each Tab (argcomplete)."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.cli.options import BEFORE_VERB, Arguments, Parameter
from envbuild.cli.verbs import VERB_NAMES, Verb, find_verb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome

SHELLS = ("bash", "zsh", "fish")

_OF_FILES = ("PATH", "FILE", "DIR", "DEST", "SOURCE", "REPORT")
"""The names of values that are files or folders, or can be."""

_NAME = re.compile(r"[a-z0-9-]+")


@Verb(
    "completion",
    Parameter("shell", "SHELL", "bash, zsh or fish", choices=SHELLS),
    trusts=(),
)
def completion(_context: Context, arguments: Arguments) -> Outcome:
    """Print the completion script for a shell."""
    from argcomplete.shell_integration import shellcode

    from envbuild.report.outcome import Outcome
    from envbuild.text import text_of

    code = shellcode(["envbuild"], shell=arguments.shell).strip("\n")
    return Outcome(
        code=0,
        text=lambda: text_of(code.split("\n")),
        table=lambda: {"shell": arguments.shell, "code": code},
    )


def complete() -> None:
    """Answer the shell and end the process, if it is one that asks."""
    import argcomplete
    from argcomplete.completers import SuppressCompleter

    parser = _foreign_parser() if " -- " in os.environ.get("COMP_LINE", "") else whole_parser()
    argcomplete.autocomplete(
        parser, always_complete_options=False, default_completer=SuppressCompleter()
    )


def _foreign_parser() -> argparse.ArgumentParser:
    """A parser of the words of another command, behind `--`: they may be files."""
    from argcomplete.completers import FilesCompleter

    parser = argparse.ArgumentParser(prog="envbuild", add_help=False)
    words: Any = parser.add_argument("words", nargs="*")
    words.completer = FilesCompleter()
    return parser


def whole_parser() -> argparse.ArgumentParser:
    """A parser of all verbs that knows what each word can be, and checks nothing."""
    parser = argparse.ArgumentParser(prog="envbuild", allow_abbrev=False)
    parser.add_argument("-V", "--version", action="store_true", help="print the version")
    _add_rows(parser, BEFORE_VERB)
    verbs = parser.add_subparsers(dest="verb", parser_class=_OptionsFirst)
    for verb in map(find_verb, VERB_NAMES):
        if verb is not None:
            unset = argparse.SUPPRESS  # so that what stands before the verb counts
            own = verbs.add_parser(verb.name, help=verb.help, argument_default=unset)
            _add_rows(own, verb.table)
    return parser


class _OptionsFirst(argparse.ArgumentParser):
    """The parser of a verb's words, which takes options first: argparse reads all operands at the first of them."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the words before the one that is completed."""
        return super().parse_known_args(self._ordered(args), namespace)

    def _ordered(self, words: list[str]) -> list[str]:
        options: list[str] = []
        operands: list[str] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if not word.startswith("-"):
                operands.append(word)
                continue
            action = self._option_string_actions.get(word)
            takes_value = action is not None and action.nargs != 0
            if takes_value and not rest:
                return [*options, *operands, word]  # its value is what is completed
            options.append(word)
            if takes_value:
                options.append(rest.pop(0))
        return options + operands


def _add_rows(parser: argparse.ArgumentParser, table: Iterable[Parameter]) -> None:
    for row in table:
        if row.count != "--":
            names = (row.argument,) if row.is_operand else row.names
            action: Any = parser.add_argument(*names, help=row.help, **_settings(row))
            completer = _completer(row)
            if completer is not None:
                action.completer = completer


def _settings(row: Parameter) -> dict[str, Any]:
    settings: dict[str, Any] = {} if row.is_operand else {"dest": row.argument}
    if row.counts or row.metavar is None:
        return {**settings, "action": "count" if row.counts else "store_true"}
    count = {"1": None, "...": argparse.REMAINDER}.get(row.count, row.count)
    if row.count == "?" and row.choices:
        count = None  # else the next operand's words are offered with its choices
    action = "append" if row.repeats else "store"
    return {**settings, "action": action, "nargs": count, "metavar": row.metavar}


def _completer(row: Parameter) -> Callable[..., Iterable[str]] | None:
    """What gives the words for a value; None if nothing can."""
    from argcomplete.completers import ChoicesCompleter, FilesCompleter

    if row.metavar == "DRIVER":
        return _drivers
    words = VERB_NAMES if row.metavar == "COMMAND" else row.choices
    if words:
        return ChoicesCompleter(dict.fromkeys(words, ""))
    return FilesCompleter() if row.metavar in _OF_FILES else None


def _drivers(parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    """The drivers of the declaration that the words so far mean; none if it cannot be read.

    A name with other characters than a driver's is left out: a shell would read more in them.
    """
    from envbuild.cli.folders import find_declaration
    from envbuild.declaration.toml.loading import load_toml
    from envbuild.posix.input_file import MOST_DECLARATION, RefusedInputError, read_input

    try:
        if parsed_args.directory is not None:
            os.chdir(parsed_args.directory)
        path = Path(find_declaration(parsed_args.file or os.environ.get("ENVBUILD_FILE")))
        text = read_input(path, most=MOST_DECLARATION, within=path.parent).decode()
        names = load_toml(text).get("drivers")
    except (OSError, ValueError, RecursionError, RefusedInputError):
        return ()  # nothing can be said at a Tab
    return [name for name in names if _NAME.fullmatch(name)] if isinstance(names, dict) else ()
