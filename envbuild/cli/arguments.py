"""The command line's words, as argparse knows them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from envbuild import __version__
from envbuild.cli.conflict_verbs import CONFLICT_ARGUMENTS, MORE_FORMATS
from envbuild.cli.fleet_arguments import FLEET_ARGUMENTS
from envbuild.cli.store_verbs import STORE_ARGUMENTS
from envbuild.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

_EXITS = """\
exit codes: 0 done; 1 the answer is no; 2 the command line or the declaration is wrong;
3 no set of versions satisfies a driver; 4 an index failed; 5 the host or the store failed;
70 a bug in envbuild; 130 interrupted
"""


_DAY = 24 * 60 * 60


class _Parser(argparse.ArgumentParser):
    """argparse's parser, whose complaints are problems like all others."""

    def error(self, message: str) -> NoReturn:
        hint = f"`{self.prog} --help` says what there is"
        raise UsageError(Problem(message=message, hint=hint))


class _VerbParser(_Parser):
    """A verb's parser, which gets its arguments when that verb is the one that was asked for."""

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def parse_known_args(self, *given: Any, **named: Any) -> Any:
        """As argparse does, once the arguments are there."""
        if self.fill is not None:
            fill, self.fill = self.fill, None
            fill(self)
        return super().parse_known_args(*given, **named)


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments as a namespace whose `command` names the verb; UsageError on bad ones."""
    return build_parser().parse_args(argv)


def build_parser() -> argparse.ArgumentParser:
    """The parser of every verb."""
    parser = _Parser(
        prog="envbuild",
        description="Declarative, lockfile-driven Python environments for the services of one host.",
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"envbuild {__version__}")
    _add_common(parser, default=True)
    verbs = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_VerbParser
    )
    for name, text, fill in _VERBS:
        verb = verbs.add_parser(name, help=text, description=_sentence(text), allow_abbrev=False)
        _add_common(verb, default=False, formats=MORE_FORMATS.get(name, ()))
        verb.fill = fill
    return parser


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _add_common(
    parser: argparse.ArgumentParser, *, default: bool, formats: tuple[str, ...] = ()
) -> None:
    """Options that may stand before or after the verb; only those before it bring defaults.

    `formats` are a verb's own, beyond those of all.
    """

    def value(text: str | None) -> str | None:
        return text if default else argparse.SUPPRESS

    parser.add_argument(
        "--file",
        metavar="PATH",
        default=value("drivers.toml"),
        help="the declaration; lockfiles lie in locks/ beside it (default: drivers.toml)",
    )
    parser.add_argument(
        "--store",
        metavar="PATH",
        default=value(None),
        help="where environments live (default: $ENVBUILD_STORE, else the user's data folder)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", *formats),
        default=value("text"),
        help="how the result is printed on stdout (default: text)",
    )
    parser.add_argument(
        "--wait-lock",
        metavar="SECONDS",
        type=seconds,
        default=value(None),
        help="how long to wait for another envbuild that holds a lock (default: 3600)",
    )
    parser.add_argument(
        "--trust-owner",
        action="store_true",
        default=False if default else argparse.SUPPRESS,
        help="act in a store, and with a declaration, that another user owns",
    )


def _driver_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drivers", metavar="DRIVER", nargs="*", help="default: every enabled one")


def _driver_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("driver", metavar="DRIVER")


def _jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs", metavar="N", type=_positive, default=None, help="how much runs side by side"
    )


def seconds(text: str) -> float:
    """A number of seconds, up to those of a day."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= _DAY:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_DAY}")
    return number


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def _package(text: str) -> str:
    from packaging.utils import InvalidName, canonicalize_name

    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a package's name") from error


def _init(_parser: argparse.ArgumentParser) -> None:
    """`init` has no arguments of its own."""


def _lock(parser: argparse.ArgumentParser) -> None:
    _driver_names(parser)
    parser.add_argument("--upgrade", action="store_true", help="let every pin move")
    parser.add_argument(
        "--upgrade-package",
        metavar="NAME",
        type=_package,
        action="append",
        default=[],
        help="let the pins of this package move; repeatable",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 with the reasons if any is stale, "
        "and with an upgrade with what would move",
    )
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="write every lockfile that could be resolved when others failed",
    )
    _jobs(parser)


def _sync(parser: argparse.ArgumentParser) -> None:
    _driver_names(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan and do nothing")
    parser.add_argument("--offline", action="store_true", help="use the store's cache alone")
    parser.add_argument(
        "--keep-going", action="store_true", help="switch to what could be built when others failed"
    )
    _jobs(parser)


def _list(_parser: argparse.ArgumentParser) -> None:
    """`list` has no arguments of its own."""


def _which(parser: argparse.ArgumentParser) -> None:
    _driver_name(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--python", action="store_true", help="the environment's Python instead")
    what.add_argument("--env", action="store_true", help="the environment's folder instead")
    what.add_argument(
        "--stable", action="store_true", help="the path that follows every switch instead"
    )


def _run(parser: argparse.ArgumentParser) -> None:
    _driver_name(parser)
    parser.add_argument("arguments", metavar="ARG", nargs=argparse.REMAINDER)


_VERBS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("init", "write a commented drivers.toml where there is none", _init),
    ("lock", "resolve what is stale into locks/", _lock),
    ("sync", "build what is locked and switch to it", _sync),
    ("list", "show the current generation", _list),
    ("which", "print the path of a driver's binary", _which),
    ("run", "replace this process by a driver's binary", _run),
    *CONFLICT_ARGUMENTS,
    *STORE_ARGUMENTS,
    *FLEET_ARGUMENTS,
)
