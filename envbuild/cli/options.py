"""The table of a verb: its name, its options and operands, and what runs it.

Two readers of command lines are made from these tables: the quick one below, and `arguments`, which has argparse.
argparse takes longer to import than most verbs take, so that nothing here imports it.
"""

from __future__ import annotations

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome
    from envbuild.text import Text

    Run = Callable[[Context, "Arguments"], Outcome]

_DAY = 24 * 60 * 60


class Arguments:
    """What the command line asks for; each argument is an attribute, named in the verb's table."""

    def __init__(self, **given: object) -> None:
        self.__dict__.update(given)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


@value
class Parameter:
    """One row of a verb's table: an option, or an operand if its name does not start with a dash."""

    name: str
    help: str
    metavar: str | None = None
    """None for an option that takes no value."""

    parse: Callable[[str], object] = str
    """From the text to the value; ValueError says what the text must be."""

    choices: tuple[str, ...] = ()
    """The texts that are allowed; empty if all are."""

    default: Any = None
    count: str = "1"
    """How many values it takes: `1`, `?`, `*`, `+`, or `...` for everything that follows."""

    repeats: bool = False
    """Whether each use of the option adds to a list."""

    group: str | None = None
    """Only one option of a group can be given."""

    dest: str | None = None
    """The argument that it sets, if it is not called like the option."""

    const: object = True
    """The value of an option that takes none."""

    @property
    def is_operand(self) -> bool:
        """Whether its place tells what it is."""
        return not self.name.startswith("-")

    @property
    def argument(self) -> str:
        """The name of the argument that it sets."""
        return self.dest or self.name.lstrip("-").replace("-", "_")

    def read(self, text: str) -> object:
        """The value of a text; ValueError says why it has none."""
        if self.choices and text not in self.choices:
            raise ValueError(f"{text!r} is not one of {', '.join(self.choices)}")
        return self.parse(text)


@value
class Verb:
    """One verb of the command line."""

    name: str
    run: Run
    """What runs it; its docstring is the verb's help."""

    parameters: tuple[Parameter, ...] = ()
    formats: tuple[str, ...] = ("text", "json")
    at_once: Callable[[Arguments, Mapping[str, str]], Text | None] | None = None
    """What it prints, if that can be told without importing most of envbuild; else None.

    The second argument is the environment of the process."""

    trusts: tuple[str, ...] = ("store", "declaration")
    """What it acts on, so that this must belong to this user or to somebody whom he trusts.

    A verb that only reads prints what it finds: a checkout in CI may belong to anybody.
    If it asks an index, the declaration must be trusted from that moment on."""

    only_reads: Callable[[Arguments], bool] | None = None
    """Whether it only reads when it gets these arguments."""

    @property
    def help(self) -> str:
        """What it does, in one sentence."""
        return self.run.__doc__ or ""

    @property
    def table(self) -> tuple[Parameter, ...]:
        """Its own rows, and those of all verbs."""
        return (*self.parameters, *self.common)

    @property
    def common(self) -> tuple[Parameter, ...]:
        """The rows of all verbs, with the formats of this one."""
        return (*COMMON, _format(self.formats))

    @property
    def operands(self) -> tuple[Parameter, ...]:
        """The rows that are told by their place."""
        return tuple(row for row in self.parameters if row.is_operand)


def verb(name: str, *parameters: Parameter, **more: Any) -> Callable[[Run], Verb]:
    """Make a function a verb, whose help is the function's docstring; the rest is as in `Verb`."""
    return lambda run: Verb(name=name, run=run, parameters=parameters, **more)


def parameter(name: str, metavar: str, text: str, **more: Any) -> Parameter:
    """An option with a value, or an operand."""
    return Parameter(name=name, metavar=metavar, help=text, **more)


def flag(name: str, text: str, *, group: str | None = None) -> Parameter:
    """An option that takes no value: its argument is False, and True where it is given."""
    return Parameter(name=name, help=text, group=group, default=False)


def drivers(text: str) -> Parameter:
    """Any number of drivers."""
    return parameter("drivers", "DRIVER", text, count="*", default=())


