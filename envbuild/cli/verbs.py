"""The verbs with their modules in `envbuild.cli`, and the quick parser of command lines.

A module is imported when its verb is used.
The quick parser leaves mistakes and rare spellings to `arguments`, which has argparse.
"""

from __future__ import annotations

import sys

from envbuild.cli.options import BEFORE_VERB, COMMON, Arguments, by_name, defaults, format_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envbuild.cli.context import Context
    from envbuild.cli.options import Parameter
    from envbuild.report.outcome import Outcome
    from envbuild.text import Text


class Verb:
    """One verb of the command line; decorates the function that runs it, whose docstring is the verb's help.

    `at_once` gives what the verb prints, if that can be told without importing most of envbuild, else None;
    it gets the arguments, and the environment of the process.
    `trusts` names what the verb acts on: this must belong to this user, or to a trusted user.
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
        """Its purpose, in one sentence."""
        return self.run.__doc__ or ""

    @property
    def table(self) -> tuple[Parameter, ...]:
        """Its own rows, and those of all verbs."""
        return (*self.parameters, *self.common)

    @property
    def common(self) -> tuple[Parameter, ...]:
        """The rows of all verbs, with the formats of this one."""
        return (*COMMON, format_option(self.formats))

    @property
    def operands(self) -> tuple[Parameter, ...]:
        """The rows that are told by their place."""
        return tuple(row for row in self.parameters if row.is_operand)


GROUPS = {
    "declare": {
        "init": "declaration.init",
        "import": "declaration.import_",
        "add": "declaration.add",
        "remove": "declaration.remove",
        "edit": "declaration.edit",
        "show": "declaration.show",
    },
    "lock": {
        "lock": "lock.lock",
        "upgrade": "lock.upgrade",
        "build": "build.build",
        "check": "check.check",
        "diff": "lockfiles.diff",
        "conflicts": "lockfiles.conflicts",
        "why": "lockfiles.why",
        "tree": "lockfiles.tree",
        "outdated": "lockfiles.outdated",
        "audit": "audit.audit",
    },
    "build": {
        "sync": "sync.sync",
        "run": "current.run",
        "try": "child.try_",
        "which": "current.which",
        "probe": "current.probe",
    },
    "look": {
        "list": "current.list_",
        "status": "status.status",
        "history": "store.history",
        "ps": "store.ps",
        "verify": "verify.verify",
        "doctor": "verify.doctor",
        "bisect": "bisect.bisect",
        "report": "fleet.report",
        "fleet": "fleet.fleet",
        "help": "help.help_",
    },
    "undo": {
        "rollback": "store.rollback",
        "gc": "store.gc",
        "store": "whole_store.store",
    },
    "export": {
        "export": "export.export",
        "publish": "release.publish",
        "fetch": "release.fetch",
        "image": "image.image",
        "completion": "completion.completion",
    },
}
"""The verbs by what they are for, each with its place in `envbuild.cli`; in the order of the help."""

_PLACES = {name: place for verbs in GROUPS.values() for name, place in verbs.items()}

VERB_NAMES = tuple(_PLACES)

CHANGING = frozenset(
    (
        *("init", "import", "add", "remove", "edit", "lock", "build", "sync"),
        *("rollback", "gc", "publish", "fetch", "image"),
    )
)
"""The verbs that change something: with `--quiet` they say nothing if they succeed."""


def find_verb(name: str) -> Verb | None:
    """The verb of that name, or None."""
    place = _PLACES.get(name)
    if place is None:
        return None
    module, _, function = f"envbuild.cli.{place}".rpartition(".")
    __import__(module)  # `importlib` would be one import more
    verb: Verb = getattr(sys.modules[module], function)
    return verb


def read_plainly(argv: Sequence[str]) -> tuple[Verb, Arguments] | None:
    """The verb and its arguments, as argparse would parse them.

    None for mistakes, rare spellings and help: argparse handles them.
    """
    given: list[tuple[Parameter, object]] = []
    operands: list[str] = []
    asked: Verb | None = None
    table = by_name(BEFORE_VERB)
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
                table = by_name(asked.table)
            else:
                operands.append(word)
                if asked.operands[-1].count == "...":
                    if rest and rest[0].partition("=")[0] in by_name(asked.parameters):
                        return None  # its own option behind the operand
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
        if option.counts:
            found[option.argument] = before + 1
        else:
            found[option.argument] = (*before, content) if option.repeats else content
    for operand in verb.operands:
        found[operand.argument] = _take(operand, operands)
    if operands:
        raise ValueError(f"{operands[0]!r} is too much")
    return Arguments(**found)


def _take(operand: Parameter, words: list[str]) -> object:
    """The value of an operand, whose words are removed from those that are left."""
    if operand.count == "--":  # argparse reads a `--`
        return operand.default
    if operand.count in ("1", "?"):
        if operand.count == "?" and not words:
            return operand.default
        return operand.read(words.pop(0))
    if operand.count == "+" and not words:
        raise ValueError(f"{operand.metavar} is missing")
    taken = tuple(map(operand.read, words))
    words.clear()
    return taken
