"""The table of a verb: its name, its options and operands, and what runs it.

Two readers of command lines are made from these tables: the quick one below, and `arguments`, which has argparse.
argparse takes longer to import than most verbs take, so that nothing here imports it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome
    from envbuild.text import Text

_DAY = 24 * 60 * 60


class Arguments:
    """What the command line asks for; each argument is an attribute, named in the verb's table."""

    def __init__(self, **given: object) -> None:
        self.__dict__.update(given)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Parameter:
    """One row of a verb's table: an option, or an operand if its name does not start with a dash.

    `metavar` is None for an option that takes no value: then its value is `const`.
    `parse` makes the value from the text; ValueError says what the text must be.
    `count` is how many values it takes: `1`, `?`, `*`, `+`, or `...` for everything that follows.
    With `repeats` each use of the option adds to a tuple. Only one option of a `group` can be given.
    `dest` is the argument that it sets, if that is not called like the option.
    """

    def __init__(
        self,
        name: str,
        metavar: str | None,
        text: str,
        *,
        parse: Callable[[str], object] = str,
        choices: tuple[str, ...] = (),
        default: Any = None,
        count: str = "1",
        repeats: bool = False,
        group: str | None = None,
        dest: str | None = None,
        const: object = True,
    ) -> None:
        self.name = name
        self.metavar = metavar
        self.help = text
        self.parse = parse
        self.choices = choices
        self.default = default
        self.count = count
        self.repeats = repeats
        self.group = group
        self.argument = dest or name.lstrip("-").replace("-", "_")
        self.const = const

    @property
    def is_operand(self) -> bool:
        """Whether its place tells what it is."""
        return not self.name.startswith("-")

    def read(self, text: str) -> object:
        """The value of a text; ValueError says why it has none."""
        if self.choices and text not in self.choices:
            raise ValueError(f"{text!r} is not one of {', '.join(self.choices)}")
        return self.parse(text)


class Verb:
    """One verb of the command line; decorates the function that runs it, whose docstring is the verb's help.

    `at_once` gives what the verb prints, if that can be told without importing most of envbuild, else None;
    it gets the arguments, and the environment of the process.
    `trusts` names what the verb acts on: this must belong to this user, or to somebody whom he trusts.
    A verb that only reads prints what it finds: a checkout in CI may belong to anybody.
    If it asks an index, the declaration must be trusted from that moment on.
    `only_reads` says whether the verb only reads when it gets these arguments.
    """

    run: Callable[[Context, Arguments], Outcome]

    def __init__(
        self,
        name: str,
        *parameters: Parameter,
        formats: tuple[str, ...] = ("text", "json"),
        at_once: Callable[[Arguments, Mapping[str, str]], Text | None] | None = None,
        trusts: tuple[str, ...] = ("store", "declaration"),
        only_reads: Callable[[Arguments], bool] | None = None,
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.formats = formats
        self.at_once = at_once
        self.trusts = trusts
        self.only_reads = only_reads

    def __call__(self, run: Callable[[Context, Arguments], Outcome]) -> Verb:
        """The verb that this function runs."""
        self.run = run
        return self

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


def flag(name: str, text: str, *, group: str | None = None) -> Parameter:
    """An option that takes no value: its argument is False, and True where it is given."""
    return Parameter(name, None, text, group=group, default=False)


def drivers(text: str) -> Parameter:
    """Any number of drivers."""
    return Parameter("drivers", "DRIVER", text, count="*", default=())


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
    return Parameter(
        "--format",
        "FORMAT",
        f"print the result as {', '.join(formats[:-1])} or {formats[-1]} (default: text)",
        choices=formats,
        default="text",
    )


COMMON = (
    Parameter(
        "--file",
        "PATH",
        "the declaration; its lockfiles are in locks/ beside it (default: drivers.toml)",
        default="drivers.toml",
    ),
    Parameter(
        "--store",
        "PATH",
        "the store of environments (default: $ENVBUILD_STORE, else in the user's data folder)",
    ),
    Parameter(
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

DRIVER = Parameter("driver", "DRIVER", "the driver's name")
JOBS = Parameter("--jobs", "N", "how many jobs run at the same time", parse=positive)


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
                    operands, rest = [*operands, *rest[rest[:1] == ["--"] :]], []
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
