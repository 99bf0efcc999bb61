"""`run --with` and `try`: a driver with other requirements, beside what is current."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

MAIN = """
import sys
def main():
    from importlib.metadata import version
    print(version("web"), version("core"), sys.argv[1:])
    return 0 if version("core") == "1.0" or "--lax" in sys.argv else 3
"""


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver that is locked and synced; its probe only succeeds with one version of `core`."""
    index.add(
        Wheel(
            name="web",
            version="1.0",
            requires=("core",),
            commands={"web": "web:main"},
            files={"web.py": MAIN},
        ),
        Wheel(name="core", version="1.0"),
        Wheel(name="core", version="1.1"),
        Wheel(name="core", version="2.0"),
        Wheel(name="tool", version="1.0"),
    )
    text = declare_drivers({"app": ["web", "core<1.1"]}, python=python_version)
    run_envbuild.declare(text + '\nprobe = [["web"]]\n')
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    return run_envbuild


def state(fleet: CommandLine) -> dict[str, bytes]:
    """The declaration and every lockfile."""
    return {str(file): file.read_bytes() for file in fleet.cwd.rglob("*.toml")}


def test_run_with_another_requirement(fleet: CommandLine, index: IndexServer) -> None:
    """It replaces the driver's own one on that package; what is current and locked stays; no second lock."""
    before = state(fleet)
    done = fleet("run", "app", "--with", "core==1.1", "--", "--lax", "--with", "x", check=True)
    assert done.stdout == "1.0 1.1 ['--lax', '--with', 'x']\n"
    assert fleet("run", "app", "--", "--with", check=True).stdout == "1.0 1.0 ['--with']\n"
    assert fleet("run", "--with=core>1", "--with", "tool", "app", "--lax").stdout == (
        "1.0 2.0 ['--lax']\n"
    )
    assert state(fleet) == before
    store = Path(fleet.env["ENVBUILD_STORE"])
    assert len(list((store / "envs").iterdir())) == 3
    index.files.clear()
    again = fleet("run", "app", "--with", "core==1.1", "--", "--lax", check=True)
    assert again.stdout.startswith("1.0 1.1")
    fleet("gc", "--cache", "--wait", check=True)
    assert len(list((store / "envs").iterdir())) == 1
    assert not (store / "cache/children").exists()


def test_try(fleet: CommandLine) -> None:
    """By the probes, or by a command with its exit code; a promotion needs that it succeeds."""
    before = state(fleet)
    assert fleet("try", "app").code == 0
    done = fleet("try", "app", "--with", "core==2.0", "--promote")
    assert done.code == 1
    assert "`web` failed: it ended with exit code 3" in done.stdout
    code = "import sys; sys.exit(7)"
    assert fleet("try", "app", "--with", "core==2.0", "--", "python", "-c", code).code == 7
    assert state(fleet) == before
    words = ("--with", "core==1.1", "--promote")
    assert "requires core==1.1 now" in fleet("try", "app", *words, "--", "web", "--lax").stdout
    assert '"core==1.1"' in (fleet.cwd / "drivers.toml").read_text()


def test_what_cannot_be_had(fleet: CommandLine) -> None:
    """A requirement that is none, versions that do not exist, nothing to promote, an unknown driver or command."""
    assert fleet("run", "app", "--with", "no such thing", "--").code == 2
    assert fleet("run", "app", "--with", "core==9", "--").code == 3
    assert fleet("run", "app", "--promote", "--").code == 2
    assert fleet("try", "nobody").code == 2
    assert fleet("try", "app", "--", "no-such-command").code == 2
