"""uv over an index, in this process: each run of it is counted, and what is proven can be left out."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError
from envbuild.index.session import index_sessions
from envbuild.posix.process import SystemRunner
from envbuild.resolution.resolution import ResolveRequest
from envbuild.resolution.tools import ResolverTools
from envbuild.target.target import parse_target
from envbuild.uv.resolver import make_resolver
from envbuild.value import replace
from tests.support.values import make_declaration

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from envbuild.posix.process import Command, Completed
    from envbuild.resolution.resolution import Resolver
    from tests.support.index_server import IndexServer

Pins = dict[str, tuple[str, str, str]]
"""Package → version, file, sha256."""

Answer = Pins | str
"""The pins, or the kind of the error."""


@dataclass
class CountingRunner:
    """Runs programs as envbuild does, and counts them."""

    runs: int = 0
    system: SystemRunner = field(default_factory=SystemRunner)

    def run(self, command: Command) -> Completed:
        """Run to the end."""
        self.runs += 1
        return self.system.run(command)


@dataclass(frozen=True)
class Resolving:
    """A resolver, and how often it started uv."""

    resolver: Resolver
    runner: CountingRunner

    def pins(self, request: ResolveRequest, *targets: str) -> list[Answer]:
        """What each target gets, one after the other."""
        return [self._pins(replace(request, target=parse_target(target))) for target in targets]

    def _pins(self, request: ResolveRequest) -> Answer:
        try:
            files = self.resolver.resolve(request).files
        except EnvbuildError as error:
            return type(error).__name__
        return {file.package: (file.version, file.file, file.sha256) for file in files}


@contextmanager
def resolving(index: IndexServer, cache: Path, *, proofs: bool = True) -> Generator[Resolving]:
    """uv with its cache in a folder, over an index."""
    runner = CountingRunner()
    with ExitStack() as stack:
        sessions = stack.enter_context(
            index_sessions(
                make_declaration(),
                {"ENVBUILD_INDEX_DEFAULT_URL": index.url},
                runner=runner,
                cache=cache,
                timeout=30,
                deadline=60,
                retries=0,
                hashes=True,
            )
        )
        session = sessions.of_names(())
        tools = ResolverTools(
            runner=runner,
            cache=cache / "uv",
            index_environment=session.uv.environment(),
            explain=session.explain_resolution,
            advise=session.advice,
            conceal=session.uv.without_secret,
            deadline=60,
            source_of=session.source_of,
            sole_digest=session.sole_digest,
            listed_files=session.listed_files,
            index_for=session.uv.for_target,
            python_for=lambda _: "no Python is asked",
            proven=session.uv.proven if proofs else None,
        )
        yield Resolving(make_resolver(tools), runner)


def request_of(*requires: str, **changes: object) -> ResolveRequest:
    """A request of a driver; the target is given later."""
    request = ResolveRequest(
        driver="app",
        requires=requires,
        constraints=(),
        overrides=(),
        target=parse_target("3.12-x86_64-manylinux_2_28"),
        exclude_newer=None,
        allow_sdist=(),
        pins=(),
        indexes=(("default", ()),),
    )
    return replace(request, **changes)