def positive(text: str) -> int:
    """A whole number from 1."""
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise ValueError(f"{text!r} must be a whole number, 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    """A number of seconds, a day at most."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= _DAY:
        raise ValueError(f"{text!r} must be a number of seconds from 0 to {_DAY}")
    return number


def _format(formats: tuple[str, ...]) -> Parameter:
    return parameter(
        "--format",
        "FORMAT",
        f"print the result as {', '.join(formats[:-1])} or {formats[-1]} (default: text)",
        choices=formats,
        default="text",
    )


COMMON = (
    parameter(
        "--file",
        "PATH",
        "the declaration; its lockfiles are in locks/ beside it (default: drivers.toml)",
        default="drivers.toml",
    ),
    parameter(
        "--store",
        "PATH",
        "the store of environments (default: $ENVBUILD_STORE, else in the user's data folder)",
    ),
    parameter(
        "--wait-lock",
        "SECONDS",
        "how long to wait for a lock that another envbuild holds (default: 3600)",
        parse=_seconds,
    ),
    flag("--trust-owner", "use a store and a declaration that belong to another user"),
)
"""The options of all verbs, with `--format`, which has more formats for some."""

BEFORE_VERB = (*COMMON, _format(("text", "json")))
"""The options that can be given before the verb, too."""

DRIVER = parameter("driver", "DRIVER", "the driver's name")
JOBS = parameter("--jobs", "N", "how many jobs run at the same time", parse=positive)


def defaults(table: Iterable[Parameter]) -> dict[str, Any]:
    """The arguments of a command line that says nothing."""
    return {row.argument: row.default for row in table}


def read_plainly(
    argv: Sequence[str], find_verb: Callable[[str], Verb | None]
) -> tuple[Verb, Arguments] | None:
    """The verb and its arguments, as argparse would read them.

    None for what is wrong, rare or asks for help: argparse has to look at it.
    """
    given: list[tuple[Parameter, object]] = []
    operands: list[str] = []
    asked: Verb | None = None
    table = {row.name: row for row in BEFORE_VERB}
    rest = list(argv)
    try:
        while rest:
            word = rest.pop(0)
            if word.startswith("-"):
                given.append(_read_option(word, rest, table))
            elif asked is None:
                asked = find_verb(word)
                if asked is None:
                    return None
                table = {row.name: row for row in asked.table}
            else:
                operands.append(word)
                if asked.operands[-1].count == "...":
                    operands, rest = [*operands, *rest], []
        return None if asked is None else (asked, _fill(asked, given, operands))
    except (LookupError, ValueError):
        return None


def _read_option(
    word: str, rest: list[str], table: Mapping[str, Parameter]
) -> tuple[Parameter, object]:
    """An option with its value, for which words are taken from the rest.

    LookupError or ValueError if it is not one that is plain to read.
    """
    name, equals, text = word.partition("=")
    option = table[name]
    if option.metavar is None:
        if equals:
            raise ValueError(f"{name} takes no value")
        return option, option.const
    if not equals:
        text = rest.pop(0)
    if option.count != "1" or not text or text.startswith("-"):
        raise ValueError(f"{text!r} has to be looked at")
    return option, option.read(text)


def _fill(verb: Verb, given: Sequence[tuple[Parameter, object]], operands: list[str]) -> Arguments:
    """The arguments of a verb; ValueError or LookupError if the words are too few, too many, or exclude each other."""
    found = defaults(verb.table)
    groups: dict[str, str] = {}
    for option, content in given:
        if option.group is not None and groups.setdefault(option.group, option.name) != option.name:
            raise ValueError(f"{option.name} excludes {groups[option.group]}")
        before = found[option.argument]
        found[option.argument] = (*before, content) if option.repeats else content
    for operand in verb.operands:
        found[operand.argument] = _take(operand, operands)
    if operands:
        raise ValueError(f"{operands[0]!r} is too much")
    return Arguments(**found)


def _take(operand: Parameter, words: list[str]) -> object:
    """The value of an operand, whose words are removed from those that are left."""
    if operand.count in ("1", "?"):
        if operand.count == "?" and not words:
            return operand.default
        return operand.read(words.pop(0))
    if operand.count == "+" and not words:
        raise ValueError(f"{operand.metavar} is missing")
    taken = tuple(map(operand.read, words))
    words.clear()
    return taken
