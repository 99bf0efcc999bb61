"""What a resolver works with: its inputs, indexes for one target, and what follows from its earlier answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from envbuild.errors import EnvbuildError
    from envbuild.posix.process import Runner
    from envbuild.resolution.resolution import ListedFile, ResolveRequest
    from envbuild.target.target import Interpreter, Target


LONGEST_BACKEND = 3600.0
"""Seconds in which a build backend must have said what a source requires."""

_ANSWERS = 4
"""A resolver may take as long as this many answers of an index, each at its deadline."""


@value
class ListedPackage:
    """One package that a resolver has chosen, with the files that it may be installed from."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    files: tuple[ListedFile, ...]
    """Each name once."""


class ProvenChoices(Protocol):
    """Remembers the answers of a resolver; safe to share between threads."""

    def find(self, request: ResolveRequest) -> tuple[ListedPackage, ...] | None:
        """The resolver's answer to a request; None if it has to be asked."""
        ...

    def learn(
        self, request: ResolveRequest, packages: tuple[ListedPackage, ...], begun: datetime
    ) -> None:
        """Remember an answer; `begun` is when the resolver was asked for it."""
        ...


class FilteredIndex(Protocol):
    """An index on loopback that lists only what one target can take."""

    @property
    def url(self) -> str:
        """Its address, which has a secret; without a final slash."""
        ...

    def files(self, package: str, version: str) -> tuple[ListedFile, ...]:
        """The files of a version that the target can take; IndexFailureError if its index does not answer."""
        ...


@value
class ResolverTools:
    """The inputs of a resolver."""

    runner: Runner
    cache: Path
    """A folder of the resolver's own, private to envbuild."""

    index_environment: Mapping[str, str]
    """The variables with the addresses of indexes; credentials stay off the command line."""

    explain: Callable[[ResolveRequest, str], EnvbuildError | None]
    """Asks the indexes why a resolution failed with this output; None if all answered correctly."""

    advise: Callable[[ResolveRequest], str | None]
    """A change of the declaration that helps if nothing satisfies a driver; None if there is none."""

    conceal: Callable[[str], str]
    """Removes from uv's output what other users of the host must not see."""

    deadline: float
    """Seconds in which one answer of an index must be complete."""

    source_of: Callable[[str, str], ListedFile]
    """The source distribution of a package's version, for a wheel that only stands in for it."""

    sole_digest: Callable[[ListedFile], str]
    """The sha256 of a file that an index lists; IndexFailureError if there are two."""

    listed_files: Callable[[str], tuple[str, ...]]
    """The names of all files in a package's index; IndexFailureError if it cannot be read."""

    index_for: Callable[[ResolveRequest], AbstractContextManager[FilteredIndex]]
    """An index with only what the request's target can take, for resolvers that know no other host than their own."""

    proven: ProvenChoices | None
    """What follows from earlier answers of the resolver; None if nothing can be proven."""

    python_for: Callable[[Target], Interpreter | str]
    """A Python of this host that decides markers as the target does, or why there is none, as a whole sentence."""

    def patience(self, request: ResolveRequest) -> float:
        """Seconds for the resolver; a build backend may take its time to say what a source requires."""
        return _ANSWERS * (self.deadline + bool(request.may_be_built) * LONGEST_BACKEND)
