"""The repository's CPU fleet comes to the same bytes, whatever a host has of it already.

`nox -s differential` runs this; it asks the host's index and takes minutes.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import CommandLine, child_environment, copy_own_fleet

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.index, pytest.mark.slow]

DRIVERS = ("asr", "gateway", "embeddings")


@pytest.fixture
def fleet(project: Path, store: Path) -> CommandLine:
    """The committed declaration and lockfiles, and the host's own index."""
    copy_own_fleet(project)
    env = child_environment(ENVBUILD_STORE=str(store))
    env.pop("ENVBUILD_INDEX_DEFAULT_URL", None)
    return CommandLine(cwd=project, env=env, timeout=1800)


def _contents(store: Path) -> dict[str, Any]:
    """By environment, what its receipt holds of files, links and folders; no times."""
    found = {}
    for path in (store / "receipts").glob("*.json"):
        table = json.loads(path.read_text())
        found[path.stem] = {key: table[key] for key in ("files", "links", "folders")}
    return found


def _differing(now: dict[str, Any], first: dict[str, Any]) -> list[str]:
    """The paths of what differs, a folder or link among it, each below its environment."""
    assert now.keys() == first.keys()
    return sorted(
        f"{name}/{row[0]}"
        for name, table in first.items()
        for kind, rows in table.items()
        for row in {tuple(row) for row in rows} ^ {tuple(row) for row in now[name][kind]}
    )


def _forget(store: Path, *names: str) -> None:
    """Take parts of the store away, as another host would not have them."""
    for name in names:
        subprocess.run(("rm", "-rf", *store.glob(name)), check=True)


def test_every_way_comes_to_the_same_content(fleet: CommandLine, store: Path) -> None:
    """Another host, unpacked wheels, half of them, no caches, another order of work, and repair: equal receipts."""
    fleet("sync", *DRIVERS, check=True)
    first = _contents(store)
    assert len(first) == len(DRIVERS)
    built = ("envs/*", "receipts/*", "generations/*", "records/*", "current")
    for gone, more in (
        ((), ()),
        (("cache/wheels/[0-7]*",), ("--jobs", "1")),
        (("cache/bytecode",), ("--jobs", "3")),
        (("cache", "pythons"), ()),
    ):
        _forget(store, *built, *gone)
        fleet("sync", *DRIVERS, *more, check=True)
        assert _differing(_contents(store), first) == [], gone
    shutil.rmtree(store, ignore_errors=True)
    _forget(store.parent, store.name)
    fleet("sync", *reversed(DRIVERS), "--jobs", "1", check=True)
    assert _differing(_contents(store), first) == [], "another host"
    fleet("gc", "--cache", "--wait", check=True)
    (script,) = store.glob("envs/gateway-*/bin/litellm")
    script.chmod(0o755)
    script.write_text("#!/bin/sh\n")
    fleet("verify", "--repair", check=True)
    assert _differing(_contents(store), first) == [], "repair"
