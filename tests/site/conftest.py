"""The browser of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.site.browser import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all tests."""
    with chromium() as program:
        yield program
