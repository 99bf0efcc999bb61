"""What stands on a command line: options, operands, and what they come to.

Two readers are made from these tables: the quick one of `verbs`, and `arguments`, which has argparse.
argparse takes longer to import than most verbs take, so that nothing here imports it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


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


def format_option(formats: tuple[str, ...]) -> Parameter:
    """The row of `--format`, with the formats of a verb."""
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

BEFORE_VERB = (*COMMON, format_option(("text", "json")))
"""The options that can be given before the verb, too."""

DRIVER = Parameter("driver", "DRIVER", "the driver's name")
JOBS = Parameter("--jobs", "N", "how many jobs run at the same time", parse=positive)


def defaults(table: Iterable[Parameter]) -> dict[str, Any]:
    """The arguments of a command line that says nothing."""
    return {row.argument: row.default for row in table}
