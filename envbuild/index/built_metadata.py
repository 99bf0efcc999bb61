"""METADATA of sources: from their files, else from their build backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.backend.source import SourceTree, unpack_archive
from envbuild.index.once import Once
from envbuild.index.page_versions import version_of
from envbuild.index.remote_file import InnerMetadata
from envbuild.posix.scratch import scratch_folder

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.declaration.index import Bindings
    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient
    from envbuild.index.stand_ins import SourceRules
    from envbuild.index.tree_pages import MetadataPreparer, TreePages

_LARGEST = 4 << 20
"""Bytes of PKG-INFO."""

_DECISIVE = frozenset(("requires-dist", "requires-python", "provides-extra", "version"))


class BuiltMetadataReader:
    """Reads METADATA of source distributions, each once for a Python; safe to share between threads."""

    def __init__(
        self, client: IndexClient, preparer: MetadataPreparer, trees: TreePages | None = None
    ) -> None:
        """`trees` has the sources that are folders or commits."""
        self._trees = trees
        self._client = client
        self._preparer = preparer
        self._known: Once[InnerMetadata] = Once()

    def read(
        self,
        location: IndexLocation,
        package: str,
        listed: IndexFile,
        python: str,
        bindings: Bindings,
        rules: SourceRules,
    ) -> InnerMetadata:
        """METADATA of what a source distribution is built into, with the size of the source; nothing is built for it.

        IndexFailureError if it cannot be downloaded or unpacked, other errors as in `MetadataPreparer`.
        """
        if location.tree is not None and self._trees is not None:
            content = self._trees.metadata(location, package, python)
            return InnerMetadata(content=content, size=listed.size or 0, lifetime=0.0)

        def ask() -> InnerMetadata:
            with scratch_folder("source") as place:
                archive = place / "archive"
                with archive.open("wb") as sink:
                    _, size = self._client.download(location, package, listed, sink)
                folder = place / "tree"
                folder.mkdir()
                top = unpack_archive(archive, folder, name=listed.filename)
                content = static_metadata(top)
                if content is None:
                    found = version_of(package, listed.filename)
                    version = str(found) if found is not None else None
                    tree = SourceTree(
                        package=package, version=version, path=top, name=listed.filename
                    )
                    content = self._preparer.prepare(tree, python, bindings, rules)
                return InnerMetadata(content=content, size=size, lifetime=0.0)

        key = (location.name, package, listed.filename, listed.sha256, python)
        return self._known.get(key, ask)


def static_metadata(tree: Path) -> bytes | None:
    """PKG-INFO of a source distribution, if its wheel will have the same (PEP 643); else None."""
    from packaging.metadata import parse_email

    path = tree / "PKG-INFO"
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
        return None
    content = path.read_bytes()
    raw, _ = parse_email(content)
    version = raw.get("metadata_version", "").split(".")
    if not all(part.isdecimal() for part in version) or tuple(map(int, version)) < (2, 2):
        return None
    dynamic = {name.strip().lower() for name in raw.get("dynamic", ())}
    return None if dynamic & _DECISIVE or "name" not in raw or "version" not in raw else content
