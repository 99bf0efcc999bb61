"""Pipes, devices and large files in a store: no reader waits for their end."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.deletion import delete_tree
from tests.security.conftest import web

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

__all__ = ["web"]

READING = (("list",), ("which", "web"), ("history",), ("verify",), ("verify", "--quick"))


@pytest.mark.parametrize("place", ["pipe", "endless", "large"])
@pytest.mark.parametrize(
    ("file", "codes"),
    [
        ("envbuild-store.json", (0, 0, 5, 5, 5)),
        ("generations/*/manifest.json", (5, 5, 0, 1, 1)),
        ("records/1.json", (0, 0, 0, 1, 1)),
        ("receipts/*.json", (0, 0, 0, 1, 1)),
        ("receipts/*.stat", (0, 0, 0, 0, 1)),
    ],
)
def test_a_pipe_or_a_device_stops_no_reader(
    web: CommandLine, store: Path, file: str, codes: tuple[int, ...], place: str
) -> None:
    """The attacker owns a store, and puts a pipe or a device where root reads; both may never end."""
    web("sync", check=True)
    (path,) = store.glob(file)
    path.unlink()
    if place == "pipe":
        os.mkfifo(path)
    elif place == "endless":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, (64 << 20) + 1)
        if file == "receipts/*.json":  # `verify --quick` opens no receipt
            codes = (*codes[:-1], 0)
    reader = replace(web, timeout=30)
    assert tuple(reader(*argv).code for argv in READING) == codes


@pytest.mark.parametrize("place", ["pipe", "endless"])
def test_a_pipe_or_a_device_stops_no_build(web: CommandLine, store: Path, place: str) -> None:
    """The same for a doctor and a sync: what cannot be read in a cache is made again, settings are refused."""
    web("sync", check=True)
    files = ("trash.json", "cache/stamp", "cache/interpreters.json")
    entries = sorted(store.glob("cache/wheels/*/table")) + sorted(store.glob("cache/*/*/*/stamp"))
    assert len(entries) > 1
    reader = replace(web, timeout=60)
    for path in (*(store / file for file in files), *entries):
        _put(place, path)
    assert reader("doctor").code in (0, 1)
    delete_tree(store / "envs")
    (store / "envs").mkdir()
    done = reader("sync")
    assert done.code == 0, str(done)
    _put(place, store / "settings.toml")
    delete_tree(store / "envs")
    (store / "envs").mkdir()
    assert f"{store}/settings.toml: cannot be read" in reader("sync").stderr


def _put(place: str, path: Path) -> None:
    """Put a pipe, or a link to a device that never ends, into a file's place."""
    path.unlink(missing_ok=True)
    if place == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
