"""Wheels unpacked by hand into a site-packages folder, for tests that need no installer."""

from __future__ import annotations

import os
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

from envbuild.wheelcache.record import parse_record

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.wheelcache.record import RecordRow
    from tests.support.wheels import Wheel


def unpack(wheel: Wheel, site_packages: Path) -> tuple[str, tuple[RecordRow, ...]]:
    """Unpack a pure wheel; the value is its sha256 and its RECORD."""
    site_packages.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(BytesIO(wheel.to_bytes())) as archive:
        archive.extractall(os.fspath(site_packages))
        record = next(name for name in archive.namelist() if name.endswith("RECORD"))
        return wheel.sha256, tuple(parse_record(archive.read(record).decode()))
