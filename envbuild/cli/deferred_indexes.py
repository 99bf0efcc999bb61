"""The declared indexes, opened when a lock first needs them.

A lock that can reuse every pin only asks pages: it imports and starts no resolver.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Self, cast

from envbuild.index.once import Once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from envbuild.backend.source import SourceTree
    from envbuild.cli.context import Context
    from envbuild.commands.lock_jobs import Upgrade
    from envbuild.declaration.index import Bindings
    from envbuild.index.advisory import Advisory, AuditedRelease
    from envbuild.index.built_metadata import BuiltMetadataReader
    from envbuild.index.listed_sources import ListedSources
    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.newest import Newest, Question
    from envbuild.index.page import ProjectPage
    from envbuild.index.reader import IndexClient
    from envbuild.index.session import IndexSession, IndexSessions
    from envbuild.index.source_backends import SourceBackends
    from envbuild.index.stand_ins import SourceRules
    from envbuild.index.tree_pages import MetadataPreparer, TreePages
    from envbuild.index.wheel_commands import CommandReader
    from envbuild.lockfile.lockfile import ChosenFile, HeldBack, Lockfile
    from envbuild.resolution.resolution import (
        KnownPackage,
        LockedChoice,
        PublishedMetadata,
        Resolution,
        ResolvedFile,
        Resolver,
        ResolveRequest,
    )
    from envbuild.target.target import Interpreter, Target


class DeferredIndexes:
    """A Resolver and a MetadataSource for the length of a `with` block; safe to share between threads."""

    def __init__(self, context: Context, upgrade: Upgrade | None = None) -> None:
        """`upgrade` says which pins need not stay; without one, nothing is locked, and no build backend is run."""
        from envbuild.commands.lock_jobs import Upgrade

        self._context = context
        self._upgrade = upgrade or Upgrade()
        self._only_reads = upgrade is None
        self._opened = ExitStack()
        self._guard = threading.RLock()
        self._resolvers: dict[tuple[str, Bindings, SourceRules], Resolver] = {}
        self._requirements: Once[tuple[str, ...]] = Once()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._opened.__exit__(*raised)

    def resolve(self, request: ResolveRequest) -> Resolution:
        """As `Resolver` has it; each request says which resolver it is for, and which indexes."""
        from envbuild.index.stand_ins import rules_of

        key = (request.resolver, request.indexes, rules_of(request))
        with self._guard:
            resolver = self._resolvers.get(key) or self._make(*key)
        return resolver.resolve(request)

    def fetch(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, PublishedMetadata]:
        """As in `MetadataSource`; without files no index is opened."""
        found: dict[str, PublishedMetadata] = {}
        for indexes in dict.fromkeys(file.indexes for file in files):
            session = self._session_for(indexes)
            found |= session.fetch(tuple(file for file in files if file.indexes == indexes))
        return found

    def commands(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, tuple[str, ...]]:
        """As `MetadataSource` has it."""
        return self._wheels.commands(files)

    def having(self, files: tuple[ResolvedFile, ...], module: str) -> frozenset[str]:
        """As `MetadataSource` has it."""
        return self._wheels.having(files, module)

    @property
    def _wheels(self) -> CommandReader:
        from envbuild.index.wheel_commands import CommandReader

        locations, client = self._pages
        return CommandReader(locations=locations, client=client)

    def build_requirements(self, file: ChosenFile, request: ResolveRequest) -> tuple[str, ...]:
        """As `MetadataSource` has it; one source is asked once for each version of Python."""
        key = (file.sha256, request.target.python)
        return self._requirements.get(key, lambda: self._backends.requirements(file, request))

    def still_listed(self, packages: tuple[KnownPackage, ...]) -> frozenset[str]:
        """As `MetadataSource` has it."""
        return self._session.reader.still_listed(packages)

    def revalidate(self, choices: tuple[LockedChoice, ...]) -> frozenset[LockedChoice]:
        """As `MetadataSource` has it."""
        from envbuild.index import revalidation
        from envbuild.index.confirmed_choices import ConfirmedChoices

        locations, client = self._pages
        confirmed = ConfirmedChoices(self._context.lock_cache / "confirmed")
        return revalidation.revalidate(locations, client, choices, confirmed)

    def yanked(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, str]:
        """As `MetadataSource` has it."""
        from envbuild.index.yanked import yanked_files

        locations, client = self._pages
        return yanked_files(client, locations, choices)

    def extras(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, frozenset[str]]:
        """As `MetadataSource` has it."""
        return self._session.reader.extras(choices)

    def held_back(self, lockfile: Lockfile) -> tuple[HeldBack, ...]:
        """As `MetadataSource` has it."""
        from envbuild.index.passed_over import find_held_back

        return find_held_back(self._session.reader, lockfile)

    def newest(self, lockfile: Lockfile, questions: tuple[Question, ...]) -> tuple[Newest, ...]:
        """As `VersionSource` of `commands.outdated` has it."""
        from envbuild.index.newest import find_newest

        locations, client = self._pages
        return find_newest(client, locations, lockfile, questions)

    def advisories(
        self, releases: Sequence[AuditedRelease]
    ) -> Mapping[AuditedRelease, tuple[Advisory, ...] | None]:
        """As `AdvisorySource` of `commands.audit` has it."""
        from envbuild.index.advisory import ask_indexes

        locations, client = self._pages
        return ask_indexes(client, locations, releases)

    @property
    def _pages(self) -> tuple[IndexLocations, IndexClient]:
        """Where the indexes are, and what asks them for pages."""
        with self._guard:
            return self._context.index_locations, self._client

    @cached_property
    def _client(self) -> IndexClient:
        from envbuild.index.page_store import PageStore
        from envbuild.index.reader import IndexClient

        client = IndexClient(
            self._context.environment,
            read_timeout=self._context.index_timeout,
            deadline=self._context.index_deadline,
            retries=self._context.index_retries,
            store=PageStore(self._context.lock_cache / "pages"),
        )
        client.tree_page = self._tree_page
        return self._opened.enter_context(client)

    @property
    def _session(self) -> IndexSession:
        """The session for the indexes as they are declared."""
        with self._guard:
            return self._session_for(self._context.index_locations.bindings)

    def _session_for(self, indexes: Bindings, rules: SourceRules | None = None) -> IndexSession:
        """The session for the indexes of these bindings, opened at its first use."""
        from envbuild.index.stand_ins import NO_SOURCES

        with self._guard:
            return self._sessions.of(indexes, rules or NO_SOURCES)

    @cached_property
    def _sessions(self) -> IndexSessions:
        from envbuild.index.inner_metadata import InnerMetadataReader
        from envbuild.index.session import IndexSessions, session_over

        context = self._context
        inner = InnerMetadataReader(self._client)

        def opened(
            locations: IndexLocations, name: str, rules: SourceRules
        ) -> AbstractContextManager[IndexSession]:
            return session_over(
                locations,
                self._client,
                inner,
                context.environment,
                cache=context.lock_cache,
                hashes=True,
                name=name,
                sources=self._listed_sources(rules),
            )

        return self._opened.enter_context(IndexSessions(context.index_locations, opened))

    def python_for(self, target: Target) -> Interpreter | str:
        """As `ResolverTools` has it."""
        from envbuild.python.for_target import python_for
        from envbuild.target.host import probe_host

        context = self._context
        context.require_trusted_store()  # its Pythons are started
        host = probe_host(context.runner, context.environment, kinds=())
        return python_for(target, host, context.interpreters)

    def _listed_sources(self, rules: SourceRules) -> ListedSources:
        from envbuild.index.listed_sources import ListedSources

        return ListedSources(self._client, self._built, rules, self._pythons)

    @cached_property
    def _pythons(self) -> tuple[str, ...]:
        """The minor versions of every Python that is locked for, in the order of the declaration."""
        drivers = self._context.declaration.drivers
        asked = (python for driver in drivers for python in driver.pythons)
        return tuple(dict.fromkeys(".".join(python.split(".")[:2]) for python in asked))

    def _tree_page(self, location: IndexLocation, package: str) -> ProjectPage:
        return self._trees.page(location, package)

    def _opened_tree(self, location: IndexLocation, file: ChosenFile) -> SourceTree | None:
        return self._trees.opened(location, file)

    @cached_property
    def _trees(self) -> TreePages:
        """The sources that are folders."""
        from envbuild.index.tree_pages import TreePages

        trees = TreePages(
            self._preparer,
            self._context.runner,
            self._context.environment,
            pythons=self._pythons,
            asker=self._asker_of,
            cache=self._context.lock_cache,
            kept=self._kept_commits.get,
        )
        return self._opened.enter_context(trees)

    @cached_property
    def _kept_commits(self) -> dict[str, str]:
        """The locked commit of each git source that no upgrade names; a branch moves only by an upgrade."""
        from contextlib import suppress

        from envbuild.declaration.source import GIT, kind_of
        from envbuild.declaration.tree_name import parse_tree_name
        from envbuild.errors import LockfileError

        found: dict[str, str] = {}
        declaration = self._context.declaration if not self._upgrade.everything else None
        for driver in declaration.drivers if declaration is not None else ():
            with suppress(LockfileError):
                stored = self._context.lock_folder.read(driver.name)
                for package in stored.lockfile.packages if stored is not None else ():
                    if kind_of(package.index) == GIT and package.name not in self._upgrade.packages:
                        _, _, commit = parse_tree_name(package.files[0].name)
                        found.setdefault(package.index, commit or "")
        return found

    def _asker_of(self, origin: str) -> tuple[Bindings, SourceRules]:
        """The indexes and the limits on age of the first driver that has a source."""
        from envbuild.declaration.torch_backend import served_indexes
        from envbuild.index.stand_ins import SourceRules
        from envbuild.sourcetree.places import is_tree

        declaration = self._context.declaration
        driver = next(
            one
            for one in declaration.drivers
            if any(source.origin == origin for source in one.sources)
        )
        return declaration.bindings(served_indexes(driver)), SourceRules(
            exclude_newer=driver.exclude_newer,
            exclude_newer_packages=driver.exclude_newer_packages,
            resolver=driver.resolver,
            trees=frozenset(one.package for one in driver.sources if is_tree(one)),
        )

    @cached_property
    def _built(self) -> BuiltMetadataReader:
        """METADATA of sources, once a command."""
        from envbuild.index.built_metadata import BuiltMetadataReader

        return BuiltMetadataReader(self._client, self._preparer, self._trees)

    @property
    def _preparer(self) -> MetadataPreparer:
        from envbuild.index.source_backends import NoBackends

        return NoBackends() if self._only_reads else self._backends

    @cached_property
    def _backends(self) -> SourceBackends:
        from envbuild.index.source_backends import SourceBackends
        from envbuild.target.host import probe_host

        context = self._context
        return SourceBackends(
            runner=context.runner,
            environment=context.environment,
            cache=context.lock_cache,
            host=lambda: probe_host(context.runner, context.environment, kinds=()),
            interpreters=context.interpreters.discover,
            session_for=self._session_for,
            options_of=context.declaration.build_of,
            resolve=self.resolve,
            fetch=self.fetch,
            opened=self._opened_tree,
        )

    def _make(self, name: str, bindings: Bindings, rules: SourceRules) -> Resolver:
        """A resolver of that name over these indexes, which are opened now. UsageError if there is none."""
        from importlib import import_module

        from envbuild.declaration.resolvers import find_resolver
        from envbuild.errors import Problem, UsageError
        from envbuild.resolution.tools import ResolverTools

        try:
            kind = find_resolver(name)
        except KeyError:  # a lockfile may name what another envbuild has
            message = f"this envbuild has no resolver {name!r}, which a lockfile names"
            raise UsageError(Problem(message=message, hint="run `envbuild lock`")) from None
        indexes = self._session_for(bindings, rules)
        tools = ResolverTools(
            runner=self._context.runner,
            cache=self._context.lock_cache / name,
            index_environment=indexes.uv.environment(),
            explain=indexes.explain_resolution,
            advise=indexes.advice,
            deadline=self._context.index_deadline,
            sole_digest=indexes.sole_digest,
            source_of=indexes.source_of,
            conceal=indexes.uv.without_secret,
            listed_files=indexes.listed_files,
            index_for=indexes.uv.for_target,
            python_for=self.python_for,
            proven=indexes.uv.proven,
        )
        made = cast("Resolver", import_module(kind.module).make_resolver(tools))
        self._resolvers[name, bindings, rules] = made
        return made
