"""The configuration of indexes for uv, and uv's own default index."""

from __future__ import annotations

import math
import re
import secrets
from contextlib import contextmanager, suppress
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Self

from envbuild.lean_json import read_ordinary
from envbuild.posix.allocator import pool_freed_memory
from envbuild.posix.files import write_private
from envbuild.resolution.tools import LONGEST_BACKEND

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from envbuild.errors import EnvbuildError
    from envbuild.index.answer import IndexAnswer
    from envbuild.index.inner_metadata import InnerMetadataReader
    from envbuild.index.listed_sources import ListedSources
    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.proven_choices import ProvenRuns
    from envbuild.index.reader import IndexClient
    from envbuild.index.router import IndexRouter
    from envbuild.index.target_index import TargetIndex
    from envbuild.resolution.resolution import ResolveRequest

_SECRET = re.compile(r"[0-9a-f]{32}")


class UvIndexes:
    """Indexes as child uvs see them: one router on loopback, which starts when the first of them needs it."""

    def __init__(
        self,
        locations: IndexLocations,
        client: IndexClient,
        inner: InnerMetadataReader,
        environ: Mapping[str, str],
        *,
        secret_file: Path,
        hashes: bool = True,
        sources: ListedSources | None = None,
    ) -> None:
        """`secret_file` remembers the router's address, by which uv's cache goes.
        `hashes` and `sources` as in IndexRouter.
        """
        self._sources = sources
        self._locations = locations
        self._client = client
        self._inner = inner
        self._secret_file = secret_file
        self._hashes = hashes
        self._guard = Lock()
        self._router: IndexRouter | None = None
        self.manners: Mapping[str, str] = {
            "UV_HTTP_RETRIES": str(client.retries),
            # uv must not lose patience before the router has said what the index did
            "UV_HTTP_TIMEOUT": _patience_beyond(
                max(client.patience * locations.most_places, LONGEST_BACKEND if sources else 0)
            ),
            **_exempt_from_proxy(environ),
        }
        """The variables for all requests of a uv process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._router is not None:
            self._router.__exit__()

    def environment(self) -> dict[str, str]:
        """The variables to add to the environment of a uv that looks for packages."""
        return {**self.manners, "UV_DEFAULT_INDEX": self._started().url}

    def files_url(self) -> str:
        """Where every file is: `ADDRESS/PACKAGE/FILE NAME`."""
        return self._started().files_url

    def for_target(self, request: ResolveRequest) -> TargetIndex:
        """An index that lists only what the request's target can take; it answers in a `with` block."""
        from envbuild.index.target_index import TargetIndex

        return TargetIndex(self._started(), request)

    @contextmanager
    def counting(self, told: Callable[[str, int], None]) -> Generator[None]:
        """Call `told` with a package and the bytes of its file that have come, while uv downloads in the block."""
        router = self._started()
        router.told.append(told)
        try:
            yield
        finally:
            router.told.remove(told)

    @cached_property
    def proven(self) -> ProvenRuns | None:
        """What can be proven of uv's answers; None if its cache may have answers from before this command."""
        from envbuild.index.proven_choices import ProvenRuns

        router = self._started()
        return ProvenRuns(router, patience=self._client.patience) if router.is_new else None

    @property
    def bad_answers(self) -> tuple[IndexAnswer, ...]:
        """The bad answers of indexes so far."""
        return self._router.bad_answers if self._router else ()

    @property
    def timeless(self) -> tuple[str, ...]:
        """The requested packages whose page has no upload time."""
        return self._router.timeless if self._router else ()

    def failure_in(self, words: str) -> tuple[str, EnvbuildError] | None:
        """A package whose METADATA could not be made from its source, and why; None without such a failure."""
        return self._sources.failure_in(words) if self._sources is not None else None

    def without_secret(self, text: str) -> str:
        """uv's words without what would let other users of the host ask the router."""
        return self._router.without_secret(text) if self._router else text

    def _started(self) -> IndexRouter:
        from envbuild.index.router import IndexRouter  # and with it a web server

        with self._guard:
            if self._router is None:
                pool_freed_memory()  # pages have megabytes
                known = _remembered_secret(self._secret_file)
                router = IndexRouter(
                    self._locations,
                    self._client,
                    self._inner,
                    secret=known or _new_secret(self._secret_file),
                    is_new=known is None,
                    hashes=self._hashes,
                    sources=self._sources,
                )
                self._router = router.__enter__()
            return self._router


def default_environment(declared: IndexLocation) -> dict[str, str]:
    """Where the default index is; user and password separate, because uv repeats addresses."""
    if declared.is_flat:
        return {"UV_FIND_LINKS": str(declared.folder or declared.url), "UV_NO_INDEX": "1"}
    if declared.folder is not None:
        return {"UV_DEFAULT_INDEX": f"default={declared.folder.as_uri()}"}
    told = {"UV_DEFAULT_INDEX": f"default={declared.url}"}
    if declared.credentials is not None:
        told["UV_INDEX_DEFAULT_USERNAME"] = declared.credentials.user
        told["UV_INDEX_DEFAULT_PASSWORD"] = declared.credentials.password or ""
    return told


def _remembered_secret(path: Path) -> str | None:
    """The secret of an earlier command; None if there is none."""
    with suppress(OSError, ValueError):
        known = read_ordinary(path).decode("ascii").strip()
        if _SECRET.fullmatch(known):
            return known
    return None


def _new_secret(path: Path) -> str:
    """A secret that nobody has had, which is saved in the file if possible."""
    secret = secrets.token_hex(16)
    with suppress(OSError):
        write_private(path, secret.encode())
    return secret


_MARGIN = 5.0
"""Seconds that uv waits longer than envbuild waits for an index, so that uv gets the error."""


def _patience_beyond(patience: float) -> str:
    """`$UV_HTTP_TIMEOUT`, in whole seconds, for a server that waits `patience` seconds for an index."""
    return str(math.ceil(patience + _MARGIN))


def _exempt_from_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Exempt the router from the user's proxy, in addition to the hosts that are exempt already."""
    known = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    exempt = ",".join(part for part in (known, "127.0.0.1") if part)
    return {"NO_PROXY": exempt, "no_proxy": exempt}
