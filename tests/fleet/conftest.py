"""A publishing host, the registry that it publishes to, and what stands between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fleet.registries import Between, docker_registry
from tests.support.releases import Fleet, fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["fleet"]


class Registered(Fleet):
    """A fleet whose release lies in a registry."""

    registry: str
    between: Between

    @property
    def source(self) -> str:
        """The release's tag, seen through the proxy."""
        return f"oci://{self.between.host}/fleet/web:ring-1"


@pytest.fixture
def registered(fleet: Fleet, scratch: Path) -> Iterator[Registered]:
    """The fleet, an empty registry, and the proxy before it."""
    with docker_registry(scratch / "registry") as host, Between(host) as between:
        made = Registered(fleet.run, fleet.index, fleet.store, fleet.python)
        made.registry, made.between = host, between
        yield made
