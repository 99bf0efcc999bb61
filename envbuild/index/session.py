"""The indexes of one declaration for one command: for uv, for METADATA, for diagnoses."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Self

from envbuild.declaration.index import bound_index
from envbuild.declaration.source import is_source
from envbuild.digest import sha256_hex
from envbuild.errors import IndexFailureError, Problem
from envbuild.index.answer import Fault, IndexAnswerError, bad_answer
from envbuild.index.inner_metadata import InnerMetadataReader
from envbuild.index.metadata import MetadataReader
from envbuild.index.metadata_cache import MetadataCache
from envbuild.index.places import locate_indexes
from envbuild.index.reader import IndexClient
from envbuild.index.stand_ins import NO_SOURCES
from envbuild.index.uv_indexes import UvIndexes
from envbuild.resolution.resolution import ListedFile, PublishedMetadata
from envbuild.uv.addresses import ask_address
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from envbuild.build.installation import InstallRequest
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.index import Bindings
    from envbuild.errors import EnvbuildError
    from envbuild.index.listed_sources import ListedSources
    from envbuild.index.locations import IndexLocations
    from envbuild.index.stand_ins import SourceRules
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.posix.process import Runner
    from envbuild.resolution.resolution import (
        ResolvedFile,
        ResolveRequest,
    )


@value
class IndexSession:
    """The same indexes for uv and for envbuild."""

    locations: IndexLocations
    client: IndexClient
    uv: UvIndexes
    reader: MetadataReader

    def fetch(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, PublishedMetadata]:
        """METADATA of files, as in `MetadataSource`."""
        return {
            content: PublishedMetadata(
                requires=metadata.requires,
                size=metadata.size,
                requires_python=" ".join((metadata.requires_python or "").split()),
            )
            for content, metadata in self.reader.read_all(files).items()
        }

    def sole_digest(self, file: ListedFile) -> str:
        """The sha256 of a listed file, computed if its page has none.

        IndexFailureError if the page lists several files under its name.
        """
        from envbuild.index.sole_digest import sole_digest

        try:
            return sole_digest(self.client, self.locations.of(file.package), file)
        except IndexAnswerError as error:
            raise IndexFailureError(error.problems) from error

    def source_of(self, package: str, version: str) -> ListedFile:
        """The source distribution of a version that is listed; IndexFailureError if there is none."""
        from envbuild.index.stand_ins import source_of
        from envbuild.requirement.parse import parse_version

        location = self.locations.of(package)
        source = source_of(self.client.project_page(location, package), parse_version(version))
        if source is None:
            raise bad_answer(Fault.NOT_FOUND, location, package, f"{package}-{version}.tar.gz")
        hashes = (("sha256", source.sha256),) if source.sha256 is not None else ()
        return ListedFile(package=package, name=source.filename, url=source.url, hashes=(hashes,))

    def listed_files(self, package: str) -> tuple[str, ...]:
        """The names of all files in a package's index; IndexFailureError if it does not answer."""
        page = self.client.project_page(self.locations.of(package), package)
        return tuple(file.filename for file in page.files)

    def download(self, file: ChosenFile, folder: Path) -> Path:
        """A locked file in a folder; it gets its locked name when it is whole and as locked.

        IndexFailureError if its index does not give it so; OSError if the disk fails.
        """
        location = self.locations.holding(file.index, file.package)
        scratch = folder / f".{file.sha256}.{os.getpid()}.part"
        try:
            listed = self.client.listed_file(location, file.package, file.file)
            with scratch.open("wb") as stream:
                found, _ = self.client.download(location, file.package, listed, stream)
                stream.flush()
                os.fsync(stream.fileno())
            if found != file.sha256:
                message = (
                    f"the index {file.index!r} has a file {file.file} "
                    "that differs from the locked one"
                )
                hint = "find out who changed it before you lock it again"
                raise IndexFailureError(Problem(message=message, hint=hint))
            return scratch.replace(folder / file.file)
        except IndexAnswerError as error:
            raise IndexFailureError(error.problems) from error
        finally:
            scratch.unlink(missing_ok=True)

    def explain_resolution(self, request: ResolveRequest, words: str) -> EnvbuildError | None:
        """Why a resolution failed with uv's output, if an index or a build is the reason."""
        from envbuild.errors import UnsatisfiableError
        from envbuild.index.diagnosis import diagnose_resolution

        if (failed := self.uv.failure_in(words)) is not None:
            package, failure = failed
            allowed = "force" if package in request.force_sdist else "allow"
            key = f"drivers.{request.driver}.{allowed}-sdist"
            if is_source(bound_index(request.indexes, package)):
                key = f"sources.{package}"
            return failure.with_problems(
                replace(
                    one,
                    key=key if one.file is None else one.key,
                    message=f"{request.driver}: {one.message}",
                )
                for one in failure.problems
            )
        found = diagnose_resolution(
            self.client, self.locations, request, self.uv.bad_answers, self.uv.timeless, words
        )
        if isinstance(found, UnsatisfiableError) and (hint := self.advice(request)) is not None:
            return UnsatisfiableError(replace(problem, hint=hint) for problem in found.problems)
        return found

    def advice(self, request: ResolveRequest) -> str | None:
        """A change of the declaration that helps if nothing satisfies it, from pages and static metadata."""
        from envbuild.index.passed_over import advice

        return advice(self.reader, request)

    def explain_installation(self, request: InstallRequest) -> EnvbuildError | None:
        """Why locked files could not be installed, if an index is the reason."""
        from envbuild.index.file_diagnosis import diagnose_files

        return diagnose_files(self.client, self.locations, request.files, self.uv.bad_answers)


