"""Locked files at addresses of this host, each looked for in its own index when it is asked for."""

from __future__ import annotations

import secrets
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.index.answer import IndexAnswer
    from envbuild.index.locations import IndexLocations
    from envbuild.index.reader import IndexClient
    from envbuild.index.router import IndexRouter


class LockedFiles:
    """Serves files for installers, from the first call for the address until it is closed."""

    def __init__(self, locations: IndexLocations, client: IndexClient) -> None:
        self._locations = locations
        self._client = client
        self._router: IndexRouter | None = None
        self._lock = Lock()

    def address(self) -> str:
        """Where files are: `ADDRESS/PACKAGE/FILE NAME`."""
        from envbuild.index.router import IndexRouter  # and with it a web server

        with self._lock:
            if self._router is None:
                self._router = IndexRouter(
                    self._locations,
                    self._client,
                    secret=secrets.token_hex(16),
                    everything=True,
                    hashes=False,
                    redirects=True,
                )
                self._router.__enter__()
            return self._router.files_url

    @property
    def patience(self) -> float:
        """Seconds that an index may take before an installer hears that it says nothing."""
        return self._client.patience

    @property
    def bad_answers(self) -> tuple[IndexAnswer, ...]:
        """What indexes answered badly so far."""
        return self._router.bad_answers if self._router else ()

    def without_secret(self, text: str) -> str:
        """An installer's words without what would let other users of the host ask for files."""
        return self._router.without_secret(text) if self._router else text

    def close(self) -> None:
        """Serve no longer."""
        if self._router is not None:
            self._router.__exit__(None, None, None)
