"""A store with generations of small environments, made without building any."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from envbuild.environment.content_digest import Contents, FileEntry
from envbuild.environment.receipt import Receipt
from envbuild.store.store import Store
from tests.support.values import CREATED, digest, make_derivation, make_entry, make_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envbuild.store.manifest import ManifestDriver


def make_store(root: Path, *fleets: Iterable[tuple[str, str]], size: int = 10) -> Store:
    """A generation for each fleet; a fleet is its drivers' names and versions.

    Each driver's command has so many bytes.
    """
    store = Store(root=root)
    store.prepare()
    for number, fleet in enumerate(fleets, 1):
        entries = tuple(_entry(store, *driver, size) for driver in fleet)
        with store.switching():
            store.add_generation(make_manifest(*entries, generation=number))
    return store


def _entry(store: Store, name: str, version: str, size: int) -> ManifestDriver:
    environment = store.environment(f"{name}-{version}-0")
    if not environment.exists():
        (environment / "bin").mkdir(parents=True)
        command = environment / "bin" / name
        command.write_text("#!/bin/sh\n")
        os.truncate(command, size)
        command.chmod(0o755)
        (environment / "bin/python").symlink_to(sys.executable)
        file = FileEntry(path=f"bin/{name}", mode=0o755, size=size, sha256=digest("x"))
        store.write_receipt(
            Receipt(
                environment=environment.name,
                key=digest(name + version),
                created=CREATED,
                derivation=make_derivation(sys.executable),
                contents=Contents(files=(file,), links=(), folders=()),
            )
        )
    return make_entry(
        name,
        version,
        environment=str(environment),
        binary=f"{environment}/bin/{name}",
        stable_binary=f"{store.current}/{name}/bin/{name}",
        python=f"{environment}/bin/python",
    )