class IndexSessions:
    """A session for each set of bindings, opened at its first use; open until the `with` block ends.

    Drivers and variants that name explicit indexes see other indexes than those that do not.
    """

    def __init__(
        self,
        locations: IndexLocations,
        open_session: Callable[
            [IndexLocations, str, SourceRules], AbstractContextManager[IndexSession]
        ],
    ) -> None:
        """`open_session` gets the indexes, a name for the files that belong only to them, and the rules."""
        self._locations = locations
        self._open = open_session
        self._opened = ExitStack()
        self._known: dict[tuple[Bindings, SourceRules], IndexSession] = {}
        self._guard = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def of(self, bindings: Bindings, rules: SourceRules = NO_SOURCES) -> IndexSession:
        """The session for those bindings, in which some packages may come as source."""
        key = (bindings, rules)
        with self._guard:
            if key not in self._known:
                view = self._locations.view(bindings)
                own = sha256_hex(repr(bindings if rules is NO_SOURCES else key).encode())[:16]
                name = "" if view is self._locations and rules is NO_SOURCES else f"-{own}"
                self._known[key] = self._opened.enter_context(self._open(view, name, rules))
            return self._known[key]

    def of_names(self, names: Collection[str]) -> IndexSession:
        """The session for a driver or a variant that names these indexes; those that are not declared are left out."""
        return self.of(self._locations.bindings_with(names))


@contextmanager
def index_sessions(
    declaration: Declaration,
    environment: Mapping[str, str],
    *,
    runner: Runner,
    cache: Path,
    timeout: float,
    deadline: float,
    retries: int,
    hashes: bool,
) -> Generator[IndexSessions]:
    """Locate indexes and hold them open; times as in IndexClient, the rest as in `session_over`."""
    locations = locate_indexes(declaration, environment, partial(ask_address, runner))

    def opened(
        view: IndexLocations, name: str, _: SourceRules
    ) -> AbstractContextManager[IndexSession]:
        return session_over(
            view,
            client,
            inner,
            environment,
            cache=cache,
            hashes=hashes,
            name=name,
        )

    with (
        IndexClient(
            environment, read_timeout=timeout, deadline=deadline, retries=retries
        ) as client,
        IndexSessions(locations, opened) as sessions,
    ):
        inner = InnerMetadataReader(client)
        yield sessions


@contextmanager
def session_over(
    locations: IndexLocations,
    client: IndexClient,
    inner: InnerMetadataReader,
    environment: Mapping[str, str],
    *,
    cache: Path,
    hashes: bool,
    name: str = "",
    sources: ListedSources | None = None,
) -> Generator[IndexSession]:
    """Hold located indexes open; `name` is the suffix of the names of their private files.

    `sources` says what may come as source; without it, nothing may. `cache` is private to envbuild;
    `hashes` says whether files in folders are hashed for uv, which resolving needs and installing does not.
    """
    with UvIndexes(
        locations,
        client,
        inner,
        environment,
        secret_file=cache / f"router{name}",
        hashes=hashes,
        sources=sources,
    ) as uv:
        yield IndexSession(
            locations=locations,
            client=client,
            uv=uv,
            reader=MetadataReader(
                locations=locations,
                client=client,
                inner=inner,
                cache=MetadataCache(folder=cache / "metadata"),
                sources=sources,
            ),
        )
