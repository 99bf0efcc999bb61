"""Build backends of sources, run by this host's Python of the target, for METADATA alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.backend.metadata import Backends, BuildRequest
from envbuild.backend.requirements import RequirementPinner
from envbuild.errors import HostError, Problem
from envbuild.resolution.resolution import ResolveRequest
from envbuild.target.platform_range import nearest_platform
from envbuild.target.target import choose_interpreter
from envbuild.uv.installer import UvInstaller
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from envbuild.backend.source import SourceTree
    from envbuild.declaration.declaration import BuildOptions
    from envbuild.declaration.index import Bindings
    from envbuild.index.session import IndexSession
    from envbuild.index.stand_ins import SourceRules
    from envbuild.posix.process import Runner
    from envbuild.resolution.resolution import PublishedMetadata, Resolution, ResolvedFile
    from envbuild.target.target import Host, Interpreter


@value
class SourceBackends:
    """As `Preparer` has it."""

    runner: Runner
    cache: Path
    """The private folder of `lock`."""

    host: Callable[[], Host]
    interpreters: Callable[[], tuple[Interpreter, ...]]
    """The Pythons of this host."""

    session_for: Callable[[Bindings], IndexSession]
    options_of: Callable[[str], BuildOptions]
    resolve: Callable[[ResolveRequest], Resolution]
    fetch: Callable[[tuple[ResolvedFile, ...]], Mapping[str, PublishedMetadata]]

    def prepare(
        self, tree: SourceTree, python: str, bindings: Bindings, rules: SourceRules
    ) -> bytes:
        """As in `Preparer`."""
        found = choose_interpreter(self.interpreters(), (python,), prefer_shareable=False)
        if found is None:
            raise _without_python(tree, python)
        here = self.host().target(python)
        target = replace(here, platform=nearest_platform(here.platform), kernel=None)
        session = self.session_for(bindings)
        backends = Backends(
            runner=self.runner,
            installer=UvInstaller(
                runner=self.runner,
                cache=self.cache / "uv",
                indexes=session.uv,
                offline=False,
                explain=session.explain_installation,
                link_mode="copy",
            ),
            pinner=RequirementPinner(resolve=self.resolve, fetch=self.fetch),
            logs=self.cache / "logs",
        )
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
            options=self.options_of(tree.package),
            resolution=resolution,
            interpreter=found,
        )
        return backends.prepare(request).metadata


def _without_python(tree: SourceTree, python: str) -> HostError:
    return HostError(
        Problem(
            message=f"what {tree.name} requires must be asked of its build backend with "
            f"Python {python}, which this host does not have",
            hint=f"install Python {python}, lock on a host that has it, "
            f"or require a version of {tree.package} with a wheel",
        )
    )
