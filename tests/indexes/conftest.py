"""What asks the indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.index.reader import IndexClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def client() -> Iterator[IndexClient]:
    """A client without patience."""
    with IndexClient({}, read_timeout=1) as made:
        yield made
