"""A host that reaches nothing, with its indexes in folders: `sync` needs neither a socket nor the loopback."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def wheels(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> Path:
    """A folder with the wheels of a locked driver."""
    index.add(command_wheel("web", "1.0"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("fetch", "--out", "wheels", check=True)
    return project / "wheels"


def test_offline_takes_what_lies_in_an_indexs_folder(
    run_envbuild: CommandLine, wheels: Path, store: Path
) -> None:
    """`--offline` asks no index; a folder is not asked but read, with pages for packages or without."""
    at = {"ENVBUILD_INDEX_DEFAULT_URL": str(wheels)}
    run_envbuild("sync", "--offline", env=at, check=True)
    assert (store / "current/web/bin/web").exists()

    run_envbuild("store", "remove", "--yes", check=True)
    (wheels / "web").mkdir()
    for wheel in wheels.glob("web-*.whl"):
        wheel.rename(wheels / "web" / wheel.name)
    run_envbuild("sync", "--offline", env=at, check=True)


@pytest.mark.root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="NOT TESTED: there is no unshare")
def test_no_loopback_is_needed(run_envbuild: CommandLine, wheels: Path, store: Path) -> None:
    """In a network namespace of its own even `lo` is down."""
    alone = ("unshare", "--net")
    if subprocess.run((*alone, "true"), capture_output=True, check=False).returncode != 0:
        pytest.skip("NOT TESTED: no network namespace can be made here")
    at = {"ENVBUILD_INDEX_DEFAULT_URL": str(wheels)}
    result = run_envbuild.wrapped(alone, "sync", env=at)
    assert result.code == 0, str(result)
    assert (store / "current/web/bin/web").exists()
