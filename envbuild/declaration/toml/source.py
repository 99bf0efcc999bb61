"""`[sources]` and `[drivers.NAME.sources]`: packages that come from no index."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from envbuild.declaration.source import (
    ARCHIVES,
    GitSource,
    PackageSource,
    PathSource,
    UrlSource,
    WheelAddress,
    is_scp_like,
)
from envbuild.declaration.toml.positions import locate
from envbuild.declaration.toml.requirement import parse_package
from envbuild.declaration.toml.table import (
    Key,
    Place,
    Table,
    TextError,
    TextSource,
    kind,
    read_table,
    text,
)
from envbuild.declaration.toml.target import platform
from envbuild.target.target import parse_variant
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.declaration.driver import Driver

_FORM = (
    'write it like [sources] with NAME = { url = "https://…/NAME-1.0-py3-none-any.whl" }, '
    '{ git = "https://…", tag = "…" } or { path = "…" }'
)
_REVISION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/+-]{0,198}[A-Za-z0-9])?")
_SHA256 = re.compile(r"sha256=([0-9a-f]{64})")
_MOST = 200
"""The most packages of one table, and the most sources of one package."""


def _url(written: str) -> WheelAddress:
    """The address of a wheel; no message repeats a possible password."""
    if re.search(r"[\s\x00-\x1f\x7f]", written):
        raise TextError("a URL cannot contain spaces")
    bare, fragment = urldefrag(written)
    try:
        parts = urlsplit(bare)
        _ = parts.port
    except ValueError:
        raise TextError("this is not a URL", hint=_FORM) from None
    if parts.scheme not in ("http", "https"):
        raise TextError("the URL of a source must begin with https:// or http://", hint=_FORM)
    if not parts.hostname:
        raise TextError("the URL names no host", hint=_FORM)
    if "@" in parts.netloc or parts.query:
        what = "a user or a password" if "@" in parts.netloc else "`?`"
        raise TextError(
            f"this file holds no secrets, but the URL has {what} in it",
            hint="remove it; put passwords into the netrc file",
        )
    digest = _SHA256.fullmatch(fragment)
    if fragment and digest is None:
        hint = "`#sha256=` and 64 hex digits may follow the URL, and nothing else"
        raise TextError("the URL has `#` in it", hint=hint)
    if not parts.path.endswith(ARCHIVES):
        raise TextError(
            "the URL does not end in a file's name, `….whl`, `….tar.gz` or `….zip`", hint=_FORM
        )
    return WheelAddress(url=bare, sha256=digest[1] if digest else None)


def _path(written: str) -> str:
    if not written or re.search(r"[\x00-\x1f\x7f]", written):
        raise TextError("a path is missing between the quotes")
    if "://" in written:
        raise TextError("a path is not a URL", hint="use url or git instead of path")
    if written.startswith(("/", "~")):
        hint = "lockfiles are for every clone; $ENVBUILD_SOURCE_<NAME> says where one host has it"
        raise TextError("the path must be relative to this file", hint=hint)
    return posixpath.normpath(written)


def _git(written: str) -> str:
    """The address of a repository; no message repeats a possible password."""
    if re.search(r"[\s\x00-\x1f\x7f]", written):
        raise TextError("an address cannot contain spaces")
    hint = (
        "write it like https://example.com/team/svc.git, ssh://example.com/team/svc.git, "
        "git@example.com:team/svc.git or file:///srv/svc.git"
    )
    if is_scp_like(written):
        return written
    try:
        parts = urlsplit(written)
        _ = parts.port
    except ValueError:
        raise TextError("this is not the address of a repository", hint=hint) from None
    if parts.scheme not in ("https", "ssh", "file"):
        raise TextError(
            "the address of a repository must begin with https://, ssh:// or file://", hint=hint
        )
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise TextError("a file: address must have an absolute path", hint=hint)
    if parts.scheme != "file" and (not parts.hostname or parts.hostname.startswith("-")):
        raise TextError("the address names no host", hint=hint)
    if parts.password is not None or (parts.username is not None and parts.scheme == "https"):
        raise TextError(
            "this file holds no secrets, but the address has a user or a password in it",
            hint="remove it; git uses credential helpers and the netrc file",
        )
    if parts.query or parts.fragment or (parts.username or "").startswith("-"):
        raise TextError("the address has more in it than a host and a path", hint=hint)
    return written


def _revision(written: str) -> str:
    if not _REVISION.fullmatch(written) or ".." in written or "//" in written:
        raise TextError(
            f"{written!r} is not the name of a revision",
            hint="letters, digits, and . _ / + - between them; or the digits of a commit",
        )
    return written


def _subdirectory(written: str) -> str:
    path = posixpath.normpath(written) if written else ""
    if not path or path == "." or path.startswith(("/", "~", "-", ":")) or ".." in path.split("/"):
        raise TextError(
            f"{written!r} is not a folder inside the repository", hint='such as "packages/svc"'
        )
    if re.search(r"[\x00-\x1f\x7f]", path):
        raise TextError("a folder's name has no control characters")
    return path


GIT = Key("git", text(_git))
REVISIONS = tuple(Key(name, text(_revision)) for name in ("rev", "tag", "branch"))
SUBDIRECTORY = Key("subdirectory", text(_subdirectory))
URL = Key("url", text(_url))
PLATFORM = Key("platform", text(platform))
VARIANT = Key("variant", text(parse_variant))
PATH = Key("path", text(_path))
KINDS: tuple[Key[object], ...] = (URL, GIT, PATH)
SOURCE_KEYS: tuple[Key[object], ...] = (*KINDS, *REVISIONS, SUBDIRECTORY, PLATFORM, VARIANT)


def read_sources(value: object, place: Place) -> tuple[tuple[str, tuple[PackageSource, ...]], ...]:
    """A reader of all sources of a table: each package with its sources, in name order."""
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=_FORM)
        return ()
    if len(value) > _MOST:
        place.wrong(f"it has more than {_MOST} packages", hint="split the file into several")
        return ()
    found: dict[str, tuple[PackageSource, ...]] = {}
    for name, inner in value.items():
        package = text(parse_package)(name, place.at(name))
        if package is not None and package in found:
            place.at(name).wrong(f"'{package}' is listed twice", hint="remove one of them")
        elif package is not None:
            found[package] = tuple(_of_package(package, inner, place.at(name)))
    return tuple(sorted(found.items()))


def check_source(package: str, table: Mapping[str, str]) -> None:
    """TextError with the first problem of one source that is not in a file."""
    problems = TextSource(file="", positions=locate(""))
    read_sources({package: table}, Place(source=problems))
    for problem in problems.problems:
        raise TextError(problem.message, hint=problem.hint)


def _of_package(package: str, value: object, place: Place) -> Iterator[PackageSource]:
    """The sources of a package; URLs for the same targets are one source."""
    entries = value if isinstance(value, list) else [value]
    if not entries or len(entries) > _MOST:
        place.wrong(f"must have between one and {_MOST} sources", hint=_FORM)
        return
    found: dict[tuple[str | None, str | None], PackageSource] = {}
    for number, inner in enumerate(entries):
        at = place.at(number) if isinstance(value, list) else place
        table = read_table(inner, at, SOURCE_KEYS, hint=_FORM)
        source = _source(package, table) if table is not None else None
        if source is not None:
            own = (source.platform, source.variant)
            found[own] = _joined(found.get(own), source, at)
    yield from sorted(
        found.values(), key=lambda one: (one.variant is None) + (one.platform is None)
    )


def _joined(same: PackageSource | None, source: PackageSource, place: Place) -> PackageSource:
    """Two sources for the same targets."""
    if same is None:
        return source
    if not isinstance(same, UrlSource) or not isinstance(source, UrlSource):
        place.wrong(
            "the package has a source for these targets already",
            hint="give each its `platform` or its `variant`, or remove one",
        )
        return source
    files = (*same.files, *source.files)
    _check_distinct(files, place)
    return replace(same, files=files)


def _source(package: str, table: Table) -> PackageSource | None:
    given = [key.name for key in KINDS if table.has(key)]
    if len(given) != 1:
        names = " and ".join(f"`{name}`" for name in given)
        words = f"the source has {names}" if given else "the source has no `url`, `git` or `path`"
        table.place.wrong(words, hint="keep one of them" if given else _FORM)
        return None
    common: dict[str, Any] = {
        "package": package,
        "line": table.place.line,
        "platform": table.get(PLATFORM),
        "variant": table.get(VARIANT),
    }
    if GIT.name in given:
        return _git_source(table, common)
    for key in (*REVISIONS, SUBDIRECTORY):
        if table.has(key):
            table.place.at(key.name).wrong(
                f"`{key.name}` is for a source in a git repository", hint="remove it"
            )
    address, path = table.get(URL), table.get(PATH)
    if address is not None:
        _check_name(package, address.filename, table.place.at(URL.name))
        return UrlSource(files=(address,), **common)
    if path is None:
        return None
    if path.endswith(ARCHIVES):
        _check_name(package, posixpath.basename(path), table.place.at(PATH.name))
    return PathSource(path=path, base=table.place.source.folder, **common)


def _git_source(table: Table, common: dict[str, Any]) -> PackageSource | None:
    named = [key for key in REVISIONS if table.has(key)]
    if len(named) > 1:
        names = " and ".join(f"`{key.name}`" for key in named)
        table.place.wrong(f"the source has {names}", hint="keep one of them")
    url = table.get(GIT)
    if url is None:
        return None
    return GitSource(
        url=url,
        revision_kind=named[0].name if named else "",
        revision=(table.get(named[0]) or "") if named else "",
        subdirectory=table.get(SUBDIRECTORY) or "",
        **common,
    )


def _check_name(package: str, filename: str, place: Place) -> None:
    from packaging.utils import parse_sdist_filename

    from envbuild.target.wheel_choice import parse_wheel_name

    is_wheel = filename.endswith(".whl")
    try:
        name = parse_wheel_name(filename)[0] if is_wheel else parse_sdist_filename(filename)[0]
    except ValueError:
        hint = "NAME-VERSION-PYTHON-ABI-PLATFORM.whl, or NAME-VERSION.tar.gz"
        place.wrong(f"{filename!r} has no package and version in it", hint=hint)
        return
    if name != package:
        place.wrong(
            f"the file is one of '{name}', not of '{package}'",
            hint=f"write {name} = {{ … }}, or name another file",
        )


def _check_distinct(files: tuple[WheelAddress, ...], place: Place) -> None:
    if len({file.filename for file in files}) < len(files):
        place.wrong(
            "two URLs for the same targets have one file name",
            hint="give each its `platform` or its `variant`, or remove one",
        )


SOURCES = Key("sources", read_sources)


def merge_sources(inherited: tuple[PackageSource, ...], table: Table) -> tuple[PackageSource, ...]:
    """The sources of a driver, in name order: its own in place of inherited ones of the same package."""
    own = dict(table.get(SOURCES) or ())
    kept = (source for source in inherited if source.package not in own)
    added = (source for sources in own.values() for source in sources)
    return tuple(sorted((*kept, *added), key=lambda source: source.package))


def check_sources(
    sources: Iterable[tuple[str, tuple[PackageSource, ...]]],
    place: Place,
    drivers: tuple[Driver, ...],
) -> None:
    """Note variants and platforms that none of the drivers has; `place` is that of the table."""
    variants = {variant.name for driver in drivers for variant in driver.variants}
    platforms = {name for driver in drivers for name in driver.platforms}
    whose = f"the driver '{drivers[0].name}'" if len(drivers) == 1 else "any driver"
    for package, source in ((name, one) for name, all_ in sources for one in all_):
        for name, known, what in (
            (source.variant, variants, "variant"),
            (source.platform, platforms, "platform"),
        ):
            if name is not None and name not in known:
                place.at(package).wrong(
                    f"'{name}' is not a {what} of {whose}",
                    hint=f"there are: {', '.join(sorted(known)) or 'none'}",
                )
