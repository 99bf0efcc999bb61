"""Settings outside the declaration change nothing: not uv's, not pip's, not Python's, not a project's."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.faults import fleet
from tests.support.command_line import declare_drivers
from tests.support.folders import remove_tree
from tests.support.index_server import IndexServer
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.command_line import CommandLine

INDEX_FAILED = 4

_UV_TOML = """\
index-url = "{url}"
verify-hashes = false
no-verify-hashes = true
offline = true
link-mode = "copy"
compile-bytecode = true
prerelease = "allow"
resolution = "lowest"
exclude-newer = "2001-01-01"
python-preference = "only-managed"
"""

_PYPROJECT = """\
[project]
name = "bystander"
version = "1"
requires-python = ">=3.99"
dependencies = ["no-such-thing"]

[tool.uv]
index-url = "{url}"
override-dependencies = ["base==0.1"]
constraint-dependencies = ["web<1"]
resolution = "lowest"

[tool.uv.pip]
verify-hashes = false
"""

_SITECUSTOMIZE = """\
import sys
with open({log!r}, "a") as log:
    print(*sys.orig_argv, file=log)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hostile:
    """Settings of every kind that would change the outcome."""

    env: Mapping[str, str]
    log: Path
    """A line for each Python that was started with these settings."""

    elsewhere: IndexServer
    """An index that nobody declared."""


@pytest.fixture
def elsewhere() -> Iterator[IndexServer]:
    """An index with newer releases."""
    with IndexServer((command_wheel("web", "9.9"), Wheel(name="base", version="9.9"))) as server:
        yield server


