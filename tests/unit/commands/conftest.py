"""What commands are tried over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.lockfile.folder import LockFolder
from tests.support.locking import FakeIndex

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(project: Path) -> LockFolder:
    """The folder of lockfiles, which is not there yet."""
    return LockFolder(path=project / "locks", shown="locks")


@pytest.fixture
def index() -> FakeIndex:
    """An index with the packages of two drivers, and one that they share."""
    return FakeIndex.of_two_drivers()
