"""The repository's own fleet from the real index, vllm included: tens of gigabytes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import CommandLine, child_environment, copy_own_fleet
from tests.support.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.index, pytest.mark.slow]

GPU_DRIVERS = ("vllm", "sglang", "image-gen")
CPU_DRIVERS = ("asr", "gateway", "embeddings", "echo")
FLEET = (*GPU_DRIVERS, *CPU_DRIVERS)
WANTS_A_GPU = (
    "CUDA",
    "NVIDIA",
    "libcuda",
    "No platform detected",
    "Failed to infer device type",
)
"""What programs say when they miss nothing but a GPU."""


_BASE = os.environ.get("ENVBUILD_REALWORLD_DIR")


@pytest.fixture(scope="module")
def roomy() -> Iterator[Path]:
    """A folder for a store of some 30 GB: `$ENVBUILD_REALWORLD_DIR`, else below /var/tmp."""
    base = Path(_BASE or "/var/tmp") / f"eb-{os.getpid()}"
    base.mkdir(parents=True)
    yield base
    remove_tree(base)


@pytest.fixture
def fleet(roomy: Path, pythons: dict[str, Path]) -> CommandLine:
    """The real command line on a copy of the repository's declaration and lockfiles."""
    folder = roomy / "p"
    if not folder.exists():
        folder.mkdir()
        copy_own_fleet(folder)
    path = os.pathsep.join((*(str(p.parent) for p in pythons.values()), os.environ["PATH"]))
    env = child_environment(ENVBUILD_STORE=str(roomy / "s"), PATH=path)
    return CommandLine(cwd=folder, env=env, timeout=3 * 3600)


def test_committed_lockfiles_are_fresh(fleet: CommandLine) -> None:
    """What is committed answers the committed declaration, and names no address."""
    result = fleet("lock", "--check")
    assert result.code == 0, result
    for lockfile in (fleet.cwd / "locks").iterdir():
        assert "://" not in lockfile.read_text(), lockfile


def test_locking_again_changes_nothing(fleet: CommandLine) -> None:
    """The same inputs give the same bytes."""
    before = {path.name: path.read_bytes() for path in (fleet.cwd / "locks").iterdir()}
    fleet("lock", check=True)
    after = {path.name: path.read_bytes() for path in (fleet.cwd / "locks").iterdir()}
    assert after == before


def test_lock_from_nothing(fleet: CommandLine, roomy: Path) -> None:
    """Every driver of the fleet can still be resolved for every target it declares."""
    empty = roomy / "anew"
    empty.mkdir()
    copy_own_fleet(empty, locks=False)
    result = fleet("lock", cwd=empty)
    assert result.code == 0, result
    assert {path.stem for path in (empty / "locks").iterdir()} == set(FLEET)


def test_whole_fleet_builds(fleet: CommandLine) -> None:
    """Named drivers are built whether or not this host has their accelerator."""
    result = fleet("sync", *FLEET)
    assert result.code == 0, result
    assert set(fleet("list", "--format", "json", check=True).json["drivers"]) >= set(FLEET)


@pytest.mark.parametrize("driver", FLEET)
def test_driver_starts(fleet: CommandLine, driver: str) -> None:
    """A built driver's command runs under an empty environment, or misses a GPU alone."""
    binary = fleet("which", driver, check=True).stdout.strip()
    env = {"HOME": fleet.env["HOME"]}
    argv = (binary, "--help")
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=600)
    said = done.stdout + done.stderr
    print(f"$ {binary} --help → exit {done.returncode}\n{said[-2000:]}")
    excused = driver in GPU_DRIVERS and any(words in said for words in WANTS_A_GPU)
    assert done.returncode == 0 or excused, said


def test_second_sync_has_nothing_to_do(fleet: CommandLine) -> None:
    """A fleet that is there is left alone."""
    before = fleet("list", "--format", "json", check=True).json
    fleet("sync", *FLEET, check=True)
    assert fleet("list", "--format", "json", check=True).json == before
