"""Options and operands of a command line.

Two parsers use these tables: the quick one of `verbs`, and `arguments` with argparse.
Importing argparse takes longer than most verbs, so nothing here imports it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


_DAY = 24 * 60 * 60


class Arguments:
    """The arguments of the command line, as attributes with the names in the verb's table."""

    def __init__(self, **given: object) -> None:
        self.__dict__.update(given)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: object) -> None: ...


class Parameter:
    """One row of a verb's table: an option, or an operand if its name does not start with a dash.

    `metavar` is None for an option without a value; then `const` is the value.
    `parse` makes the value from the text; ValueError says what the text must be.
    `count` is the number of values: `1`, `?`, `*`, `+`, `...` for all following words, or `--` for those behind a `--`.
    With `repeats` each use of the option adds to a tuple. Only one option of a `group` can be given.
    `dest` is the argument's name, if it differs from the option's.
    `short` is a second name of one letter. With `counts` the argument is how often the option is given.
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
        short: str | None = None,
        counts: bool = False,
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
        self.short = short
        self.counts = counts

    @property
    def names(self) -> tuple[str, ...]:
        """All spellings of an option, the short one first."""
        return (self.name,) if self.short is None else (self.short, self.name)

    @property
    def is_operand(self) -> bool:
        """Whether it is an operand, which its position identifies."""
        return not self.name.startswith("-")

    @property
    def usage(self) -> str:
        """An operand as a usage line shows it, such as `[DRIVER ...]`."""
        forms = {
            "?": "[{}]",
            "*": "[{} ...]",
            "...": "[{} ...]",
            "+": "{} ...",
            "--": "[-- {} ...]",
        }
        return forms.get(self.count, "{}").format(self.metavar)

    def read(self, text: str) -> object:
        """The value of a text; ValueError if it is invalid."""
        if self.choices and text not in self.choices:
            raise ValueError(f"{text!r} is not one of {', '.join(self.choices)}")
        return self.parse(text)


def flag(name: str, text: str, *, group: str | None = None) -> Parameter:
    """An option without a value: its argument is False, or True if it is given."""
    return Parameter(name, None, text, group=group, default=False)


def by_name(table: Iterable[Parameter]) -> dict[str, Parameter]:
    """The rows of a table by each of their spellings."""
    return {name: row for row in table for name in row.names}


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


COLORS = ("auto", "always", "never")

COMMON = (
    Parameter("-C", "DIR", "work in this folder, as if started there", dest="directory"),
    Parameter(
        "--file",
        "PATH",
        "the declaration, or the folder with its drivers.toml; its lockfiles are in locks/ beside it "
        "(default: $ENVBUILD_FILE, else drivers.toml here or in a parent folder)",
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
    Parameter(
        "--verbose",
        None,
        "also show which programs are started and what indexes are asked; -vv: also the programs' output",
        short="-v",
        counts=True,
        default=0,
    ),
    Parameter(
        "--quiet",
        None,
        "show no progress, and no result of a change that succeeded; -qq: nothing but errors",
        short="-q",
        counts=True,
        default=0,
    ),
    Parameter(
        "--color",
        "WHEN",
        "colours on the terminal: auto, always or never (default: auto)",
        choices=COLORS,
        default="auto",
    ),
    flag("--no-progress", "show no progress"),
)
"""The options of all verbs, without `--format`, which has more values for some."""

BEFORE_VERB = (*COMMON, format_option(("text", "json")))
"""The options that can be given before the verb, too."""

DRIVER = Parameter("driver", "DRIVER", "the driver's name")
ENABLED_DRIVERS = drivers("only these (default: every enabled one)")
OFFLINE = flag(
    "--offline",
    "use no index on the network: only the store's cache and indexes that are folders",
)
INSECURE = flag("--insecure", "allow a registry without TLS; not needed for one on this host")
WITH = Parameter(
    "--with",
    "REQUIREMENT",
    "run in a separate environment with this requirement, in place of the driver's own one on that package; "
    "can be given several times",
    repeats=True,
    default=(),
    dest="extra",
)
JOBS = Parameter("--jobs", "N", "how many jobs run at the same time", parse=positive)

BUILD_JOBS = Parameter(
    "--build-jobs", "N", "how many compilers one build of a source starts", parse=positive
)


def defaults(table: Iterable[Parameter]) -> dict[str, Any]:
    """The default arguments."""
    return {row.argument: row.default for row in table}
