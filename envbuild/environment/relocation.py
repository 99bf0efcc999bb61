"""Make an environment that was built at one path what it would be at another of the same length."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def relocate(place: Path, final: Path) -> None:
    """Rewrite what names the place: scripts, `pyvenv.cfg`, and the scripts' digests in each RECORD.

    The paths must be of one length, so that no size changes.
    Whoever calls this compares the result with RECORDs, and with a receipt where there is one.
    """
    old, new = os.fsencode(place), os.fsencode(final)
    if len(old) != len(new):
        raise ValueError(f"{place} and {final} differ in length")
    digests: dict[bytes, bytes] = {}
    for path in (place / "pyvenv.cfg", *sorted((place / "bin").iterdir())):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if old in content:
            changed = content.replace(old, new)
            digests[_encoded(content)] = _encoded(changed)
            _rewrite(path, changed)
    for record in place.glob("lib/python3.*/site-packages/*.dist-info/RECORD"):
        content = record.read_bytes()
        changed = content
        for before, after in digests.items():
            changed = changed.replace(before, after)
        if changed != content:
            _rewrite(record, changed)


def _rewrite(path: Path, content: bytes) -> None:
    """Put other content there as a file of its own: what it was may be shared with a cache."""
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(content)
    path.chmod(mode)


def _encoded(content: bytes) -> bytes:
    """The digest as RECORD spells it."""
    digest = hashlib.sha256(content).digest()
    return b"sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=")