@pytest.fixture
def declared(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver with one requirement, of which the index has two releases."""
    index.add(command_wheel("web", requires=("base",)))
    index.add(Wheel(name="base", version="0.1"), Wheel(name="base", version="1.0"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    return run_envbuild


@pytest.fixture
def hostile(
    declared: CommandLine, elsewhere: IndexServer, isolation: Path, scratch: Path
) -> Hostile:
    """Files in the working folder, the user's and the system's configuration, and variables."""
    project, log, url = declared.cwd, scratch / "started", elsewhere.url
    user, system, path = isolation / ".config", scratch / "etc", scratch / "path"
    _write(path / "sitecustomize.py", _SITECUSTOMIZE.format(log=str(log)))
    for folder in (user / "uv", system / "uv", project):
        _write(folder / "uv.toml", _UV_TOML.format(url=url))
    for folder in (project, project.parent):
        _write(folder / "pyproject.toml", _PYPROJECT.format(url=url))
        _write(folder / ".python-version", "3.8\n")
    for folder in (user / "pip", system / "pip", isolation / ".pip"):
        _write(folder / "pip.conf", f"[global]\nindex-url = {url}\nno-index = true\n")
    _write(isolation / ".pydistutils.cfg", "[install]\nprefix = /nowhere\n")
    venv = scratch / "venv"
    _write(venv / "pyvenv.cfg", "home = /nowhere\n")
    _write(venv / "bin/python", "#!/bin/false\n")
    uv = {
        "NO_VERIFY_HASHES": "1",
        "INDEX_URL": url,
        "DEFAULT_INDEX": url,
        "INDEX": url,
        "EXTRA_INDEX_URL": url,
        "FIND_LINKS": url,
        "PYTHON": "3.8",
        "SYSTEM_PYTHON": "1",
        "PROJECT_ENVIRONMENT": str(venv),
        "CONFIG_FILE": str(project / "uv.toml"),
        "CACHE_DIR": str(scratch / "cache"),
        "NO_CACHE": "1",
        "OFFLINE": "1",
        "LINK_MODE": "symlink",
        "COMPILE_BYTECODE": "1",
        "RESOLUTION": "lowest",
        "PRERELEASE": "allow",
        "EXCLUDE_NEWER": "2001-01-01",
        "CONSTRAINT": str(project / "uv.toml"),
        "OVERRIDE": str(project / "uv.toml"),
        "BUILD_CONSTRAINT": str(project / "uv.toml"),
        "NO_BINARY": "1",
        "TORCH_BACKEND": "cpu",
        "VENV_SEED": "1",
        "VENV_CLEAR": "1",
        "VENV_RELOCATABLE": "1",
    }
    pip = {"INDEX_URL": url, "NO_INDEX": "1", "TARGET": "/nowhere", "REQUIRE_HASHES": "0"}
    pip |= {"CONFIG_FILE": str(system / "pip/pip.conf"), "USER": "1", "PRE": "1"}
    python = {
        "PATH": os.pathsep.join((str(path), declared.env.get("PYTHONPATH", ""))).rstrip(":"),
        "OPTIMIZE": "2",
        "DONTWRITEBYTECODE": "1",
        "PYCACHEPREFIX": str(scratch / "pyc"),
        "HASHSEED": "7",
        "UTF8": "0",
        "NOUSERSITE": "1",
    }
    other = {
        "XDG_CONFIG_DIRS": str(system),
        "VIRTUAL_ENV": str(venv),
        "CONDA_PREFIX": str(venv),
        "SOURCE_DATE_EPOCH": "1",
        "FORCE_COLOR": "1",
        "CLICOLOR_FORCE": "1",
        "RUST_LOG": "debug",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
    }
    env = {f"UV_{name}": value for name, value in uv.items()}
    env |= {f"PIP_{name}": value for name, value in pip.items()}
    env |= {f"PYTHON{name}": value for name, value in python.items()}
    return Hostile(env=env | other, log=log, elsewhere=elsewhere)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_nothing_changes_what_is_locked_and_built(
    declared: CommandLine, hostile: Hostile, store: Path, project: Path, isolation: Path
) -> None:
    """The same lockfile, manifest and receipts, byte for byte, and no other index is asked."""
    declared("lock", check=True)
    lockfile = (project / "locks/web.toml").read_bytes()
    declared("sync", check=True)
    manifest, receipts = fleet.current_manifest(store), fleet.receipts(store)
    remove_tree(store)
    remove_tree(isolation / ".cache")
    (project / "locks/web.toml").unlink()

    declared("lock", env=hostile.env, check=True)
    assert (project / "locks/web.toml").read_bytes() == lockfile
    result = declared("sync", env=hostile.env, check=True)
    assert fleet.current_manifest(store) == manifest
    assert fleet.receipts(store) == receipts
    assert "\x1b" not in result.stdout + result.stderr
    assert not hostile.elsewhere.asked()
    assert not (project.parent / "cache").exists()


def test_no_python_but_envbuilds_own_sees_the_callers_settings(
    declared: CommandLine, hostile: Hostile
) -> None:
    """A `sitecustomize` on PYTHONPATH runs in the envbuild that the caller starts, and in nothing it starts."""
    for command in ("lock", "sync", "list"):
        declared(command, env=hostile.env, check=True)
    started = hostile.log.read_text().splitlines()
    assert len(started) == 3, started
    assert all(line.startswith(f"{sys.executable} -m envbuild ") for line in started), started


def test_a_changed_wheel_gets_in_nowhere(
    declared: CommandLine, index: IndexServer, hostile: Hostile, store: Path
) -> None:
    """Must-show 8: exit 4, no receipt, no environment, no generation, whatever settings say."""
    declared("lock", check=True)
    changed = Wheel(name="base", version="1.0", files={"base.py": "raise SystemExit('changed')\n"})
    index.replace(changed.filename, changed.to_bytes())
    result = declared("sync", env=hostile.env)
    assert result.code == INDEX_FAILED, result
    assert changed.filename in result.stderr
    assert "Traceback" not in result.stderr
    assert not (store / "current").exists()
    for name in ("receipts", "envs", "generations"):
        assert not list((store / name).iterdir())
    again = declared("sync")
    assert again.code == INDEX_FAILED, "what was fetched under those settings was kept"


def test_a_changed_wheel_that_the_page_vouches_for(
    declared: CommandLine, index: IndexServer, hostile: Hostile, store: Path
) -> None:
    """An index that changes a file and its hash together is not believed: the lockfile is."""
    declared("lock", check=True)
    changed = Wheel(name="base", version="1.0", files={"base.py": "raise SystemExit('changed')\n"})
    index.replace(changed.filename, changed.to_bytes(), tell=True)
    for env in ({}, hostile.env):
        result = declared("sync", env=env)
        assert result.code == INDEX_FAILED, result
        assert changed.filename in result.stderr
        assert not (store / "current").exists()
        assert not list((store / "receipts").iterdir())


def test_settings_do_not_reach_a_driver_that_is_started(
    declared: CommandLine, hostile: Hostile
) -> None:
    """`run` hands the caller's variables to the driver as they are: they are the driver's affair."""
    declared("lock", check=True)
    declared("sync", check=True)
    result = declared("run", "web", env={"UV_INDEX_URL": "x"}, check=True)
    assert result.json["env"]["UV_INDEX_URL"] == "x"
