"""The digests of folders that are sources, computed when they have changed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.digest import stream_sha256
from envbuild.errors import HostError, Problem
from envbuild.posix.files import make_private, write_atomically
from envbuild.sourcetree.path_tree import check_place, read_path
from envbuild.sourcetree.stat_record import is_settled, looks, recall, record_of, render_record
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.posix.process import Runner
    from envbuild.sourcetree.path_tree import PathTree, Read


@value
class TreeDigests:
    """Computes digests, and remembers them in a cache."""

    runner: Runner
    environment: Mapping[str, str]
    cache: Path
    """envbuild's private folder."""

    def of(self, tree: PathTree) -> str:
        """The digest of a folder's files, 64 hex digits; errors as in `read_path`."""
        check_place(tree)
        record = record_of(str(self.cache), tree.folder)
        known = recall(record, tree.folder)
        if known is not None:
            return known
        first = read_path(tree, self.runner, self.environment)
        self._remember(record, tree, first)
        return first.snapshot.sha256

    def of_file(self, path: str) -> str:
        """The sha256 of a wheel or an archive; HostError if it cannot be read."""
        record = record_of(str(self.cache), path)
        known = recall(record, path)
        if known is not None:
            return known
        try:
            before = looks(path, (path,))
            with open(path, "rb", buffering=0) as stream:  # noqa: PTH123
                digest = stream_sha256(stream)
            if is_settled(before) and looks(path, (path,)) == before:
                self._write(record, digest, (path,), before)
        except OSError as error:
            problem = Problem(file=path, message=f"cannot read it: {error.strerror}")
            raise HostError(problem) from error
        return digest

    def _write(self, record: str, digest: str, paths: Sequence[str], found: Sequence[int]) -> None:
        # a record that cannot be written, or a file number that it cannot have, costs time and nothing else
        with suppress(OSError, OverflowError):
            content = render_record(digest, paths, found)
            make_private(Path(record).parent)
            write_atomically(Path(record), content, sync=False)

    def _remember(self, record: str, tree: PathTree, read: Read) -> None:
        """Write a record if the folder looks as it did before its files were read; else there is none."""
        with suppress(OSError):
            if read.before is not None and looks(tree.folder, read.watched) == read.before:
                self._write(record, read.snapshot.sha256, read.watched, read.before)
