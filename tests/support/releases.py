"""A fleet that is published as a release and followed: two hosts at one path, one after the other."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import NOWHERE, declare_drivers
from tests.support.folders import remove_tree
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer


class Fleet:
    """A publishing host, and hosts that follow it: each has the store's path for itself, and no index."""

    def __init__(self, run: CommandLine, index: IndexServer, store: Path, python: str) -> None:
        self.run = run
        self.index = index
        self.store = store
        self.python = python
        self.place = store.parent / "release"

    @property
    def source(self) -> str:
        """The release's folder, as the command line names it."""
        return f"dir:{self.place}"

    def build(self, version: str = "1.0", more: str = "") -> dict[str, str]:
        """Declare, lock and build a version of `web`; the content digests."""
        drivers = {"web": [f"web=={version}"], "gate": ["gate"]}
        self.run.declare(declare_drivers(drivers, python=self.python, more=more))
        self.run("lock", check=True)
        self.run("sync", check=True)
        return self.digests()

    def publish(self, *options: str) -> Result:
        """Publish into the folder."""
        return self.run("publish", "--no-tools", self.source, *options, check=True)

    def move_on(self) -> None:
        """Become another host: the same paths, an empty store, no declaration, no index."""
        remove_tree(self.store)
        for name in ("drivers.toml", "locks"):
            path = self.run.cwd / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def follow(self, *options: str) -> Result:
        """Follow the folder, as a host that reaches no index."""
        env = {"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}
        return self.run("sync", "--from", self.source, *options, env=env)

    def digests(self) -> dict[str, str]:
        """The content digest of each driver's environment in the current generation."""
        found = self.run("verify", "--format", "json", check=True).json
        number = self.current
        return {
            item["drivers"][0]: item["content"]
            for item in found["environments"]
            if number in item["generations"]
        }

    @property
    def current(self) -> int:
        """The current generation's number; 0 if there is none."""
        link = self.store / "current"
        return int(link.readlink().name) if link.is_symlink() else 0


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str) -> Fleet:
    """Two versions of `web`, one of `gate`, and what both require."""
    index.add(
        *(command_wheel("web", version, requires=("base",)) for version in ("1.0", "1.1")),
        command_wheel("gate", "2.0", requires=("base",)),
        Wheel(name="base", files={"base.py": "VALUE = 1\n"}),
    )
    return Fleet(run_envbuild, index, store, python_version)
