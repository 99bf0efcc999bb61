"""`[tool.poetry]` of a `pyproject.toml`, and the entries of a `Pipfile`, which have the same form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envbuild.declaration.toml.requirement import parse_requirement
from envbuild.declaration.toml.source import check_source
from envbuild.declaration.toml.table import TextError
from envbuild.imports.draft import Draft, left_out_line, no_extra
from envbuild.imports.project import read_pythons, source_of
from envbuild.imports.toml_values import table_at, text_at, texts_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.imports.direct import Locate, SourceTable

_CLAUSE = re.compile(r"(?:(?P<sign>\^|~(?!=)|===|[<>=!~]=|[<>])\s*)?(?P<version>[^\s,<>=!~^]+)")
_MARKERS = ("sys_platform", "platform_machine", "platform_system", "os_name", "python_version")
"""Keys of an entry that are markers of the same name."""


def read_poetry(
    document: Mapping[str, object], *, file: str, extras: tuple[str, ...], locate: Locate | None
) -> tuple[Draft, ...]:
    """A driver for the project, and one for each group; empty if there is no Poetry in it.

    UsageError for an extra that it does not have.
    """
    poetry = table_at(document, "tool", "poetry")
    own = table_at(poetry, "dependencies")
    groups = {
        name: table_at(poetry, "group", name, "dependencies") for name in table_at(poetry, "group")
    }
    if table_at(poetry, "dev-dependencies"):
        groups.setdefault("dev", table_at(poetry, "dev-dependencies"))
    drafts = [read_entries(name, table, locate) for name, table in groups.items() if table]
    if own and not texts_at(document, "project", "dependencies"):
        wanted = _wanted(poetry, extras, file)
        entries = {
            name: entry
            for name, entry in own.items()
            if name != "python" and (not _is_optional(entry) or canonicalize_name(name) in wanted)
        }
        name = text_at(poetry, "name") or text_at(document, "project", "name") or "project"
        draft = read_entries(name, entries, locate, python=text_at(own, "python"))
        drafts.insert(0, draft)
    return tuple(drafts)


def read_entries(
    name: str, entries: Mapping[str, object], locate: Locate | None, *, python: str = ""
) -> Draft:
    """The driver of a table such as `{ flask = "^3", svc = { git = "…" } }`."""
    requires: dict[str, None] = {}
    sources: list[tuple[str, SourceTable]] = []
    left_out: list[str] = []
    for package, entry in entries.items():
        for one in entry if isinstance(entry, list) else [entry]:
            try:
                requirement, source = _entry(package, one, locate)
            except TextError as error:
                left_out.append(left_out_line(package, error))
                continue
            requires[requirement] = None
            if source:
                sources.append((canonicalize_name(package), source))
    try:
        pythons, wrong = read_pythons(specifier_of(python))
    except TextError as error:
        pythons, wrong = (), (left_out_line("python", error),)
    return Draft(
        name=name,
        requires=tuple(requires),
        pythons=pythons,
        sources=tuple(sources),
        left_out=(*left_out, *wrong),
    )


def _entry(package: str, entry: object, locate: Locate | None) -> tuple[str, SourceTable]:
    """A requirement, and its source if it has one."""
    if isinstance(entry, str):
        return str(parse_requirement(f"{package}{specifier_of(entry)}")), ()
    if not isinstance(entry, dict):
        raise TextError("it is neither a version nor a table")
    extras = ",".join(texts_at(entry, "extras"))
    marker = " and ".join(_markers(entry))
    placed = any(text_at(entry, key) for key in ("git", "url", "path", "file"))
    source = source_of(entry, locate) if placed else ()
    if source:
        check_source(canonicalize_name(package), dict(source))
    elif text_at(entry, "source") or text_at(entry, "index"):
        raise TextError("it comes from an index of its own: bind it to an [[index]]")
    text = f"{package}[{extras}]" if extras else package
    text += "" if source else specifier_of(text_at(entry, "version"))
    return str(parse_requirement(f"{text} ; {marker}" if marker else text)), source


def _markers(entry: Mapping[str, object]) -> Iterator[str]:
    written = text_at(entry, "markers")
    if written:
        yield f"({written})" if " or " in written else written
    if text_at(entry, "python"):
        for clause in specifier_of(text_at(entry, "python")).split(","):
            yield _python_marker(clause)
    if text_at(entry, "platform"):
        yield f"sys_platform == '{text_at(entry, 'platform')}'"
    for key in _MARKERS:
        if text_at(entry, key):  # of Pipenv: "== 'linux'"
            yield f"{key} {text_at(entry, key)}"


def _python_marker(clause: str) -> str:
    match = re.fullmatch(r"([<>=!~]+)(.+)", clause)
    if match is None:
        raise TextError(f"{clause[:80]!r} is not a range of Pythons")
    name = "python_full_version" if match[2].count(".") > 1 else "python_version"
    return f"{name} {match[1]} '{match[2]}'"


def specifier_of(written: str) -> str:
    """Poetry's range as PEP 440 has it: `^1.2` is `>=1.2,<2`; TextError for alternatives."""
    if "||" in written or "|" in written:
        raise TextError("a requirement cannot express `||`", hint="declare one of the ranges")
    if written.strip() in ("", "*"):
        return ""
    clauses = tuple(_CLAUSE.finditer(written))
    bare = [match for match in clauses if match["sign"] is None]
    if _CLAUSE.sub("", written).replace(",", "").strip() or (bare and len(clauses) > 1):
        raise TextError(f"{written[:80]!r} is not a range of versions")
    return ",".join(map(_clause, clauses))


def _clause(match: re.Match[str]) -> str:
    sign, text = match["sign"], match["version"]
    if sign is None:
        return f"=={text}"
    if sign not in ("^", "~"):
        return f"{sign}{text}"
    try:
        release = Version(text).release
    except InvalidVersion:
        raise TextError(f"{text[:80]!r} is not a version") from None
    if sign == "~":
        at = min(1, len(release) - 1)
    else:  # the first number that is not 0 may not change
        at = next((at for at, number in enumerate(release) if number), len(release) - 1)
    above = (*release[:at], release[at] + 1)
    return f">={text},<{'.'.join(map(str, above))}"


def _is_optional(entry: object) -> bool:
    return isinstance(entry, dict) and entry.get("optional") is True


def _wanted(poetry: Mapping[str, object], extras: tuple[str, ...], file: str) -> set[str]:
    """The optional packages of these extras."""
    known: dict[str, str] = {canonicalize_name(name): name for name in table_at(poetry, "extras")}
    found: set[str] = set()
    for extra in extras:
        if extra not in known:
            raise no_extra(extra, known.values(), file=file, key=f"tool.poetry.extras.{extra}")
        found |= {canonicalize_name(name) for name in texts_at(poetry, "extras", known[extra])}
    return found
