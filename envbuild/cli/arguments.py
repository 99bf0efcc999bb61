"""The command line as argparse parses it: help, mistakes and rare spellings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.cli.options import BEFORE_VERB, Arguments, defaults
from envbuild.cli.verbs import VERB_NAMES, find_verb
from envbuild.errors import Problem, UsageError
from envbuild.nearest_name import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, NoReturn

    from envbuild.cli.options import Parameter
    from envbuild.cli.verbs import Verb

_EXITS = """\
exit codes:
  0    done
  1    the answer is no
  2    the command line or the declaration is wrong
  3    no set of versions satisfies a driver
  4    an index failed
  5    the host or the store failed
  70   a bug in envbuild
  130  interrupted
"""


class _Parser(argparse.ArgumentParser):
    """argparse's parser, which raises its errors as problems."""

    def error(self, message: str) -> NoReturn:
        hint = f"`{self.prog} --help` shows what you can write"
        raise UsageError(Problem(message=message, hint=hint))


def parse_arguments(argv: Sequence[str]) -> tuple[Verb, Arguments]:
    """The verb and its arguments; UsageError says what is wrong with them."""
    head = Arguments()
    _head_parser().parse_args(argv, head)
    verb = find_verb(head.verb)
    if verb is None:
        message = f"there is no command {head.verb!r}"
        near = nearest(head.verb, VERB_NAMES)
        guess = f"did you mean '{near}'? " if near else ""
        hint = f"{guess}`envbuild --help` shows all commands"
        raise UsageError(Problem(message=message, hint=hint))
    rest = head.rest
    if rest and argv[-len(rest) - 1] == "--":  # argparse drops it behind the verb
        rest = ["--", *rest]
    arguments = Arguments(**{**defaults(verb.table), **vars(head)})
    _parse_verb(verb, rest, arguments)
    del arguments.verb, arguments.rest
    return verb, arguments


def _parse_verb(verb: Verb, words: list[str], arguments: Arguments) -> None:
    parser = _Parser(
        prog=f"envbuild {verb.name}",
        description=verb.help,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    behind = next((row for row in verb.operands if row.count == "--"), None)
    _add(parser, (row for row in verb.parameters if row is not behind))
    _add(parser.add_argument_group("options of all commands"), verb.common)
    if behind is not None:
        parser.usage = f"{parser.format_usage()[7:].rstrip()} [-- {behind.metavar} ...]"
        parser.epilog = f"{behind.metavar}: {behind.help}"
        if "--" in words:
            at = words.index("--")
            words, rest = words[:at], words[at + 1 :]
            setattr(arguments, behind.argument, tuple(map(behind.read, rest)))
    if "--" in words or any(row.count == "..." for row in verb.operands):
        parser.parse_args(words, arguments)
    else:  # which takes operands and options in any order, but loses a `--`
        parser.parse_intermixed_args(words, arguments)


def _head_parser() -> _Parser:
    """The parser of the words before the verb."""
    parser = _Parser(
        prog="envbuild",
        usage="%(prog)s [OPTIONS] COMMAND ...",
        description="Declarative, lockfile-driven Python environments for the services of one host.",
        epilog=f"commands:\n{_summaries()}\n{_EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"envbuild {__version__}")
    _add(parser, BEFORE_VERB)
    parser.add_argument("verb", metavar="COMMAND", help=argparse.SUPPRESS)
    rest = parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    rest.required = False
    return parser


def _summaries() -> str:
    found = (find_verb(name) for name in VERB_NAMES)
    return "".join(
        f"  {verb.name:<10} {verb.help[0].lower()}{verb.help[1:-1]}\n"
        for verb in found
        if verb is not None
    )


def _add(parser: argparse._ActionsContainer, table: Iterable[Parameter]) -> None:
    """Add the rows of a table to a parser."""
    groups: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for row in table:
        place = parser
        if row.group is not None:
            if row.group not in groups:
                groups[row.group] = parser.add_mutually_exclusive_group()
            place = groups[row.group]
        name = row.argument if row.is_operand else row.name
        place.add_argument(name, help=row.help, **_settings(row))


def _settings(row: Parameter) -> dict[str, Any]:
    """argparse's settings for a row."""
    named = {} if row.is_operand else {"dest": row.argument}
    if row.metavar is None:
        return {**named, "action": "store_const", "const": row.const}
    count = argparse.REMAINDER if row.count == "..." else row.count
    return {
        **named,
        "action": _Collect if row.repeats else _Put,
        "metavar": row.metavar,
        "nargs": None if count == "1" else count,
        **({"default": row.default} if row.is_operand and count == "?" else {}),
        "type": _typed(row.read),
    }


def _typed(read: Callable[[str], object]) -> Callable[[str], object]:
    """A converter whose errors argparse shows."""

    def typed(text: str) -> object:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return typed


class _Put(argparse.Action):
    """Set an argument; several values are a tuple."""

    def __call__(
        self, _parser: object, namespace: object, values: object, _option: object = None
    ) -> None:
        setattr(namespace, self.dest, tuple(values) if isinstance(values, list) else values)


class _Collect(argparse.Action):
    """Add to an argument."""

    def __call__(
        self, _parser: object, namespace: object, values: object, _option: object = None
    ) -> None:
        added = tuple(values) if isinstance(values, list) else values
        setattr(namespace, self.dest, (*getattr(namespace, self.dest), added))
