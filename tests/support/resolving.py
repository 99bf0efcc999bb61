"""uv over an index, in this process: each run of it is counted, and what is proven can be left out."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError
from envbuild.index.session import index_sessions
from envbuild.resolution.resolution import ResolveRequest
from envbuild.resolution.tools import ResolverTools
from envbuild.target.target import parse_target
from envbuild.uv.resolver import make_resolver
from envbuild.value import replace
from tests.support.counting import Counting
from tests.support.index_server import IndexServer
from tests.support.values import make_declaration
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from envbuild.resolution.resolution import Resolver

Pins = dict[str, tuple[str, str, str]]
"""Package → version, file, sha256."""

Answer = Pins | str
"""The pins, or the kind of the error."""


@dataclass(frozen=True)
class Resolving:
    """A resolver, and how often it started uv."""

    resolver: Resolver
    runner: Counting

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
    runner = Counting()
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


X86 = "3.12-x86_64-manylinux_2_28"

ARM = "3.12-aarch64-manylinux_2_28"

MAC = "3.12-arm64-macosx_14_0"

NEWER = "3.13-x86_64-manylinux_2_28"

PURE = "py3-none-any"

FOR_X86 = "cp312-cp312-manylinux_2_17_x86_64"

FOR_ARM = "cp312-cp312-manylinux_2_17_aarch64"

FOR_BOTH = (FOR_X86, FOR_ARM)


def resolve(
    index: IndexServer,
    folder: Path,
    request: ResolveRequest,
    targets: Iterable[str],
    *,
    proofs: bool,
) -> tuple[list[Answer], int]:
    """What each target gets, and how often uv was started."""
    with resolving(index, folder, proofs=proofs) as tried:
        return tried.pins(request, *targets), len(tried.runner.ran)


def runs(wheels: Iterable[Wheel], *targets: str, request: ResolveRequest | None = None) -> int:
    """How often uv was started for the targets; the last one gets what it gets without proofs."""
    asked = request or request_of("app")
    with IndexServer((*wheels, *Z)) as index, tempfile.TemporaryDirectory() as folder:
        found, count = resolve(index, Path(folder, "a"), asked, targets, proofs=True)
        expected, _ = resolve(index, Path(folder, "b"), asked, targets[-1:], proofs=False)
    assert found[-1:] == expected
    return count


Z = (Wheel(name="z", version="1"), Wheel(name="z", version="2"))
