"""Requirements by URL or path → a requirement by name, and a source (`[sources]`) for that name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urldefrag, urlsplit

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from envbuild.declaration.source import ARCHIVES
from envbuild.declaration.toml.requirement import parse_requirement
from envbuild.declaration.toml.source import check_source
from envbuild.declaration.toml.table import TextError
from envbuild.value import value

if TYPE_CHECKING:
    from typing import TypeAlias

SourceTable: TypeAlias = tuple[tuple[str, str], ...]
"""The keys of one source, such as `(("git", "https://…"), ("rev", "v1"))`."""

Locate: TypeAlias = Callable[[str], tuple[str, str | None]]
"""A path as it is written → the path relative to the declaration, and the name of the project there.

TextError if it lies elsewhere, or is not there. The name is None if none can be read.
"""

_NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*+(?P<extras>\[[^]]*\])?+\s*+@\s*+(?P<place>\S.*)"
)
_EXTRAS = re.compile(r"[A-Za-z0-9._,\s-]*\]")
"""What follows the bracket that opens them."""

_MARKER = re.compile(r"(?<=\s);|;(?=\s)")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@value
class DirectRequirement:
    """A package that comes from a place of its own."""

    name: str
    """Normalised (PEP 503)."""

    requirement: str
    """The name, with extras and marker."""

    source: SourceTable


def is_direct(text: str) -> bool:
    """Whether a requirement names a place: a URL, a path or an archive."""
    place = _MARKER.split(text, maxsplit=1)[0].strip()
    bare = place.partition("[")[0].rstrip()
    return "/" in place or place.startswith((".", "~")) or bare.endswith(ARCHIVES)


def read_direct(text: str, locate: Locate | None) -> DirectRequirement:
    """A requirement such as `NAME @ git+https://…`, `./folder[extra]` or a wheel's URL; TextError says what is wrong.

    Without `locate` paths are refused. No message repeats an address, which may have a password.
    """
    place, *marker = map(str.strip, _MARKER.split(text.strip(), maxsplit=1))
    named = _NAMED.fullmatch(place)
    name = named["name"] if named else None
    extras = (named["extras"] if named else None) or ""
    place = named["place"] if named else place
    if "://" not in place and not named:
        path, bracket, rest = place.rpartition("[")
        if bracket and _EXTRAS.fullmatch(rest):
            place, extras = path.rstrip(), f"[{rest}"
    found, table = _source(place, locate)
    name = name or found
    if name is None:
        hint = "write it with its name: NAME @ PLACE"
        raise TextError("its name cannot be read without running it", hint=hint)
    extra_names = extras or _egg_extras(place)
    written = f"{name}{extra_names}" + (f" ; {marker[0]}" if marker else "")
    requirement = parse_requirement(written)
    check_source(requirement.name, dict(table))
    return DirectRequirement(name=requirement.name, requirement=str(requirement), source=table)


def git_source(
    url: str, ref: str = "", subdirectory: str = "", *, kind: str = "rev"
) -> SourceTable:
    """The source of a repository; `kind` is `rev`, `tag` or `branch`."""
    rows = (("git", url), (kind, ref), ("subdirectory", subdirectory))
    return tuple((key, text) for key, text in rows if text)


def archive_source(url: str, sha256: str = "") -> SourceTable:
    """The source of an archive, with its digest if it is known."""
    return (("url", f"{url}#sha256={sha256}" if sha256 else url),)


def _source(place: str, locate: Locate | None) -> tuple[str | None, SourceTable]:
    """The name that a place tells, if any, and the place as a source."""
    if place.startswith(("git+", "git:")):
        return _from_git(place.removeprefix("git+"))
    if place.startswith(("hg+", "svn+", "bzr+")):
        raise TextError("only git repositories can be sources")
    if place.startswith("file:"):
        place = unquote(urlsplit(place).path)
    if "://" in place:
        return _from_url(place)
    if locate is None:
        raise TextError("a path cannot be used here")
    path, name = locate(place.partition("#")[0])
    return _fragment(place).get("egg") or name, (("path", path),)


def _from_git(url: str) -> tuple[str | None, SourceTable]:
    bare, _ = urldefrag(url)
    told = _fragment(url)
    scheme, _, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    path, _, ref = path.partition("@")
    table = git_source(f"{scheme}://{host}{slash}{path}", ref, told.get("subdirectory", ""))
    return told.get("egg") or _stem(path), table


def _from_url(url: str) -> tuple[str | None, SourceTable]:
    bare, _ = urldefrag(url)
    told = _fragment(url)
    return archive_name(bare) or told.get("egg"), archive_source(bare, told.get("sha256", ""))


def archive_name(path: str) -> str | None:
    """The package of a wheel's or a source archive's file name; None if it has none."""
    file = unquote(posixpath.basename(urlsplit(path).path))
    try:
        if file.endswith(".whl"):
            return parse_wheel_filename(file)[0]
        return parse_sdist_filename(file)[0] if file.endswith(ARCHIVES) else None
    except ValueError:
        return None


def _stem(path: str) -> str | None:
    """The name of a repository, which is mostly its package's."""
    stem = posixpath.basename(path.rstrip("/")).removesuffix(".git")
    return canonicalize_name(stem) or None


def _fragment(url: str) -> dict[str, str]:
    """What stands behind `#`: egg without extras, subdirectory, sha256."""
    found = {key: texts[0] for key, texts in parse_qs(urldefrag(url)[1]).items()}
    if "egg" in found:
        found["egg"] = found["egg"].partition("[")[0]
    return found


def _egg_extras(place: str) -> str:
    egg = parse_qs(urldefrag(place)[1]).get("egg", [""])[0]
    return egg[egg.index("[") :] if "[" in egg else ""
