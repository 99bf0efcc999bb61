"""What must not become current is found without reading the manifest again for each driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.build.gate import Gate
from envbuild.build.prober import Prober
from envbuild.posix.process import SystemRunner
from envbuild.progress import Silent
from envbuild.store.store import Store
from tests.support.values import make_driver, make_wanted

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_manifest_is_read_once_for_all_drivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a part for each of them: two hundred drivers would read forty thousand parts."""
    reads: list[Store] = []

    def read(store: Store) -> None:
        reads.append(store)

    monkeypatch.setattr(Store, "read_current", read)
    store = Store(root=tmp_path)
    prober = Prober(runner=SystemRunner(), logs=tmp_path, jobs=1)
    gate = Gate(store=store, prober=prober, progress=Silent(), declared_in="drivers.toml")
    refused = dict(gate.refuse(make_wanted(make_driver(f"d{number}")) for number in range(9)))
    assert len(refused) == 9  # as nothing is built
    assert len(reads) == 1
