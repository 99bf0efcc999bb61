"""What is locked for real applications is what uv and pip would take, fits together, and starts.

`nox -s differential` runs this; it asks the host's index and takes minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.uv.executable import base_arguments, uv_executable
from tests.realworld.applications import APPLICATIONS, Application
from tests.support.command_line import CommandLine, child_environment
from tests.support.folders import remove_tree
from tests.support.pythons import MINOR

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.index, pytest.mark.slow]

PLATFORM = "manylinux_2_28"
EXPLAINED: dict[str, dict[str, str]] = {}
"""By requirement: packages that uv takes at another version, each with the reason."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A folder with a store and caches for all applications, so that each wheel comes once."""
    folder = Path(tempfile.mkdtemp(prefix="eb-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)


@pytest.fixture
def envbuild(project: Path, shared: Path) -> CommandLine:
    """The real command line."""
    env = child_environment(ENVBUILD_STORE=str(shared / "s"), XDG_CACHE_HOME=str(shared / "c"))
    env.pop("ENVBUILD_INDEX_DEFAULT_URL", None)
    return CommandLine(cwd=project, env=env, timeout=900)


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.requirement)
def test_application(
    application: Application, envbuild: CommandLine, project: Path, shared: Path
) -> None:
    """The locked set is uv's, pip calls it consistent, its METADATA is satisfied, and its command starts."""
    (project / "drivers.toml").write_text(_declaration(application, sys.version_info.minor))
    envbuild("lock", check=True)
    locked = _locked(project)
    uvs = _compiled(application, shared)
    differences = {
        name: (locked.get(name), uvs.get(name))
        for name in locked.keys() | uvs.keys()
        if locked.get(name) != uvs.get(name)
    }
    assert differences.keys() <= EXPLAINED.get(application.requirement, {}).keys(), differences
    _pip_agrees(locked, shared)
    envbuild("sync", check=True)
    environment = envbuild("which", "--env", "app", check=True).stdout.strip()
    _run(uv_executable(), "pip", "check", "--no-config", "--python", f"{environment}/bin/python")
    _run(f"{environment}/bin/{application.command}", *application.arguments, env={})


def _declaration(application: Application, minor: int) -> str:
    return (
        f'version = 1\n[drivers.app]\nrequires = ["{application.requirement}"]\n'
        f'python = "3.{minor}"\nplatforms = ["x86_64-{PLATFORM}"]\nbinary = "{application.command}"\n'
    )


def _locked(project: Path) -> dict[str, str]:
    table = tomllib.loads((project / "locks/app.toml").read_text())
    return {package["name"]: package["version"] for package in table["package"]}


def _compiled(application: Application, folder: Path) -> dict[str, str]:
    """What uv itself resolves for the same target: version by package."""
    requirements = folder / "requirements.in"
    requirements.write_text(f"{application.requirement}\n")
    text = _run(
        *(uv_executable(), "pip", "compile", *base_arguments(), "--quiet", "--no-header"),
        *("--no-annotate", "--only-binary", ":all:", "--python-version", MINOR),
        *(
            "--python-platform",
            f"x86_64-{PLATFORM}",
            "--cache-dir",
            f"{folder}/uv",
            str(requirements),
        ),
    )
    return dict(line.split("==") for line in text.split())


def _pip_agrees(locked: dict[str, str], folder: Path) -> None:
    """pip resolves the pins without changing any, and nothing is missing."""
    pins = folder / "pins.txt"
    pins.write_text("".join(f"{name}=={version}\n" for name, version in sorted(locked.items())))
    _run(
        *(sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install"),
        *("--cache-dir", f"{folder}/pip", "--dry-run", "--ignore-installed", "--quiet"),
        *("--only-binary", ":all:"),
        *("--report", str(folder / "report.json"), "-r", str(pins)),
    )


def _run(*argv: str, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        argv,
        env=os.environ if env is None else env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, (argv, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout
