"""Build backends of sources, run by the target's Python on this host, for METADATA and build requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.backend.backends import Backends, BuildRequest
from envbuild.backend.requirements import RequirementPinner
from envbuild.backend.source import archive_tree, read_build_system
from envbuild.errors import HostError, Problem
from envbuild.index.tree_pages import fetch_tree
from envbuild.posix.scratch import scratch_folder
from envbuild.resolution.resolution import ResolveRequest
from envbuild.target.platform_range import nearest_platform
from envbuild.target.target import choose_interpreter
from envbuild.uv.installer import UvInstaller
from envbuild.value import field, replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from envbuild.backend.source import SourceTree
    from envbuild.declaration.declaration import BuildOptions
    from envbuild.declaration.index import Bindings
    from envbuild.index.locations import IndexLocation
    from envbuild.index.session import IndexSession
    from envbuild.index.stand_ins import SourceRules
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.posix.process import Runner
    from envbuild.resolution.resolution import PublishedMetadata, Resolution, ResolvedFile
    from envbuild.target.target import Host, Interpreter, Target


@value
class SourceBackends:
    """As `MetadataPreparer` has it."""

    runner: Runner
    environment: Mapping[str, str]
    cache: Path
    """The private folder of `lock`."""

    host: Callable[[], Host]
    interpreters: Callable[[], tuple[Interpreter, ...]]
    """The Pythons of this host."""

    session_for: Callable[[Bindings], IndexSession]
    options_of: Callable[[str], BuildOptions]
    resolve: Callable[[ResolveRequest], Resolution]
    fetch: Callable[[tuple[ResolvedFile, ...]], Mapping[str, PublishedMetadata]]

    opened: Callable[[IndexLocation, ChosenFile], SourceTree | None]
    """The copy that this command has of a source tree already."""

    asked: dict[tuple[str, str, Bindings], tuple[str, ...]] = field(default_factory=dict)
    """The build requirements of archives whose METADATA was asked for, by name, Python and indexes."""

    def prepare(
        self, tree: SourceTree, python: str, bindings: Bindings, rules: SourceRules
    ) -> bytes:
        """As in `MetadataPreparer`."""
        found = choose_interpreter(self.interpreters(), (python,), prefer_shareable=False)
        if found is None:
            raise _without_python(tree, python)
        target = self._target(python)
        resolution = ResolveRequest(
            driver=f"the build of {tree.package}",
            requires=(),
            constraints=(),
            overrides=(),
            target=target,
            exclude_newer=rules.exclude_newer,
            exclude_newer_packages=rules.exclude_newer_packages,
            allow_sdist=(),
            pins=(),
            indexes=bindings,
            resolver=rules.resolver,
        )
        request = BuildRequest(
            tree=tree,
            # which packages the driver has is not known yet
            options=replace(self.options_of(tree.package), isolation=True),
            target=target,
            resolution=resolution,
            interpreter=found,
        )
        prepared = self._backends(bindings, rules.trees).prepare(request)
        self.asked[tree.name, python, bindings] = prepared.requires
        return prepared.metadata

    def requirements(self, file: ChosenFile, request: ResolveRequest) -> tuple[str, ...]:
        """As `MetadataSource.build_requirements` has it.

        A backend runs on this host, so it is asked as for a target of this host.
        Without the target's Python, what its pyproject.toml says must do; a build notices if that is not all.
        """
        options = self.options_of(file.package)
        if not options.isolation:
            return ()
        asked = self.asked.get((file.file, request.target.python, request.indexes))
        if asked is not None:
            return asked
        session = self.session_for(request.indexes)
        with scratch_folder("source") as folder:
            tree = self._tree(session, file, folder)
            python = request.target.python
            found = choose_interpreter(self.interpreters(), (python,), prefer_shareable=False)
            if found is None:
                return read_build_system(tree).requires
            target = replace(self._target(python), variant=request.target.variant)
            build = BuildRequest(
                tree=tree,
                options=options,
                target=target,
                interpreter=found,
                resolution=replace(request, target=target),
            )
            return self._backends(request.indexes).requirements(build)

    def _tree(self, session: IndexSession, file: ChosenFile, folder: Path) -> SourceTree:
        location = session.locations.holding(file.index, file.package)
        if location.tree is None:
            return archive_tree(session.download(file, folder), folder / "tree", file)
        if (opened := self.opened(location, file)) is not None:
            return opened
        copy = folder / "tree"
        copy.mkdir()
        return fetch_tree(location, file, copy, self.runner, self.environment, cache=self.cache)

    def _target(self, python: str) -> Target:
        """This host as a target that can be locked for."""
        here = self.host().target(python)
        return replace(here, platform=nearest_platform(here.platform), kernel=None)

    def _backends(self, bindings: Bindings, trees: frozenset[str] = frozenset()) -> Backends:
        session = self.session_for(bindings)
        return Backends(
            runner=self.runner,
            installer=UvInstaller(
                runner=self.runner,
                cache=self.cache / "uv",
                indexes=session.uv,
                offline=False,
                explain=session.explain_installation,
                link_mode="copy",
            ),
            pinner=RequirementPinner(resolve=self.resolve, fetch=self.fetch, trees=trees),
            logs=self.cache / "logs",
        )


class NoBackends:
    """A `MetadataPreparer` for commands that only read."""

    def prepare(self, tree: SourceTree, python: str, *_: object) -> bytes:
        """HostError: a backend is code of the source's author."""
        message = f"only the build backend of {tree.name} knows what it requires, and this command does not run it"
        hint = f"`envbuild lock` runs it for Python {python}"
        raise HostError(Problem(message=message, hint=hint))


def _without_python(tree: SourceTree, python: str) -> HostError:
    return HostError(
        Problem(
            message=f"only the build backend of {tree.name} knows what it requires; running it takes "
            f"Python {python}, which this host does not have",
            hint=f"install Python {python}, lock on a host that has it, "
            f"or require a version of {tree.package} with a wheel",
        )
    )
