"""`pylock.toml` (PEP 751): which versions it pins, and which of its packages no other requires."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envbuild.declaration.toml.source import check_source
from envbuild.declaration.toml.table import TextError
from envbuild.errors import Problem, UsageError
from envbuild.imports.direct import archive_source, git_source
from envbuild.imports.draft import Draft, left_out_line, no_extra, read_requirements
from envbuild.imports.lock_marker import settle_marker
from envbuild.imports.project import read_pythons
from envbuild.imports.toml_values import list_at, table_at, text_at, texts_at
from envbuild.lockfile.first_pins import FirstPin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.imports.direct import Locate, SourceTable

_VERSION = re.compile(r"[A-Za-z0-9!+._-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NO_ROOTS = "it does not say which packages were requested: those that no other package requires are imported"
_ALL = "it does not say which packages were requested: all are required"


def read_pylock(
    name: str,
    document: Mapping[str, object],
    *,
    file: str,
    locate: Locate | None,
    extras: tuple[str, ...] = (),
) -> Draft:
    """A driver with the packages that no other requires, and all pins, for these extras and the default groups.

    UsageError if it is not a pylock.toml, or is one for other extras.
    """
    rows = [row for row in list_at(document, "packages") if isinstance(row, dict)]
    if not text_at(document, "lock-version") or not rows:
        message, hint = "this is not a pylock.toml (PEP 751)", "it needs lock-version and packages"
        raise UsageError(Problem(file=file, message=message, hint=hint))
    chosen, notes = _choose(document, extras, file)
    rows = [row for row in rows if _marker(row, chosen) is not False]
    needed = {
        canonicalize_name(text_at(one, "name"))
        for row in rows
        for one in list_at(row, "dependencies")
    }
    pins: dict[str, FirstPin] = {}
    texts: dict[str, None] = {}
    sources: dict[str, SourceTable] = {}
    left_out: list[str] = []
    for row in rows:
        package = canonicalize_name(text_at(row, "name"))
        marker = _marker(row, chosen)
        if package not in needed:
            texts[f"{package} ; {marker}" if isinstance(marker, str) else package] = None
        try:
            source = _source(row, locate)
            if source:
                check_source(package, dict(source))
                sources[package] = source
        except TextError as error:
            left_out.append(left_out_line(package, error))
        version = text_at(row, "version")
        if _VERSION.fullmatch(version) and not _placed(row):
            pins.setdefault(package, FirstPin(name=package, version=version, hashes=_hashes(row)))
    read = read_requirements(texts)
    pythons, wrong = read_pythons(text_at(document, "requires-python"))
    return Draft(
        name=name,
        requires=read.requires,
        pythons=pythons,
        sources=tuple(sources.items()),
        pins=tuple(pins.values()),
        left_out=(*read.left_out, *left_out, *wrong),
        notes=(_NO_ROOTS if needed else _ALL, *notes),
    )


def _choose(
    document: Mapping[str, object], extras: tuple[str, ...], file: str
) -> tuple[dict[str, frozenset[str]], tuple[str, ...]]:
    """The extras and groups whose packages are taken, and what is said of the others."""
    known = {canonicalize_name(one): one for one in texts_at(document, "extras")}
    for extra in extras if known else ():
        if extra not in known:
            raise no_extra(extra, known.values(), file=file, key="extras")
    groups = frozenset(map(canonicalize_name, texts_at(document, "default-groups")))
    others = [one for name, one in known.items() if name not in extras]
    left = [
        one
        for one in texts_at(document, "dependency-groups")
        if canonicalize_name(one) not in groups
    ]
    notes = (
        *([f"extras that are not imported: {', '.join(others)} (--extra NAME)"] if others else []),
        *([f"groups that are not imported: {', '.join(left)}"] if left else []),
    )
    return {"extras": frozenset(extras), "dependency_groups": groups}, notes


def _marker(row: Mapping[str, object], chosen: Mapping[str, frozenset[str]]) -> str | bool:
    """The package's marker, settled; True without one."""
    marker = text_at(row, "marker")
    return settle_marker(marker, chosen) if marker else True


def _placed(row: Mapping[str, object]) -> bool:
    return any(row.get(kind) for kind in ("vcs", "directory", "archive"))


def _hashes(row: Mapping[str, object]) -> tuple[str, ...]:
    files = [table_at(row, "sdist"), *list_at(row, "wheels")]
    digests = (text_at(one, "hashes", "sha256") for one in files)
    return tuple(dict.fromkeys(one for one in digests if _SHA256.fullmatch(one)))


def _source(row: Mapping[str, object], locate: Locate | None) -> SourceTable:
    vcs, archive, folder = (table_at(row, kind) for kind in ("vcs", "archive", "directory"))
    if vcs:
        if text_at(vcs, "type") != "git":
            raise TextError("only git repositories can be sources")
        return git_source(
            text_at(vcs, "url"), text_at(vcs, "commit-id"), text_at(vcs, "subdirectory")
        )
    if archive and text_at(archive, "url"):
        return archive_source(text_at(archive, "url"), text_at(archive, "hashes", "sha256"))
    if archive or folder:
        if locate is None:
            raise TextError("a path cannot be used here")
        return (("path", locate(text_at(archive or folder, "path"))[0]),)
    return ()
