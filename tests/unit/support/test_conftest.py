"""No test sees the home, the settings or the default index of whoever runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import NOWHERE, ROOT, Result, child_environment, declare_drivers
from tests.support.folders import remove_tree
from tests.support.pypiserver_process import run_pypiserver
from tests.support.pythons import find_pythons
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def test_home_is_empty_and_elsewhere(isolation: Path, scratch: Path) -> None:
    """Configuration of the user who runs the tests is out of reach."""
    assert Path.home() == isolation
    assert isolation.parent == scratch
    assert not list(isolation.iterdir())


def test_settings_are_gone() -> None:
    """What steers uv, pip, Python and envbuild is not inherited."""
    kept = {"PIP_CONFIG_FILE", "PYTHONDONTWRITEBYTECODE", "ENVBUILD_INDEX_DEFAULT_URL"}
    foreign = ("UV_", "PIP_", "ENVBUILD_", "PYTHON", "PYENV_")
    assert {name for name in os.environ if name.startswith(foreign)} == kept
    assert os.environ["ENVBUILD_INDEX_DEFAULT_URL"] == NOWHERE


def test_bytecode_can_be_written_where_it_matters(bytecode: None) -> None:
    """A test of bytecode runs Pythons as users do."""
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ


def test_store_path_is_short(store: Path, project: Path) -> None:
    """The longest interpreter line of an environment stays below the kernel's 127 bytes."""
    longest = store / "envs" / f"{'d' * 40}-{'1' * 20}-{'f' * 12}" / "bin" / "python3.12"
    assert len(f"#!{longest}") < 127
    assert not store.exists()
    assert project.is_dir()


def test_pythons_start_under_isolation(pythons: dict[str, Path]) -> None:
    """Each interpreter that was found runs without the home it was found in."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert own in pythons
    for minor, path in pythons.items():
        argv = (path, "-c", "import sys; print(sys.version)")
        done = subprocess.run(argv, capture_output=True, text=True)
        assert done.stdout.startswith(minor), done


def test_path_leads_to_the_running_python() -> None:
    """What searches PATH finds a Python that starts, and no shim."""
    own = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = shutil.which(own)
    assert found is not None
    assert "shims" not in found


def test_shims_are_no_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: Path
) -> None:
    """An executable that exits 127, as pyenv's shims do, is not taken for an interpreter."""
    for minor in ("3.11", "3.12", "3.13"):
        shim = tmp_path / f"python{minor}"
        shim.write_text("#!/bin/sh\nexit 127\n")
        shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not [path for path in find_pythons().values() if path.parent == tmp_path]


def test_tree_is_removed_whatever_its_modes(tmp_path: Path) -> None:
    """A test may leave a read-only environment behind."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "f").touch(0o400)
    folder.chmod(0o500)
    (tmp_path / "a").chmod(0)
    remove_tree(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_command_line_runs_the_package_under_test(run_envbuild: CommandLine) -> None:
    """The process finds envbuild from any folder, and is told of the index."""
    code = "import envbuild, os; print(envbuild.__file__, os.environ['ENVBUILD_STORE'])"
    env = run_envbuild.environment({"NO_COLOR": None, "MORE": "1"})
    argv = (sys.executable, "-c", code)
    said = subprocess.run(argv, cwd="/", env=env, capture_output=True, text=True, check=True)
    assert Path(said.stdout.split()[0]) == ROOT / "envbuild/__init__.py"
    assert env["MORE"] == "1"
    assert "NO_COLOR" not in env
    assert env["ENVBUILD_INDEX_DEFAULT_URL"].startswith("http://127.0.0.1:")
    assert child_environment(A="b")["A"] == "b"


def test_declaration_of_drivers(run_envbuild: CommandLine) -> None:
    """A test writes `drivers.toml` in one line."""
    text = declare_drivers({"top": ["top>=1", 'x; python_version>"3"']}, python="3.12")
    assert run_envbuild.declare(text).read_text() == text
    assert 'python = "3.12"' in text
    assert r'requires = ["top>=1", "x; python_version>\"3\""]' in text


def test_result_shows_everything() -> None:
    """A failed assertion on a result says what the command said."""
    result = Result(code=3, stdout='{"version": 1}', stderr="no")
    assert result.json == {"version": 1}
    assert all(part in str(result) for part in ("exit 3", "version", "no"))


def test_pypiserver_serves_and_stops(tmp_path: Path, index: IndexServer) -> None:
    """An index of another make stands on loopback for the length of a block."""
    wheel = Wheel(name="thing")
    wheel.write(tmp_path)
    with run_pypiserver(tmp_path) as url:
        with urllib.request.urlopen(f"{url}/thing/", timeout=10) as page:
            assert wheel.filename in page.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            urllib.request.urlopen(f"{url}/none/", timeout=10)
        caught.value.close()
    with pytest.raises(OSError):  # noqa: PT011  (refused, or reset while the process ends)
        urllib.request.urlopen(f"{url}/", timeout=10)


@pytest.mark.index
def test_default_index_is_there() -> None:
    """Tests marked `index` see the host's default index, or are skipped with a reason."""
    assert "ENVBUILD_INDEX_DEFAULT_URL" not in os.environ
