"""The repository's own fleet, locked and in part built from the real index; `realworld` builds all of it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults import fleet
from tests.support.command_line import ROOT, copy_own_fleet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

pytestmark = pytest.mark.index

DRIVERS = {
    "asr": ("asr", "import faster_whisper, fastapi, multipart"),
    "embeddings": ("uvicorn", "import model2vec, fastapi"),
    "echo": ("envbuild-echo", "import envbuild_echo.app"),
}
"""CPU drivers that start uvicorn, the last one a service in a folder; and what must be importable in them."""


@pytest.fixture
def ours(run_envbuild_online: CommandLine, project: Path) -> CommandLine:
    """The real command line on a copy of the repository's declaration and lockfiles."""
    copy_own_fleet(project)
    return run_envbuild_online


def _lockfiles(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project / "locks").iterdir()}


def test_what_is_committed_is_fresh(ours: CommandLine, project: Path) -> None:
    """Must-show 2: `lock --check` exits 0, no lockfile names an address, `lock` changes nothing."""
    before = _lockfiles(project)
    checked = ours("lock", "--check")
    assert checked.code == 0, checked
    assert not [name for name, content in before.items() if b"://" in content]
    ours("lock", check=True)
    assert _lockfiles(project) == before


def test_locking_from_the_real_index(ours: CommandLine, project: Path) -> None:
    """A driver locked from nothing, others with pins that may move: a second lock leaves them as they are."""
    (project / "locks/embeddings.toml").unlink()
    argv = ("lock", "--upgrade-package", "fastapi", "asr", "embeddings")
    result = ours(*argv, "--format", "json", check=True)
    assert {name: found["fresh"] for name, found in result.json["drivers"].items()} == {
        "asr": False,
        "embeddings": False,
    }
    locked = _lockfiles(project)
    assert not [name for name, content in locked.items() if b"://" in content]
    ours("lock", check=True)
    assert _lockfiles(project) == locked
    assert ours("lock", "--check").code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: environments are built on Linux")
def test_building_and_starting(ours: CommandLine, store: Path) -> None:
    """Must-show 4: each driver's command answers under `env -i`, by its stable path and by its shim."""
    ours("sync", *DRIVERS, check=True)
    manifest = fleet.current_manifest(store)
    assert list(manifest["drivers"]) == list(DRIVERS)
    assert manifest["drivers"]["asr"]["variant"] in ("cuda12", "cpu")
    for name, (command, imports) in DRIVERS.items():
        driver = manifest["drivers"][name]
        assert driver["version"] in driver["environment"]
        for path in (driver["binary"], driver["stable_binary"], _shim(store, driver, command)):
            said = _start(path, "--version")
            shown = "envbuild-echo" if name == "echo" else "uvicorn"
            assert driver["packages"][shown] in said, said
        _start(driver["python"], "-c", imports)
    _run_example_tests(manifest["drivers"]["echo"]["python"])
    fleet.check_valid(store)
    assert not fleet.leftovers(store)
    before = json.loads((store / "current/manifest.json").read_text())
    ours("sync", *DRIVERS, check=True)
    assert json.loads((store / "current/manifest.json").read_text()) == before


def _run_example_tests(python: str) -> None:
    """The tests of `examples/echo`, of the service as it was built."""
    tests = ROOT / "examples/echo/tests"
    argv = (python, "-m", "unittest", "discover", "--start-directory", tests)
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Ran 3 tests" in done.stderr


def _shim(store: Path, driver: dict[str, dict[str, str]], command: str) -> str:
    return f"{store}/current/bin/{driver['shims'][command]}"


def _start(*argv: str) -> str:
    done = subprocess.run(argv, env={}, cwd="/", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
