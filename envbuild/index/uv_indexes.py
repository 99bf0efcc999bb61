"""The configuration of indexes for uv, and uv's own default index."""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.lean_json import read_ordinary
from envbuild.posix.files import make_private, write_atomically
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.uv.executable import base_arguments, uv_executable
from envbuild.uv.loopback import closed_to_http, exempt_from_proxy, patience_beyond
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from envbuild.index.answer import IndexAnswer
    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.reader import IndexClient
    from envbuild.index.router import IndexRouter
    from envbuild.posix.process import Runner

_INDEX_URL = re.compile(r"^--index-url\s+(\S+)", re.MULTILINE)

_SECRET = re.compile(r"[0-9a-f]{32}")


@value
class UvIndexes:
    """The indexes for a uv process."""

    environment: Mapping[str, str]
    """The variables to add to uv's environment; they may hold credentials."""

    router: IndexRouter | None
    """The router between uv and the indexes, if one is needed."""

    closed_to_http: bool = False
    """Whether uv can use plain http only for the router."""

    @property
    def bad_answers(self) -> tuple[IndexAnswer, ...]:
        """The bad answers of indexes that the router saw."""
        return self.router.bad_answers if self.router else ()

    def without_secret(self, text: str) -> str:
        """uv's words without what would let other users of the host ask the router."""
        return self.router.without_secret(text) if self.router else text


@contextmanager
def uv_indexes(
    locations: IndexLocations,
    client: IndexClient,
    environ: Mapping[str, str],
    *,
    secret_file: Path | None = None,
    everything: bool = False,
    hashes: bool = True,
) -> Generator[UvIndexes]:
    """Give uv its indexes for the length of a `with` block, resolving and installing alike.

    Without bound indexes and folders uv is simply told where the default index lives;
    otherwise what is bound, and a default index that is a folder, goes through an IndexRouter.
    `secret_file` remembers the router's address, by which uv's cache goes; None takes a new one.
    `everything` sends the default index through the router too, so that it sees every answer.
    `hashes` as in IndexRouter.
    """
    declared = locations.declared_default
    known = [
        place
        for location in (*locations.bound, *((declared,) if declared is not None else ()))
        for place in location.places
    ]
    are_safe = not any(location.url and location.url.startswith("http:") for location in known)
    everything = everything or (declared is not None and not declared.is_plain)
    if not everything and not locations.bound:
        closed = closed_to_http(environ, router=False) if are_safe else {}
        yield UvIndexes(
            environment={**default_environment(declared), **closed},
            router=None,
            closed_to_http=are_safe,
        )
        return
    from envbuild.index.router import IndexRouter  # and with it a web server

    secret = _remembered_secret(secret_file)
    router = IndexRouter(locations, client, secret=secret, everything=everything, hashes=hashes)
    with router:
        if everything:
            environment = {"UV_DEFAULT_INDEX": router.url}
        else:
            environment = {"UV_INDEX": router.url, **default_environment(declared)}
        # uv must not lose patience before the router has said what the index did
        environment["UV_HTTP_TIMEOUT"] = patience_beyond(client.patience * locations.most_places)
        proxies = closed_to_http(environ, router=True) if are_safe else exempt_from_proxy(environ)
        yield UvIndexes(environment=environment | proxies, router=router, closed_to_http=are_safe)


def learn_default_url(runner: Runner) -> str:
    """uv's own default index, as uv says it; HostError where it does not."""
    with tempfile.TemporaryDirectory(prefix="envbuild-index-") as folder:
        empty = Path(folder, "empty.in")
        empty.touch()
        argv = (uv_executable(), "pip", "compile", *base_arguments(), "--quiet", "--no-header")
        argv += ("--offline", "--emit-index-url", "--python", sys.executable)
        argv += ("--cache-dir", f"{folder}/cache", str(empty))
        env = scrubbed_environment(os.environ)
        done = runner.run(Command(argv=argv, env=env, cwd=folder))
    match = _INDEX_URL.search(done.stdout)
    if match is None:
        message = "uv does not say which index is its default"
        hint = "name it with $ENVBUILD_INDEX_DEFAULT_URL"
        raise HostError(Problem(message=message, detail=done.stderr, hint=hint))
    return match[1]


def default_environment(declared: IndexLocation | None) -> dict[str, str]:
    """Where the default index lives; user and password apart, because uv repeats addresses."""
    if declared is None:
        return {}
    if declared.is_flat:
        return {"UV_FIND_LINKS": str(declared.folder or declared.url), "UV_NO_INDEX": "1"}
    if declared.folder is not None:
        return {"UV_DEFAULT_INDEX": f"default={declared.folder.as_uri()}"}
    told = {"UV_DEFAULT_INDEX": f"default={declared.url}"}
    if declared.credentials is not None:
        told["UV_INDEX_DEFAULT_USERNAME"] = declared.credentials.user
        told["UV_INDEX_DEFAULT_PASSWORD"] = declared.credentials.password or ""
    return told


def _remembered_secret(path: Path | None) -> str:
    """The secret in the file, or a new one, kept there where that is possible."""
    if path is None:
        return secrets.token_hex(16)
    with suppress(OSError, ValueError):
        known = read_ordinary(path).decode("ascii").strip()
        if _SECRET.fullmatch(known):
            return known
    secret = secrets.token_hex(16)
    with suppress(OSError):
        make_private(path.parent)
        write_atomically(path, secret.encode(), mode=0o600, sync=False)
    return secret
