"""The command line as argparse parses it: help, mistakes and rare spellings."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.cli.options import BEFORE_VERB, Arguments, by_name, defaults
from envbuild.cli.verbs import GROUPS, VERB_NAMES, find_verb
from envbuild.errors import Problem, UsageError
from envbuild.nearest_name import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, NoReturn

    from envbuild.cli.options import Parameter
    from envbuild.cli.verbs import Verb

PURPOSE = "Declarative, lockfile-driven Python environments for the services of one host."

EXITS = (
    (0, "success"),
    (1, "the answer is no: stale, conflict against a rule, drift, probe failed"),
    (2, "the command line or the declaration is wrong"),
    (3, "no set of versions satisfies a driver"),
    (4, "an index could not be reached, or returned invalid data"),
    (5, "a problem of the host or the store"),
    (70, "a bug in envbuild"),
    (130, "interrupted"),
)
"""The exit codes with their meanings; docs/commands.md has the same table."""


_OF_ONE = re.compile(r"argument ([^:]+): (.*)", re.DOTALL)
_PLAIN = (
    (re.compile(r"expected (at least )?one argument"), "its value is missing"),
    (re.compile(r"not allowed with argument (\S+)"), r"cannot be used together with \1"),
    (re.compile(r"ignored explicit argument .*", re.DOTALL), "it takes no value"),
)
"""argparse's words about one option, and ours."""


class _Parser(argparse.ArgumentParser):
    """argparse's parser, which raises its errors as problems, in plainer words."""

    def error(self, message: str) -> NoReturn:
        hint = f"`{self.prog} --help` shows the commands and options"
        kind, _, words = message.partition(": ")
        if found := _OF_ONE.fullmatch(message):
            said = found[2]
            for pattern, plain in _PLAIN:
                if pattern.fullmatch(said):
                    said = pattern.sub(plain, said)
            raise UsageError(Problem(key=found[1], message=said, hint=hint))
        if kind == "unrecognized arguments":
            self._refuse(words.split(" ")[0], hint)
        if kind == "the following arguments are required":
            verb = "are" if ", " in words else "is"
            message = f"{words.replace(', ', ' and ')} {verb} missing"
            hint = f"write `{self.format_usage().split(maxsplit=1)[1].strip()}`; {hint}"
        raise UsageError(Problem(message=message, hint=hint))

    def _refuse(self, word: str, hint: str) -> NoReturn:
        """Raise the error for an unknown option, or for a word too many."""
        if word.startswith("-"):
            near = nearest(word.partition("=")[0], self._option_string_actions, likeness=0.75)
            hint = f"did you mean '{near}'? {hint}" if near else hint
            raise UsageError(Problem(message=f"there is no option {word!r}", hint=hint))
        raise UsageError(Problem(message=f"{word!r} is not expected here", hint=hint))


def parse_arguments(argv: Sequence[str]) -> tuple[Verb, Arguments]:
    """The verb and its arguments; UsageError says what is wrong with them."""
    head = Arguments()
    _head_parser().parse_args(argv, head)
    verb = known_verb(head.verb)
    rest = head.rest
    if rest and argv[-len(rest) - 1] == "--":  # argparse drops it behind the verb
        rest = ["--", *rest]
    arguments = Arguments(**{**defaults(verb.table), **vars(head)})
    _parse_verb(verb, rest, arguments)
    del arguments.verb, arguments.rest
    return verb, arguments


def known_verb(name: str) -> Verb:
    """The verb of that name; UsageError names the nearest one if there is none."""
    verb = find_verb(name)
    if verb is None:
        message = f"there is no command {name!r}"
        near = nearest(name, VERB_NAMES)
        guess = f"did you mean '{near}'? " if near else ""
        hint = f"{guess}`envbuild --help` shows all commands"
        raise UsageError(Problem(message=message, hint=hint))
    return verb


def render_help(verb: Verb | None) -> str:
    """What `--help` prints for a verb, or for envbuild itself."""
    return (_head_parser() if verb is None else _verb_parser(verb)).format_help()


