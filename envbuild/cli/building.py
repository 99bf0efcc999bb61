"""The parts that plan and build environments, for `sync` and for `verify --repair`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from envbuild.backend.backends import Backends
    from envbuild.backend.provide import WheelProvider
    from envbuild.backend.source import SourceTree
    from envbuild.build.builder import Builder
    from envbuild.build.sources import Source, Sources
    from envbuild.cli.context import Context
    from envbuild.commands.sync import Planner
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.index.session import IndexSession, IndexSessions
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.progress import Progress
    from envbuild.store.plan import Wanted
    from envbuild.target.target import Interpreter
    from envbuild.uv.installer import UvInstaller


def planner_for(
    context: Context,
    progress: Progress,
    *,
    offline: bool,
    dry_run: bool,
    variant: str | None = None,
    preferred: Callable[[Driver], Interpreter | None] = lambda _: None,
    among: frozenset[str] | None = None,
) -> Planner:
    """Makes this host's plan from the declaration and its lockfiles.

    `preferred` gives the interpreter that a release was built on, if this host has it;
    `among` names the drivers of a release.
    """
    from envbuild.commands.sync import Planner

    chosen: dict[tuple[object, ...], Interpreter] = {}
    told: set[str] = set()

    def interpreter_for(driver: Driver, locked: tuple[str, ...]) -> Interpreter:
        if not (chosen or dry_run):  # names and lockfiles are right; a Python may have to come
            context.store.prepare()
        request = (
            *(locked, driver.python == (), driver.python_downloads),
            *(driver.python_source, driver.inherit),
        )
        interpreter = preferred(driver) if driver.inherit is None else None
        if interpreter is None:
            if request not in chosen:
                chosen[request] = context.interpreter_for(
                    driver, locked, offline=offline, dry_run=dry_run
                )
            interpreter = chosen[request]
        if context.store.is_reachable and not interpreter.shareable:
            if interpreter.path not in told:
                progress.note(
                    f"other users cannot start {interpreter.path}, on which environments are built"
                )
            told.add(interpreter.path)
        return interpreter

    return Planner(
        declaration=context.declaration_here,
        folder=context.lock_folder,
        host=context.host,
        interpreter_for=interpreter_for,
        host_packages=context.host_packages,
        variant=variant,
        among=among,
        current=context.store.read_current(),
        is_valid=context.store.is_valid,
    )


class BuilderParts:
    """The parts that build into a store; the indexes stay open while the `with` block of `open_parts` runs."""

    def __init__(
        self,
        context: Context,
        progress: Progress,
        sessions: IndexSessions,
        *,
        offline: bool,
        build_jobs: int,
        places: tuple[tuple[str, Source], ...],
    ) -> None:
        """`build_jobs` is how many compilers one build is told to start.

        `places` are asked for wheels before those of the store's settings.
        """
        from envbuild.build.sources import open_sources
        from envbuild.store.settings import FILE, read_settings
        from envbuild.value import replace
        from envbuild.wheelcache.wheels import WheelCache

        self._context = context
        self._progress = progress
        self._sessions = sessions
        self._offline = offline
        self._build_jobs = build_jobs
        self._settings_file = str(context.store.root / FILE)
        self.settings = read_settings(context.store.root)
        self.wheels = WheelCache(context.store.cache / "wheels")
        self._built = context.built_wheels
        declared = open_sources(self.settings.sources, file=self._settings_file, note=progress.note)
        self._places = replace(declared, places=(*places, *declared.places))
        own = ("the store's built wheels", self._built)
        self._sources = replace(declared, places=(own, *self._places.places))

    def installer(self, indexes: Collection[str], *, link_mode: str | None = None) -> UvInstaller:
        """Installs from these indexes, after the places of the store; `link_mode` is that of the settings."""
        from envbuild.uv.installer import UvInstaller

        session = self._sessions.of_names(indexes)
        return UvInstaller(
            runner=self._context.runner,
            cache=self._context.store.cache / "uv",
            indexes=session.uv,
            offline=self._offline,
            explain=session.explain_installation,
            link_mode=link_mode or self.settings.link_mode,
            sources=self._with_folders(session),
        )

    def _with_folders(self, session: IndexSession) -> Sources:
        """The places of the store, then the indexes that are folders of this host."""
        from envbuild.index.folder_files import FolderIndexes
        from envbuild.value import replace

        folders = ("the index's folder", FolderIndexes(locations=session.locations))
        return replace(self._sources, places=(*self._sources.places, folders))

    def provider(self) -> WheelProvider:
        """Gives the wheels of packages that come as source."""
        from envbuild.backend.provide import WheelProvider

        return WheelProvider(
            backends_for=self._backends,
            fetch=self._fetch,
            built=self._built,
            is_unpacked=self.wheels.entries.has,
            places=self._places,
            allowed=self.settings.build != "never",
            settings=self._settings_file,
            declaration=str(self._context.declaration_path),
            progress=self._progress,
        )

    def _backends(self, wanted: Wanted) -> Backends:
        from envbuild.backend.backends import Backends

        required = {file.index for build in wanted.builds for file in build.files}
        return Backends(
            runner=self._context.runner,
            installer=self.installer(wanted.indexes | required, link_mode="copy"),
            logs=self._context.store.cache / "logs",
            jobs=self._build_jobs,
        )

    def _fetch(self, wanted: Wanted, file: ChosenFile, folder: Path) -> SourceTree:
        """A locked source distribution, downloaded and unpacked; or a copy of a locked source tree."""
        from envbuild.backend.source import archive_tree
        from envbuild.errors import IndexFailureError, Problem
        from envbuild.index.tree_pages import fetch_tree

        session = self._sessions.of_names(wanted.indexes)
        location = session.locations.holding(file.index, file.package)
        if location.tree is not None:
            copy = folder / "tree"
            copy.mkdir()
            context = self._context
            return fetch_tree(
                location,
                file,
                copy,
                context.runner,
                context.environment,
                cache=context.store.cache,
                offline=self._offline,
            )
        found = self._places.fetch((file,), folder).get(file.sha256)
        if found is None and self._offline:
            message = (
                f"{wanted.driver.name}: {file.file} is not here, and nothing is downloaded offline"
            )
            raise IndexFailureError(Problem(message=message, hint="sync once without --offline"))
        if found is None:
            found = session.download(file, folder)
        return archive_tree(found, folder / "tree", file)


@contextmanager
def open_parts(
    context: Context,
    progress: Progress,
    *,
    offline: bool,
    build_jobs: int | None,
    declaration: Declaration | None = None,
    places: tuple[tuple[str, Source], ...] = (),
) -> Iterator[BuilderParts]:
    """The parts for the store; the indexes are those of the context's declaration, unless another one is given."""
    indexes = context.index_sessions(declaration or context.declaration, context.store.cache)
    with indexes as sessions:
        yield BuilderParts(
            context,
            progress,
            sessions,
            offline=offline,
            build_jobs=build_jobs or context.cpus,
            places=places,
        )


