"""Where the sources of packages are on this host: each is an index with one package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from envbuild.declaration.source import (
    GitSource,
    PathSource,
    UrlSource,
    is_scp_like,
    source_variable,
)
from envbuild.errors import Problem, UsageError
from envbuild.index.locations import IndexLocation, split_credentials
from envbuild.index.page import IndexFile
from envbuild.sourcetree.git_access import GitLogin
from envbuild.sourcetree.git_tree import GitTree
from envbuild.sourcetree.path_tree import check_place
from envbuild.sourcetree.places import is_file_source, place_of
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.declaration.source import PackageSource
    from envbuild.index.credentials import Netrc

_HINT = "give an http(s) URL, a file: URL or an absolute path: of the file, or of the folder that has it"


def locate_sources(
    sources: Iterable[PackageSource], environ: Mapping[str, str], netrc: Netrc
) -> tuple[IndexLocation, ...]:
    """The place of each source; `$ENVBUILD_SOURCE_<NAME>` overrides the declaration.

    UsageError names every variable with an invalid value.
    """
    problems: list[Problem] = []
    found = []
    for source in sources:
        variable = source_variable(source.package)
        try:
            if isinstance(source, GitSource):
                found.append(_locate_git(source, environ.get(variable, ""), netrc))
                continue
            if isinstance(source, PathSource):
                found.append(_locate_path(source, environ))
                continue
            assert isinstance(source, UrlSource)
            location = _locate(source, environ.get(variable, ""))
        except ValueError as error:
            message = f"the place of the source of {source.package} {error}"
            problems.append(Problem(key=f"${variable}", message=message, hint=_HINT))
            continue
        found.append(netrc.complete(location))
    if problems:
        raise UsageError(dict.fromkeys(problems))
    return tuple(found)


def _locate_git(source: GitSource, override: str, netrc: Netrc) -> IndexLocation:
    if override and Path(override).is_absolute():
        override = Path(override).as_uri()
    if override and not (
        override.startswith(("https://", "ssh://", "file:///")) or is_scp_like(override)
    ):
        raise ValueError("is neither a repository's URL nor an absolute path")
    if override.startswith("ssh://") and urlsplit(override).password is not None:
        raise ValueError("has a password, which ssh does not take")
    url, login = override or source.url, None
    if url.startswith("https://"):
        place = replace(split_credentials(source.origin, url), packages=(source.package,))
        url, login = place.url or "", _login(place, netrc)
    tree = GitTree(
        url=url,
        shown=source.url,
        kind=source.revision_kind,
        revision=source.revision,
        subdirectory=source.subdirectory,
        variable=source_variable(source.package),
        login=login,
    )
    return IndexLocation(name=source.origin, tree=tree, packages=(source.package,))


def _login(place: IndexLocation, netrc: Netrc) -> GitLogin | None:
    """Who asks a server: as the address says, else as the netrc file says."""
    given = place.credentials
    found = netrc.complete(place).credentials
    if found is None or re.search(r"[\n\0]", f"{found.user}{found.password}"):
        return None
    return GitLogin(user=found.user, password=found.password, alone=found is given)


def _locate_path(source: PathSource, environ: Mapping[str, str]) -> IndexLocation:
    place = place_of(source, environ)
    if not is_file_source(source):
        return IndexLocation(name=source.origin, tree=place, packages=(source.package,))
    path = Path(place.folder)
    check_place(place, file=True)
    file = IndexFile(filename=path.name, url=path.as_uri())
    return IndexLocation(name=source.origin, folder=path.parent).with_files(source.package, (file,))


def _locate(source: UrlSource, override: str) -> IndexLocation:
    files = tuple(
        IndexFile(
            filename=file.filename,
            url=_moved(override, file.filename) if override else file.url,
            sha256=file.sha256,
        )
        for file in source.files
    )
    first = files[0].url
    if first.startswith("file:"):
        place = IndexLocation(name=source.origin, folder=Path(unquote(urlsplit(first).path)).parent)
    else:
        place = split_credentials(source.origin, override or first)
    return place.with_files(source.package, files)


def _moved(override: str, filename: str) -> str:
    """The address of a file where a host has it; ValueError says what is wrong, without the text."""
    scheme = override.partition(":")[0].lower()
    if scheme in ("http", "https"):
        bare = split_credentials("", override).url or ""
    elif scheme == "file" and urlsplit(override).hostname in (None, "localhost"):
        bare = f"file://{urlsplit(override).path}"
    elif Path(override).is_absolute():
        bare = Path(override).as_uri()
    else:
        raise ValueError("is neither a URL nor an absolute path")
    if unquote(bare.rpartition("/")[2]) == filename:
        return bare
    return f"{bare.rstrip('/')}/{quote(filename)}"
