"""Cached METADATA, by the sha256 of its wheel.

The disk has METADATA that certainly belongs to that sha256, and METADATA that its index allows to reuse,
for as long as it allows.
All METADATA that a command has read or written is kept in memory as well.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from envbuild.lean_json import read_ordinary
from envbuild.posix.files import make_private, write_atomically
from envbuild.value import field, value
from envbuild.wheelcache.metadata import WheelMetadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FORMAT = 2


@value
class MetadataCache:
    """A folder with one file for each wheel; losing it only costs time."""

    folder: Path
    clock: Callable[[], float] = time.time
    _known: dict[str, WheelMetadata] = field(default_factory=dict, repr=False)
    """What was read or written in this process."""

    def get(self, sha256: str) -> WheelMetadata | None:
        """The cached METADATA of a wheel; None if there is none, or it cannot be read."""
        if sha256 not in self._known:
            try:
                table = json.loads(read_ordinary(self._path(sha256)))
                found = _parse(table)
            except (OSError, ValueError, TypeError, KeyError):
                return None
            if not self._holds(table):
                return None
            self._known[sha256] = found
        return self._known[sha256]

    def _holds(self, table: dict[str, Any]) -> bool:
        """Whether the index need not be asked; never where the clock has gone back."""
        asked = table.get("asked")
        return asked is None or 0 <= self.clock() - asked < table["lifetime"]

    def put(self, sha256: str, metadata: WheelMetadata, *, lifetime: float) -> None:
        """Remember a wheel's METADATA; a folder that cannot be written is no error.

        `lifetime` is in seconds: infinite where it was read from bytes with that sha256,
        or has a hash on the index's page; else what the index said. Without one it lasts for this command.
        """
        self._known[sha256] = metadata
        if not lifetime:
            return
        table = {
            "format": _FORMAT,
            "requires": metadata.requires,
            "requires_python": metadata.requires_python,
            "provides_extras": metadata.provides_extras,
            "size": metadata.size,
        }
        if math.isfinite(lifetime):
            table["asked"], table["lifetime"] = self.clock(), lifetime
        path = self._path(sha256)
        with suppress(OSError):
            make_private(path.parent)
            write_atomically(path, json.dumps(table).encode(), sync=False)

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.json"


def _parse(table: dict[str, Any]) -> WheelMetadata:
    if table["format"] != _FORMAT or type(table["size"]) is not int:
        raise ValueError("another format")
    requires_python = table["requires_python"]
    return WheelMetadata(
        requires=_texts(table["requires"]),
        requires_python=None if requires_python is None else str(requires_python),
        provides_extras=_texts(table["provides_extras"]),
        size=table["size"],
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("no list of texts")
    return tuple(value)
