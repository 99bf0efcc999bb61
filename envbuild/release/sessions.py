"""The uploads to registries that have begun and not ended, so that a later command goes on with them."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.lean_json import read_ordinary
from envbuild.posix.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

_MOST = 50
"""Registries forget uploads after some days, and nobody tells when."""


class UploadSessions:
    """A private file with the address of each session; safe for several threads.

    What cannot be read or written costs bytes, and nothing else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()

    def find(self, upload: str) -> str | None:
        """The address at which an upload goes on, by what is uploaded and where; None if it is not known."""
        return self._read().get(upload)

    def keep(self, upload: str, address: str) -> None:
        """Remember where an upload goes on."""
        with self._guard:
            known = self._read()
            known.pop(upload, None)
            self._write({**known, upload: address})

    def forget(self, upload: str) -> None:
        """Drop an upload that has ended, or that its registry does not know any more."""
        with self._guard:
            known = self._read()
            if known.pop(upload, None) is not None:
                self._write(known)

    def _read(self) -> dict[str, str]:
        try:
            table = json.loads(read_ordinary(self._path))
        except (OSError, ValueError):
            return {}
        if not isinstance(table, dict):
            return {}
        return {str(upload): str(address) for upload, address in table.items()}

    def _write(self, known: dict[str, str]) -> None:
        kept = dict(list(known.items())[-_MOST:])
        with suppress(OSError):
            write_atomically(self._path, json.dumps(kept).encode(), mode=0o600, sync=False)
