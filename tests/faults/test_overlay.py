"""Stores on overlayfs, as in container images: in one layer, in two, and in the upper folder alone.

A folder of a lower layer cannot be renamed there, and a file of a lower layer that is linked gets another inode.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.disks import unmount
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.root


class Layers:
    """A store whose files lie in layers below the one that is written."""

    def __init__(self, run: CommandLine, store: Path, scratch: Path, python_version: str) -> None:
        self.run = run
        self.store = store
        self._scratch = scratch
        self._python_version = python_version
        self._lower: list[Path] = []

    def sync(self, **versions: str) -> None:
        """Declare, lock and sync drivers in these versions."""
        drivers = {name: [f"{name}=={version}"] for name, version in versions.items()}
        self.run.declare(declare_drivers(drivers, python=self._python_version))
        self.run("lock", check=True)
        self.run("sync", check=True)

    def seal(self) -> None:
        """What the store holds becomes a lower layer; an empty one is above it from now on."""
        number = len(self._lower)
        lower = self._scratch / f"layer{number}"
        if number:
            self.unmount()
            (self._scratch / f"upper{number - 1}").rename(lower)
        else:
            self.store.rename(lower)
            self.store.mkdir()
        self._lower.insert(0, lower)
        upper, work = self._scratch / f"upper{number}", self._scratch / f"work{number}"
        upper.mkdir()
        work.mkdir()
        below = ":".join(map(str, self._lower))
        options = f"lowerdir={below},upperdir={upper},workdir={work}"
        command = ("mount", "-t", "overlay", "envbuild-test", "-o", options, self.store)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"NOT TESTED: no overlay can be mounted here: {done.stderr.strip()}")

    def unmount(self) -> None:
        """Take the layers apart."""
        unmount(self.store)

    def assert_sound(self) -> None:
        """Both ways of `verify` find nothing."""
        self.run("verify", "--quick", check=True)
        self.run("verify", check=True)


@pytest.fixture
def layers(
    run_envbuild: CommandLine,
    index: IndexServer,
    store: Path,
    scratch: Path,
    python_version: str,
) -> Iterator[Layers]:
    """Drivers that have a package in common, in versions 1.0 to 1.2; nothing is mounted yet."""
    for name in ("web", "jobs"):
        versions = ("1.0", "1.1", "1.2")
        index.add(*(command_wheel(name, version, requires=("base",)) for version in versions))
    index.add(Wheel(name="base", files={"base/__init__.py": "A = 1\n", "base/b.py": "B = 2\n"}))
    layers = Layers(run_envbuild, store, scratch, python_version)
    yield layers
    if store.is_mount():
        layers.unmount()
    shutil.rmtree(store, ignore_errors=True)


def _two_generations(layers: Layers, count: int) -> None:
    """Generation 1 and 2, in one lower layer or in one each."""
    layers.sync(web="1.0")
    if count == 2:
        layers.seal()
    layers.sync(web="1.1")
    layers.seal()


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_every_verb_works_on_layers(layers: Layers, count: int) -> None:
    """sync links wheels of a lower layer; verify, rollback, repair and gc do what they do elsewhere."""
    _two_generations(layers, count)
    layers.assert_sound()

    layers.sync(web="1.1", jobs="1.0")  # `base` is linked from a lower layer
    layers.assert_sound()
    layers.run("rollback", check=True)
    layers.run("rollback", "1", check=True)
    layers.run("rollback", "3", check=True)

    module = next((layers.store / "current/web").resolve().glob("lib/*/site-packages/base/b.py"))
    module.chmod(0o644)
    module.write_text("B = 3\n")
    assert layers.run("verify").code == 1
    layers.run("verify", "--repair", check=True)
    layers.assert_sound()
    assert module.read_text() == "B = 2\n"

    freed = layers.run("gc", "--keep", "1", "--wait", check=True).stdout
    assert "removed generation 1" in freed
    assert "removed web-1.0" in freed
    assert not list((layers.store / "envs").glob("web-1.0-*"))
    assert not (layers.store / "generations/1").exists()
    layers.sync(web="1.2")
    layers.run("gc", "--keep", "1", "--wait", "--cache", check=True)
    layers.assert_sound()
    current = (layers.store / "current/web").resolve()
    assert [path.name for path in (layers.store / "envs").iterdir()] == [current.name]