def _verb_parser(verb: Verb) -> _Parser:
    """The parser of what follows a verb."""
    from envbuild.cli.examples import render_examples

    parser = _Parser(
        prog=f"envbuild {verb.name}",
        usage=" ".join(("%(prog)s", "[OPTIONS]", *(row.usage for row in verb.operands))),
        description=verb.help,
        epilog=render_examples(verb.name),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    behind = _behind(verb)
    _add(parser, (row for row in verb.parameters if row is not behind))
    _add(parser.add_argument_group("options of all commands"), verb.common)
    if behind is not None:
        parser.epilog = f"{behind.metavar}: {behind.help}\n\n{parser.epilog}"
    return parser


def _behind(verb: Verb) -> Parameter | None:
    """The operand behind `--`, if the verb has one."""
    return next((row for row in verb.operands if row.count == "--"), None)


def _parse_verb(verb: Verb, words: list[str], arguments: Arguments) -> None:
    parser, behind = _verb_parser(verb), _behind(verb)
    if any(row.count == "..." for row in verb.operands):
        words = _own_options_first(verb, words)
    if behind is not None and "--" in words:
        at = words.index("--")
        words, rest = words[:at], words[at + 1 :]
        setattr(arguments, behind.argument, tuple(map(behind.read, rest)))
    if "--" in words or any(row.count == "..." for row in verb.operands):
        parser.parse_args(words, arguments)
    else:  # which takes operands and options in any order, but loses a `--`
        parser.parse_intermixed_args(words, arguments)


def _own_options_first(verb: Verb, words: list[str]) -> list[str]:
    """The words with the verb's own options before its first operand, behind which argparse reads none."""
    rest = list(words)
    head = _take_options(rest, by_name(verb.table))
    if not rest or rest[0] == "--":
        return words
    operand = rest.pop(0)
    own = by_name(row for row in verb.parameters if not row.is_operand)
    return [*head, *_take_options(rest, own), operand, *rest]


def _take_options(rest: list[str], table: dict[str, Parameter]) -> list[str]:
    """The leading words that are options of the table, with their values; they are removed."""
    taken: list[str] = []
    while rest and rest[0].partition("=")[0] in table:
        word = rest.pop(0)
        taken.append(word)
        if "=" not in word and table[word].metavar is not None and rest:
            taken.append(rest.pop(0))
    return taken


class _HeadParser(_Parser):
    """The parser of the words before the verb; every verb is imported only for the help."""

    def format_help(self) -> str:
        self.epilog = f"{_summaries()}exit codes:\n{_exits()}"
        return super().format_help()


def _head_parser() -> _HeadParser:
    parser = _HeadParser(
        prog="envbuild",
        usage="%(prog)s [OPTIONS] COMMAND ...",
        description=PURPOSE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-V",
        "--version",
        action="version",
        version=f"envbuild {__version__}",
        help="print the version",
    )
    _add(parser, BEFORE_VERB)
    parser.add_argument("verb", metavar="COMMAND", help=argparse.SUPPRESS)
    rest = parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    rest.required = False
    return parser


def _exits() -> str:
    return "".join(f"  {code:<4} {about}\n" for code, about in EXITS)


def _summaries() -> str:
    """Every verb with its purpose, in groups."""
    text = ""
    for group, names in GROUPS.items():
        verbs = [known_verb(name) for name in names]
        lines = (f"  {verb.name:<10} {verb.help[0].lower()}{verb.help[1:-1]}\n" for verb in verbs)
        text += f"{group}:\n{''.join(lines)}\n"
    return text


def _add(parser: argparse._ActionsContainer, table: Iterable[Parameter]) -> None:
    """Add the rows of a table to a parser."""
    groups: dict[str, argparse._MutuallyExclusiveGroup] = {}
    for row in table:
        place = parser
        if row.group is not None:
            if row.group not in groups:
                groups[row.group] = parser.add_mutually_exclusive_group()
            place = groups[row.group]
        names = (row.argument,) if row.is_operand else row.names
        action = place.add_argument(*names, help=row.help, **_settings(row))
        if row.count in ("?", "*", "..."):
            action.required = False


def _settings(row: Parameter) -> dict[str, Any]:
    """argparse's settings for a row."""
    named = {} if row.is_operand else {"dest": row.argument}
    if row.counts:
        return {**named, "action": "count"}
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