@contextmanager
def open_builder(
    context: Context,
    progress: Progress,
    *,
    offline: bool,
    jobs: int,
    build_jobs: int | None = None,
    declaration: Declaration | None = None,
    places: tuple[tuple[str, Source], ...] = (),
    contents: Mapping[str, str] | None = None,
) -> Iterator[Builder]:
    """The builder for the store, as in `open_parts`.

    `contents` has the content digest that an environment must have, by the folder's name.
    """
    from envbuild.build.assembly import Assembler
    from envbuild.build.builder import Builder
    from envbuild.build.gate import Gate
    from envbuild.build.placing import Placer
    from envbuild.build.preparation import Preparer
    from envbuild.posix.second_process import SecondProcesses

    with open_parts(
        context,
        progress,
        offline=offline,
        build_jobs=build_jobs,
        declaration=declaration,
        places=places,
    ) as parts:
        yield Builder(
            store=context.store,
            assembler=Assembler(
                processes=SecondProcesses(context.runner, min(jobs, context.cpus) - 1),
                placer=Placer(
                    installer_for=parts.installer,
                    progress=progress,
                    wheels=parts.wheels,
                    bytecode=context.bytecode(jobs),
                    staging=context.store.staging,
                ),
                preparer=Preparer(
                    runner=context.runner,
                    progress=progress,
                    logs=context.store.cache / "prepare",
                ),
                wheels_of=parts.provider().wheels,
                link_mode=parts.settings.link_mode,
            ),
            progress=progress,
            jobs=jobs,
            declared_in=context.declaration.file,
            gate=Gate(
                store=context.store,
                prober=context.prober(jobs),
                progress=progress,
                declared_in=context.declaration.file,
                contents=contents or {},
            ),
        )
