"""What a router serves for packages that may come as source: stand-ins on their pages, and their METADATA."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envbuild.declaration.source import is_source as is_origin
from envbuild.errors import EnvbuildError
from envbuild.index.answer import Fault, IndexAnswerError, bad_answer
from envbuild.index.page_versions import version_of
from envbuild.index.router_server import Served
from envbuild.index.stand_ins import python_of, source_of, with_stand_ins

if TYPE_CHECKING:
    from collections.abc import Generator

    from envbuild.declaration.index import Bindings
    from envbuild.index.built_metadata import BuiltMetadataReader
    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import ProjectPage
    from envbuild.index.reader import IndexClient
    from envbuild.index.stand_ins import SourceRules


class ListedSources:
    """Serves one session; safe to share between threads."""

    def __init__(
        self,
        client: IndexClient,
        reader: BuiltMetadataReader,
        rules: SourceRules,
        pythons: tuple[str, ...],
    ) -> None:
        """`pythons` has every Python that is locked for, such as `3.12`."""
        self._client = client
        self.reader = reader
        self.rules = rules
        self._pythons = pythons
        self._failures: dict[str, EnvbuildError] = {}

    def on_page(self, location: IndexLocation, page: ProjectPage) -> ProjectPage:
        """The page with its stand-ins."""
        declared = is_origin(location.name)
        return with_stand_ins(page, self.rules, self._pythons, declared=declared)

    def tree_page(self, location: IndexLocation, package: str) -> ProjectPage:
        """The page of a source that is a tree; IndexAnswerError if there is none, which `failure_in` explains."""
        with self._noting(location, package, None):
            return self._client.project_page(location, package)

    @contextmanager
    def _noting(
        self, location: IndexLocation, package: str, filename: str | None
    ) -> Generator[None]:
        """Keep an error that is not an index's for later, and tell the resolver to stop."""
        try:
            yield
        except IndexAnswerError:
            raise
        except EnvbuildError as error:
            self._failures.setdefault(package, error)
            reason = "its METADATA cannot be made"
            raise bad_answer(Fault.GARBAGE, location, package, filename, reason) from error

    def metadata(
        self, location: IndexLocation, package: str, filename: str, bindings: Bindings
    ) -> Served:
        """METADATA of a stand-in; IndexAnswerError if it is not to be had, which `failure_in` explains."""
        page = self._client.project_page(location, package)
        source = source_of(page, version_of(package, filename))
        if source is None:
            raise bad_answer(Fault.NOT_FOUND, location, package, filename)
        python = python_of(filename) or ""
        with self._noting(location, package, source.filename):
            found = self.reader.read(location, package, source, python, bindings, self.rules)
        digest = hashlib.sha256(found.content).hexdigest()
        return Served(etag=f'"{digest}"', body=found.content)

    def failure_in(self, words: str) -> tuple[str, EnvbuildError] | None:
        """A package with its failure: one that a resolver's words name, else the first; None if all went well."""
        named = (one for one in self._failures.items() if one[0].replace("-", "_") in words)
        return next(named, next(iter(self._failures.items()), None))
