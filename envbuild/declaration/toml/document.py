"""A whole `drivers.toml`: its syntax, its version, its tables in turn."""

from __future__ import annotations

import re
from ast import literal_eval

from envbuild.declaration.declaration import Declaration
from envbuild.declaration.toml.audit import read_audit
from envbuild.declaration.toml.backend_index import backend_indexes
from envbuild.declaration.toml.build import read_builds
from envbuild.declaration.toml.driver import read_drivers
from envbuild.declaration.toml.host_table import check_host_env, read_hosts
from envbuild.declaration.toml.index import read_indexes
from envbuild.declaration.toml.keys import DEFAULTS_KEYS, DRIVER_FORM, DRIVER_KEYS
from envbuild.declaration.toml.launch import check_launch
from envbuild.declaration.toml.loading import load_toml
from envbuild.declaration.toml.positions import locate, render_path
from envbuild.declaration.toml.requirement_set import Sets, read_sets
from envbuild.declaration.toml.rule import read_agree, read_coexist
from envbuild.declaration.toml.served import check_served
from envbuild.declaration.toml.source import SOURCES, check_sources
from envbuild.declaration.toml.table import (
    Key,
    Place,
    Table,
    TextSource,
    TooManyProblemsError,
    kind,
    read_table,
    unread,
)
from envbuild.digest import sha256_hex
from envbuild.errors import DeclarationError, Problem
from envbuild.value import replace

FORMAT = 1
"""The `version` of the declarations that this envbuild reads."""

_SYNTAX_HINTS = (
    ("Cannot declare", "a table can be written once; give one of the two another name"),
    ("Cannot overwrite", "a key can be written once in its table"),
    ("Invalid value", 'write text in quotes: name = "text"'),
    ("Unterminated string", "a quote is missing at the end of a text"),
    ("Unclosed array", "a `]` is missing"),
    ("Unclosed inline table", "write a table in `{ }` on one line"),
    ("Expected newline", "write one key on each line"),
    ("an integer", "write one of at most 18 digits"),
    ("a key", "no table of this file is nested so deeply"),
)
"""The start of a message of `tomllib`, and a hint for it."""

_TWICE = re.compile(r"Cannot declare (\(.*\)) twice")
_PLACE = re.compile(r" \((at line (?P<line>\d+), column (?P<column>\d+)|at end of document)\)$")

_HOMES = {
    **{key.name: "in a driver's table, [drivers.NAME]" for key in DRIVER_KEYS},
    **{key.name: "in [defaults] or in a driver's table, [drivers.NAME]" for key in DEFAULTS_KEYS},
    "version": "at the top of the file, above the first [table]",
}


def _read_version(value: object, place: Place) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        if value == FORMAT:
            return value
        if value > FORMAT:
            message = f"version {value} of drivers.toml is newer than this envbuild can read"
            place.wrong(message, hint="upgrade envbuild")
        else:
            message = f"there is no version {value} of drivers.toml"
            place.wrong(message, hint=f"write version = {FORMAT}")
        return None
    place.wrong(f"must be an integer, not {kind(value)}", hint=f"write version = {FORMAT}")
    return None


def _read_defaults(value: object, place: Place) -> Table | None:
    return read_table(value, place, DEFAULTS_KEYS)


VERSION = Key("version", _read_version)
DEFAULTS = Key("defaults", _read_defaults)
INDEX = Key("index", read_indexes)
SETS = Key("sets", read_sets)
BUILD = Key("build", read_builds)
AUDIT = Key("audit", read_audit)
DRIVERS = Key("drivers", unread)
HOSTS = Key("hosts", unread)
COEXIST = Key("coexist", unread)
AGREE = Key("agree", unread)

TOP_KEYS: tuple[Key[object], ...] = (
    *(VERSION, DEFAULTS, INDEX, SOURCES, SETS, BUILD, AUDIT),
    *(DRIVERS, HOSTS, COEXIST, AGREE),
)
"""The keys at the top of the file."""


