"""`uv.lock`: what its projects require, and the versions that it pins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit, urlunsplit

from packaging.utils import canonicalize_name

from envbuild.declaration.toml.source import check_source
from envbuild.declaration.toml.table import TextError
from envbuild.errors import Problem, UsageError
from envbuild.imports.direct import archive_source, git_source
from envbuild.imports.draft import Draft, left_out_line, read_requirements
from envbuild.imports.project import read_pythons
from envbuild.imports.toml_values import list_at, table_at, text_at, texts_at
from envbuild.lockfile.first_pins import FirstPin
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.imports.direct import Locate, SourceTable

    Package = Mapping[str, object]

_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
_EXTRA = re.compile(r"\bextra\s*==")
_VERSION = re.compile(r"[A-Za-z0-9!+._-]+")
_MEMBERS = ("virtual", "editable")
"""The kinds of sources that projects of the lockfile's own workspace have."""


def read_uv_lock(
    name: str, document: Mapping[str, object], *, file: str, locate: Locate | None
) -> tuple[Draft, ...]:
    """A driver for each project of the workspace, or for a script; UsageError if it is not a lockfile of uv."""
    rows = [row for row in list_at(document, "package") if isinstance(row, dict)]
    if not isinstance(document.get("version"), int) or not rows:
        message, hint = "this is not a lockfile of uv", "name a file that `uv lock` wrote"
        raise UsageError(Problem(file=file, message=message, hint=hint))
    packages: dict[str, list[Package]] = {}
    for row in rows:
        packages.setdefault(canonicalize_name(text_at(row, "name")), []).append(row)
    members = [row for row in rows if _kind(row) in _MEMBERS]
    pythons, wrong = read_pythons(text_at(document, "requires-python"))
    script = list_at(document, "manifest", "requirements")
    roots = [(text_at(row, "name"), list_at(row, "metadata", "requires-dist")) for row in members]
    roots += [(name, script)] if script else []
    drafts = []
    for root, entries in roots:
        draft = _draft(root, entries, packages, pythons, locate)
        drafts.append(_with(draft, wrong))
    found = tuple(draft for draft in drafts if draft.requires or draft.left_out)
    if not found:
        message = "no project of it requires anything"
        raise UsageError(
            Problem(file=file, message=message, hint="import the project that it locks")
        )
    return found


def _with(draft: Draft, left_out: tuple[str, ...]) -> Draft:
    return replace(draft, left_out=(*draft.left_out, *left_out))


def _draft(
    name: str,
    entries: Iterable[object],
    packages: Mapping[str, list[Package]],
    pythons: tuple[str, ...],
    locate: Locate | None,
) -> Draft:
    texts = []
    extras = False
    for entry in entries:
        if _EXTRA.search(text_at(entry, "marker")):
            extras = True
        else:
            texts.append(_requirement(entry))
    read = read_requirements(texts)
    reached = _reached(read.requires, packages)
    sources: list[tuple[str, SourceTable]] = []
    left_out = list(read.left_out)
    for one in reached:
        try:
            source = _source(packages[one][0], locate)
            if source:
                check_source(one, dict(source))
                sources.append((one, source))
        except TextError as error:
            left_out.append(left_out_line(one, error))
    note = "extras are not imported from uv.lock: import pyproject.toml with --extra NAME for them"
    return Draft(
        name=name,
        requires=read.requires,
        pythons=pythons,
        sources=tuple(sources),
        pins=tuple(_pins(reached, packages)),
        left_out=tuple(left_out),
        notes=(note,) if extras else (),
    )


def _requirement(entry: object) -> str:
    """A row of `requires-dist` as text, without its place."""
    extras = ",".join(texts_at(entry, "extras"))
    text = text_at(entry, "name") + (f"[{extras}]" if extras else "")
    placed = any(text_at(entry, key) for key in ("git", "url", "path", "directory", "editable"))
    text += "" if placed else text_at(entry, "specifier")
    return f"{text} ; {text_at(entry, 'marker')}" if text_at(entry, "marker") else text


def _reached(requires: Iterable[str], packages: Mapping[str, list[Package]]) -> tuple[str, ...]:
    """The packages that are required, one by another."""
    waiting = [canonicalize_name(re.split(r"[^A-Za-z0-9._-]", text)[0]) for text in requires]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        if name in found or name not in packages:
            continue
        found[name] = None
        for row in packages[name]:
            inner = [list_at(row, "dependencies")]
            optional = table_at(row, "optional-dependencies")
            inner += [list_at(optional, extra) for extra in optional]
            waiting += [canonicalize_name(text_at(one, "name")) for rows in inner for one in rows]
    return tuple(sorted(found))


def _pins(names: Iterable[str], packages: Mapping[str, list[Package]]) -> Iterator[FirstPin]:
    for name in names:
        row = packages[name][0]
        version = text_at(row, "version")
        if _kind(row) == "registry" and _VERSION.fullmatch(version):
            files = [table_at(row, "sdist"), *list_at(row, "wheels")]
            hashes = (_SHA256.fullmatch(text_at(one, "hash")) for one in files)
            known = tuple(match[1] for match in hashes if match is not None)
            same = len(packages[name]) == 1  # else the hashes are those of one fork
            yield FirstPin(name=name, version=version, hashes=known if same else ())


def _kind(row: Package) -> str:
    return next(iter(table_at(row, "source")), "")


def _source(row: Package, locate: Locate | None) -> SourceTable:
    """The source of a package that comes from no index; empty if one has it."""
    kind = _kind(row)
    place = text_at(row, "source", kind)
    if kind == "git":
        parts = urlsplit(place)
        told = {key: texts[0] for key, texts in parse_qs(parts.query).items()}
        url = urlunsplit(parts._replace(query="", fragment=""))
        return git_source(url, parts.fragment, told.get("subdirectory", ""))
    if kind == "url":
        return archive_source(place)
    if kind in ("path", "directory", *_MEMBERS):
        if locate is None:
            raise TextError("a path cannot be used here")
        return (("path", locate(place)[0]),)
    return ()
