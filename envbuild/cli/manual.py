"""Man pages, from the tables of the verbs; standard library alone, as the build of a wheel writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.cli.arguments import EXITS, PURPOSE, known_verb
from envbuild.cli.examples import EXAMPLES
from envbuild.cli.options import BEFORE_VERB
from envbuild.cli.verbs import GROUPS, VERB_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.cli.options import Parameter
    from envbuild.cli.verbs import Verb

_VARIABLES = (
    ("ENVBUILD_FILE", "the declaration, as --file"),
    ("ENVBUILD_STORE", "the store, as --store"),
    ("ENVBUILD_FROM", "the releases that sync follows, as --from"),
    ("ENVBUILD_HTTP_TIMEOUT", "seconds without a byte after which a request fails"),
    ("ENVBUILD_HTTP_DEADLINE", "seconds that a whole answer may take"),
    ("ENVBUILD_HTTP_RETRIES", "how often a failed request is sent again"),
)


def manual_pages() -> dict[str, str]:
    """File name → roff source: `envbuild.1`, and `envbuild-VERB.1` for each verb."""
    verbs = map(known_verb, VERB_NAMES)
    pages = {f"envbuild-{verb.name}.1": _page(_of_verb(verb)) for verb in verbs}
    return {"envbuild.1": _page(_of_envbuild()), **pages}


def _page(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _of_envbuild() -> Iterator[str]:
    yield from _head("envbuild", PURPOSE)
    yield from (".SH SYNOPSIS", ".B envbuild", "[OPTIONS] COMMAND ...")
    yield from (".SH DESCRIPTION", _text(PURPOSE))
    yield _text("Its commands have pages of their own, such as envbuild-lock(1).")
    for group, names in GROUPS.items():
        yield f".SS {group}"
        for name in names:
            yield from _item(f"\\fB{_text(name)}\\fR", known_verb(name).help)
    yield ".SH OPTIONS"
    yield from _rows(BEFORE_VERB)
    yield ".SH ENVIRONMENT"
    for name, about in _VARIABLES:
        yield from _item(f"\\fB{name}\\fR", about)
    yield ".SH EXIT STATUS"
    for code, about in EXITS:
        yield from _item(str(code), about)
    yield from (".SH SEE ALSO", ".nh", _see(VERB_NAMES))


def _of_verb(verb: Verb) -> Iterator[str]:
    yield from _head(f"envbuild-{verb.name}", verb.help)
    yield from (".SH SYNOPSIS", f".B envbuild {_text(verb.name)}")
    yield " ".join(["[OPTIONS]", *(_text(row.usage) for row in verb.operands)])
    yield from (".SH DESCRIPTION", _text(verb.help), ".SH OPTIONS")
    yield from _rows(verb.parameters)
    yield ".SS options of all commands"
    yield from _rows(verb.common)
    yield ".SH EXAMPLES"
    for command, about in EXAMPLES.get(verb.name, ()):
        yield from _item(f"\\fB{_text(command)}\\fR", about)
    yield from (".SH SEE ALSO", ".BR envbuild (1)")


def _head(name: str, purpose: str) -> Iterator[str]:
    yield f'.TH {name.upper()} 1 "" envbuild "User Commands"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(purpose[0].lower() + purpose[1:].removesuffix('.'))}"


def _rows(table: Iterable[Parameter]) -> Iterator[str]:
    """A paragraph for each row."""
    for row in table:
        if row.is_operand:
            yield from _item(f"\\fI{_text(row.metavar or row.name)}\\fR", row.help)
        else:
            metavar = "" if row.metavar is None else f" \\fI{_text(row.metavar)}\\fR"
            names = ", ".join(f"\\fB{_text(name)}\\fR" for name in row.names)
            yield from _item(names + metavar, row.help)


def _item(term: str, about: str) -> Iterator[str]:
    yield from (".TP", term, _text(about))


def _see(names: Iterable[str]) -> str:
    return "\n".join(f".BR envbuild\\-{_text(name)} (1)" for name in names)


def _text(text: str) -> str:
    """Text as roff source: nothing in it is a request or an escape."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
