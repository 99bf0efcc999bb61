"""`[project]` of a `pyproject.toml`, with its extras and what `[tool.uv]` says of its packages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envbuild.declaration.toml.requirement import parse_constraint, parse_override
from envbuild.declaration.toml.source import check_source
from envbuild.declaration.toml.table import TextError
from envbuild.imports.direct import archive_source, git_source
from envbuild.imports.draft import (
    Draft,
    left_out_line,
    no_extra,
    read_requirements,
    supported_pythons,
)
from envbuild.imports.toml_values import list_at, table_at, text_at, texts_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.imports.direct import Locate, SourceTable

_ITSELF = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*\[(?P<extras>[^]]*)\]\s*")


def read_project(
    document: Mapping[str, object], *, file: str, extras: tuple[str, ...], locate: Locate | None
) -> Draft | None:
    """The project's dependencies, with those of these extras; None if it has neither.

    UsageError for an extra that it does not have.
    """
    project = table_at(document, "project")
    optional: dict[str, str] = {
        canonicalize_name(name): name for name in table_at(project, "optional-dependencies")
    }
    texts = (*texts_at(project, "dependencies"), *_of_extras(project, optional, extras, file))
    dynamic = "dependencies" in texts_at(project, "dynamic")
    if not texts and not optional and not dynamic:
        return None
    read = read_requirements(texts, locate)
    sources, not_sources = uv_sources(document, locate)
    left_out = [*read.left_out, *not_sources]
    if dynamic:
        left_out.append(
            "project.dependencies: they are `dynamic`, and only its build backend knows them"
        )
    pythons, wrong = read_pythons(text_at(project, "requires-python"))
    constraints = _valid(document, "constraint-dependencies", parse_constraint, left_out)
    overrides = _valid(document, "override-dependencies", parse_override, left_out)
    rest = [name for name in optional.values() if canonicalize_name(name) not in extras]
    notes = [f"extras that are not imported: {', '.join(rest)} (--extra NAME)"] if rest else []
    if texts:
        notes.append("the project itself is not required: it can be a source, { path = … }")
    named = {canonicalize_name(re.split(r"[^A-Za-z0-9._-]", text)[0]) for text in read.requires}
    return Draft(
        name=text_at(project, "name") or "project",
        requires=read.requires,
        pythons=pythons,
        constraints=constraints,
        overrides=overrides,
        sources=(*((name, one) for name, one in sources if name in named), *read.sources),
        left_out=(*left_out, *wrong),
        notes=tuple(notes),
    )


def _valid(
    document: Mapping[str, object], key: str, parse: Callable[[str], str], left_out: list[str]
) -> tuple[str, ...]:
    """The texts of a list of `[tool.uv]` that are valid; the others are added to what is left out."""
    found: dict[str, None] = {}
    for text in texts_at(document, "tool", "uv", key):
        try:
            found[parse(text)] = None
        except TextError as error:
            left_out.append(left_out_line(f"tool.uv.{key}: {text}", error))
    return tuple(found)


def read_pythons(specifier: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Pythons of a `requires-python`, and why it cannot be followed."""
    try:
        return (supported_pythons(specifier) if specifier else ()), ()
    except TextError as error:
        return (), (left_out_line("requires-python", error),)


def _of_extras(
    project: Mapping[str, object],
    optional: Mapping[str, str],
    extras: tuple[str, ...],
    file: str,
) -> Iterator[str]:
    """The requirements of extras; one that names the project itself stands for its other extras."""
    own = canonicalize_name(text_at(project, "name") or "-")
    waiting, seen = list(extras), set[str]()
    while waiting:
        extra = waiting.pop(0)
        if extra in seen:
            continue
        seen.add(extra)
        if extra not in optional:
            key = f"project.optional-dependencies.{extra}"
            raise no_extra(extra, optional.values(), file=file, key=key)
        for text in texts_at(project, "optional-dependencies", optional[extra]):
            itself = _ITSELF.fullmatch(text)
            if itself is not None and canonicalize_name(itself["name"]) == own:
                waiting += [canonicalize_name(one.strip()) for one in itself["extras"].split(",")]
            else:
                yield text


def uv_sources(
    document: Mapping[str, object], locate: Locate | None
) -> tuple[tuple[tuple[str, SourceTable], ...], tuple[str, ...]]:
    """The sources of `[tool.uv.sources]`, and what of them cannot be one."""
    found: list[tuple[str, SourceTable]] = []
    left_out: list[str] = []
    for name, entry in table_at(document, "tool", "uv", "sources").items():
        try:
            source = source_of(entry, locate)
            check_source(name, dict(source))
            found.append((canonicalize_name(name), source))
        except TextError as error:
            left_out.append(left_out_line(f"tool.uv.sources.{name}", error))
    if list_at(document, "tool", "uv", "index"):
        left_out.append("tool.uv.index: declare it as an [[index]] with its packages")
    return tuple(found), tuple(left_out)


def source_of(entry: object, locate: Locate | None) -> SourceTable:
    """A source of uv, Poetry or Pipenv: a table with `git`, `url` or `path`; TextError if it is another."""
    git, url = text_at(entry, "git"), text_at(entry, "url") or text_at(entry, "file")
    path = text_at(entry, "path")
    if git:
        kinds: Iterable[str] = (kind for kind in ("rev", "tag", "branch") if text_at(entry, kind))
        kind = next(iter(kinds), "rev")
        ref = text_at(entry, kind) or text_at(entry, "ref")
        return git_source(git.removeprefix("git+"), ref, text_at(entry, "subdirectory"), kind=kind)
    if url:
        return archive_source(url)
    if path and locate is not None:
        return (("path", locate(path)[0]),)
    if text_at(entry, "index"):
        raise TextError("bind the package to an [[index]]")
    raise TextError("it is not a git repository, URL or path")
