"""The pages of sources that are trees: one version, whose METADATA the tree's own build backend makes."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from envbuild.backend.source import SourceTree
from envbuild.declaration.tree_name import parse_tree_name, tree_name
from envbuild.errors import HostError, IndexFailureError, Problem
from envbuild.index.answer import own_metadata
from envbuild.index.once import Once
from envbuild.index.page import IndexFile
from envbuild.index.page_parser import page_of
from envbuild.index.project_metadata import project_metadata
from envbuild.posix.scratch import scratch_folder
from envbuild.sourcetree.git_mirror import GitMirrors
from envbuild.sourcetree.git_tree import GitTree
from envbuild.sourcetree.path_tree import read_path
from envbuild.value import replace
from envbuild.wheelcache.metadata import parse_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from envbuild.declaration.index import Bindings
    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import ProjectPage
    from envbuild.index.stand_ins import SourceRules
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.posix.process import Runner
    from envbuild.sourcetree.snapshot import Snapshot


class MetadataPreparer(Protocol):
    """Asks build backends."""

    def prepare(
        self, tree: SourceTree, python: str, bindings: Bindings, rules: SourceRules, /
    ) -> bytes:
        """The METADATA of a source's wheel for a Python such as `3.12`.

        HostError if that Python is not here, or with the backend's words; other errors as in `Resolver`.
        """
        ...


class OpenTree(NamedTuple):
    """A copy of a source's files."""

    tree: SourceTree
    snapshot: Snapshot
    commit: str | None
    """The commit, 40 hex digits; None for a folder."""


class TreePages:
    """Reads each source once a command; the copies are removed when the `with` block ends."""

    def __init__(
        self,
        preparer: MetadataPreparer,
        runner: Runner,
        environment: Mapping[str, str],
        *,
        pythons: tuple[str, ...],
        asker: Callable[[str], tuple[Bindings, SourceRules]],
        cache: Path,
        kept: Callable[[str], str | None],
    ) -> None:
        """`pythons` are those that are locked for; `asker` gives indexes and rules for a source's own build.

        `cache` is envbuild's private folder; `kept` gives the commit of a source that stays locked.
        """
        self._cache = cache
        self._kept = kept
        self._preparer = preparer
        self._runner = runner
        self._environment = environment
        self._pythons = pythons
        self._asker = asker
        self._opened_folders = ExitStack()
        self._copies = self._opened_folders.enter_context(scratch_folder("trees"))
        self._opened: Once[OpenTree] = Once()
        self._metadata: Once[bytes] = Once()
        self._pages: Once[ProjectPage] = Once()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened_folders.close()

    def page(self, location: IndexLocation, package: str) -> ProjectPage:
        """The page with the source's one version; errors as in `read_tree` and `MetadataPreparer`."""
        return self._pages.get((location.name, package), lambda: self._page(location, package))

    def _page(self, location: IndexLocation, package: str) -> ProjectPage:
        opened = self._open(location, package)
        version = self._version(location, package)
        file = IndexFile(
            filename=tree_name(package, version, opened.commit),
            url=f"tree:{opened.tree.name}",
            sha256=opened.snapshot.sha256,
            size=opened.snapshot.size,
        )
        return page_of(package, (file,))

    def _version(self, location: IndexLocation, package: str) -> str:
        """The version by the first Python that is here."""
        from packaging.metadata import parse_email

        missing: HostError | None = None
        for python in self._pythons:
            try:
                content = self.metadata(location, package, python)
            except HostError as error:
                missing = missing or error
                continue
            with own_metadata(location, package, location.place):
                parse_metadata(content, package, 0)
            return parse_email(content)[0].get("version") or "0"
        assert missing is not None
        raise missing

    def metadata(self, location: IndexLocation, package: str, python: str) -> bytes:
        """METADATA of what the source is built into, by a Python such as `3.12`."""

        def read() -> bytes:
            tree = self._open(location, package).tree
            static = project_metadata(tree.path)
            if static is not None:
                return static
            return self._preparer.prepare(tree, python, *self._asker(location.name))

        return self._metadata.get((location.name, python), read)

    def opened(self, location: IndexLocation, file: ChosenFile) -> SourceTree | None:
        """The copy of a locked tree, which nobody writes to; None if the source is another one now."""
        found = self._open(location, file.package)
        if found.snapshot.sha256 != file.sha256:
            return None
        return replace(found.tree, version=file.version)

    def _open(self, location: IndexLocation, package: str) -> OpenTree:
        return self._opened.get(location.name, lambda: self._read(location, package))

    def _read(self, location: IndexLocation, package: str) -> OpenTree:
        copy = Path(tempfile.mkdtemp(dir=self._copies))
        mirrors = GitMirrors(self._runner, self._environment, self._cache)
        commit = self._kept(location.name)
        return open_tree(location, package, copy, mirrors, self._runner, self._environment, commit)


def open_tree(
    location: IndexLocation,
    package: str,
    copy: Path,
    mirrors: GitMirrors,
    runner: Runner,
    environment: Mapping[str, str],
    commit: str | None = None,
) -> OpenTree:
    """Copy a source's files into an empty folder; errors as in `read_path` and `GitMirrors.read`."""
    where = location.tree
    assert where is not None
    tree = SourceTree(package=package, path=copy, name=where.shown)
    if isinstance(where, GitTree):
        found = mirrors.read(where, commit, copy)
        epoch = max(found.epoch, tree.epoch)
        return OpenTree(replace(tree, epoch=epoch), found.snapshot, found.commit)
    return OpenTree(tree, read_path(where, runner, environment, copy).snapshot, None)


def fetch_tree(
    location: IndexLocation,
    file: ChosenFile,
    copy: Path,
    runner: Runner,
    environment: Mapping[str, str],
    *,
    cache: Path,
    offline: bool = False,
) -> SourceTree:
    """The files of a locked `.tree` in an empty folder; IndexFailureError if they are not what was locked.

    `cache` is the private folder that has mirrors of repositories; `offline` as in GitMirrors.
    """
    _, _, commit = parse_tree_name(file.file)
    mirrors = GitMirrors(runner, environment, cache, offline=offline)
    opened = open_tree(location, file.package, copy, mirrors, runner, environment, commit)
    if opened.snapshot.sha256 != file.sha256:
        raise IndexFailureError(
            Problem(
                message=f"the source of {file.package} was changed since it was locked: {location.place}",
                detail=f"locked: {file.sha256}\nnow: {opened.snapshot.sha256}",
                hint="run `envbuild lock`, or restore its files from version control",
            )
        )
    return replace(opened.tree, version=file.version)
