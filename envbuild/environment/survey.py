"""One walk through an environment: what its receipt records, and what its stat record does."""

from __future__ import annotations

import os
import stat
from operator import itemgetter
from typing import TYPE_CHECKING

from envbuild.environment.content_digest import Contents, FileEntry, FolderEntry, LinkEntry
from envbuild.environment.contents import FOLDER_MODE, entry_file, freeze_file
from envbuild.environment.stat_list import Looks, columns_of, looks_of, looks_of_folders
from envbuild.errors import HostError, Problem
from envbuild.posix.tree import folders_in, path_text, walk_folders
from envbuild.value import tuples_of, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from envbuild.posix.tree import Visit
    from envbuild.wheelcache.entry import EntryFile


@value
class Survey:
    """The result of one walk through an environment."""

    contents: Contents
    looks: tuple[Looks, ...]
    """The status of everything in it."""


def scan_contents(environment: Path) -> Contents:
    """Every file, link and folder below an environment, with hashed contents; changes nothing.

    HostError for anything else (a socket, a device), which no wheel has.
    """
    return survey(environment, known={}, freeze=False).contents


def survey(
    environment: Path,
    *,
    known: Mapping[str, EntryFile],
    freeze: bool,
    walk: Callable[[bytes, int], Iterable[Visit]] | None = None,
) -> Survey:
    """Walk through everything below an environment.

    With `freeze` it is made readable for every user and writable for none, regardless of the umask;
    a file that its owner can execute, everybody can.
    Its own folder comes last: until then its mode keeps other users out.

    `known` files, by path, are neither read nor changed, because the caller has just written them;
    they must exist as files.
    `walk` gives every folder from a root down, and all but the root the mode.
    HostError as in `scan_contents`.
    """
    found = _Walk(environment, known, freeze=freeze)
    root = os.fsencode(environment)
    for visit in _frozen(root, walk or _walk) if freeze else walk_folders([root]):
        found.take(visit)
    return found.survey()


def _walk(root: bytes, mode: int) -> Iterable[Visit]:
    return walk_folders([root], mode=mode, keep=(root,))


def _frozen(root: bytes, walk: Callable[[bytes, int], Iterable[Visit]]) -> Iterator[Visit]:
    """Every folder with its mode set; the root last, when everything below it is done."""
    for visit in walk(root, FOLDER_MODE):
        if visit.folder != root:
            yield visit
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                freeze_file(entry.path, entry.stat(follow_symlinks=False))
    os.chmod(root, FOLDER_MODE)  # noqa: PTH101
    yield from walk_folders([root], spare=frozenset(folders_in(root)))


class _Walk:
    """What has been found in an environment."""

    def __init__(self, environment: Path, known: Mapping[str, EntryFile], *, freeze: bool) -> None:
        self._known = known
        self._freeze = freeze
        self._environment = environment
        self._skip = len(os.fsencode(environment)) + 1
        self._files: list[tuple[str, EntryFile]] = []
        self._links: list[tuple[LinkEntry, os.stat_result]] = []
        self._folders: list[tuple[str, Visit]] = []

    def take(self, visit: Visit) -> None:
        """Add a folder's entries; in one step if all are known, because there are 50,000."""
        folder = path_text(visit.folder[self._skip :])
        self._folders.append((folder or ".", visit))
        prefix = f"{folder}/" if folder else ""
        paths = [prefix + path_text(name) for name in visit.names]
        there = list(map(self._known.get, paths))
        if visit.regular and None not in there:
            self._files += zip(paths, there, strict=True)  # type: ignore[arg-type]
        else:
            for path, name, file in zip(paths, visit.names, there, strict=True):
                self._take_one(path, visit.folder + b"/" + name, file)

    def _take_one(self, path: str, place: bytes, file: EntryFile | None) -> None:
        status = os.lstat(place)
        if stat.S_ISREG(status.st_mode):
            if file is None:
                if self._freeze:
                    status = freeze_file(place, status)
                file = entry_file(path, place, status)
            self._files.append((path, file))
        elif stat.S_ISLNK(status.st_mode):
            self._links.append((LinkEntry(path=path, target=path_text(os.readlink(place))), status))  # noqa: PTH115
        else:
            message = f"{self._environment}/{path} is neither a file nor a folder nor a link"
            raise HostError(Problem(message=message))

    def survey(self) -> Survey:
        """Everything in path order; column by column, for speed."""
        self._files.sort(key=itemgetter(0))
        self._links.sort(key=itemgetter(0))
        self._folders.sort(key=itemgetter(0))
        paths = [path for path, _ in self._files]
        _, modes, sizes, digests, times, inodes = columns_of(map(itemgetter(1), self._files), 6)
        kinds = [stat.S_IFREG | mode for mode in modes]
        contents = Contents(
            files=tuples_of(FileEntry, zip(paths, modes, sizes, digests, strict=True)),
            links=tuple([link for link, _ in self._links]),
            folders=tuple(
                [
                    FolderEntry(path, stat.S_IMODE(visit.status.st_mode))
                    for path, visit in self._folders
                ]
            ),
        )
        looks = (
            Looks(paths, (kinds, inodes, sizes, times)),
            looks_of([(link.path, status) for link, status in self._links]),
            looks_of_folders(self._folders),
        )
        return Survey(contents=contents, looks=looks)