def parse_declaration(text: str, *, file: str, folder: str | None = None) -> Declaration:
    """`drivers.toml` → Declaration; DeclarationError carries every problem of the text.

    `file` is the name for messages.
    `folder` is the absolute folder in which the indexes' relative paths start;
    without it they are left relative.
    """
    try:
        document = _load(text, file)
        source = TextSource(file=file, positions=locate(text), folder=folder, homes=_HOMES)
    except RecursionError:
        problem = Problem(message="tables and lists are nested too deeply", file=file)
        raise DeclarationError(problem) from None
    _refuse_newer(document, source)
    try:
        declaration = _read_document(document, Place(source=source), text)
    except TooManyProblemsError:
        last = Problem(message="there are more problems, which are not listed", file=file)
        raise DeclarationError([*_in_order(source), last]) from None
    if source.problems:
        raise DeclarationError(_in_order(source))
    return declaration


def _in_order(source: TextSource) -> list[Problem]:
    return sorted(source.problems, key=lambda problem: problem.line or 0)


def _load(text: str, file: str) -> dict[str, object]:
    """The text as `tomllib` parses it; else DeclarationError with its message."""
    try:
        return load_toml(text)
    except ValueError as error:
        raise DeclarationError(_syntax_problem(text, file, str(error))) from None


def _syntax_problem(text: str, file: str, words: str) -> Problem:
    if text.startswith("\ufeff"):
        return Problem(
            message="the file begins with a byte order mark",
            file=file,
            line=1,
            hint="save it as UTF-8 without one",
        )
    hint = next((hint for start, hint in _SYNTAX_HINTS if words.startswith(start)), None)
    place = _PLACE.search(words)
    line = column = None
    if place is not None:
        words = words[: place.start()]
        line, column = int(place["line"] or _last_line(text)), place["column"]
    words = _TWICE.sub(
        lambda twice: f"[{render_path(literal_eval(twice[1]))}] is defined twice", words
    )
    words += f" (column {column})" if column else ""
    return Problem(message=f"this is not TOML: {words}", file=file, line=line, hint=hint)


def _last_line(text: str) -> int:
    return text.rstrip().count("\n") + 1


def _refuse_newer(document: dict[str, object], source: TextSource) -> None:
    """Stop if the version is newer: all other problems would be misleading."""
    version = document.get(VERSION.name)
    if isinstance(version, int) and version > FORMAT:
        VERSION.read(version, Place(source=source).at(VERSION.name))
        raise DeclarationError(source.problems)


def _read_document(document: dict[str, object], place: Place, text: str) -> Declaration:
    top = read_table(document, place, TOP_KEYS)
    assert top is not None
    if not top.has(VERSION):
        place.wrong("the file has no `version`", hint=f"begin it with version = {FORMAT}")
    defaults = top.get(DEFAULTS) or Table(place=place, present=frozenset(), values={})
    sources = top.get(SOURCES) or ()
    defaults = replace(defaults, values={**defaults.values, SOURCES.name: sources})
    declared = document.get(DRIVERS.name, {})
    if declared == {} and (DRIVERS.name in document or not top.has(DRIVERS)):
        place.at(DRIVERS.name).wrong("no driver is declared", hint=f"add one: {DRIVER_FORM}")
    sets = Sets(top.get(SETS) or {})
    sets.check()
    drivers = read_drivers(declared, place.at(DRIVERS.name), defaults, sets)
    known = tuple(declared) if isinstance(declared, dict) else ()
    enabled = tuple(driver.name for driver in drivers if driver.enabled)
    check_sources(sources, place.at(SOURCES.name), drivers)
    indexes = top.get(INDEX) or ()
    indexes += backend_indexes(drivers, indexes, place)
    check_served(document, place, indexes, drivers)
    hosts = read_hosts(document.get(HOSTS.name, {}), place.at(HOSTS.name), known)
    check_launch(drivers, known, place.at(DRIVERS.name))
    check_host_env(hosts, place.at(HOSTS.name), drivers)
    coexist, agree = document.get(COEXIST.name, []), document.get(AGREE.name, [])
    return Declaration(
        file=place.source.file,
        digest=f"sha256:{sha256_hex(text.encode())}",
        drivers=drivers,
        indexes=indexes,
        builds=top.get(BUILD) or (),
        ignored_advisories=top.get(AUDIT) or (),
        hosts=hosts,
        coexist=read_coexist(
            coexist,
            place.at(COEXIST.name),
            known,
            {driver.name: driver.resolver for driver in drivers},
        ),
        agree=read_agree(agree, place.at(AGREE.name), known, enabled),
    )
