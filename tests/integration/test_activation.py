"""Whoever starts a driver, by whatever path and launcher, gets the same process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

_DRIVER = """\
import json, multiprocessing, os, shutil, subprocess, sys

def said():
    return {
        "path": os.environ["PATH"], "prefix": os.path.realpath(sys.prefix), "argv": sys.argv[1:],
        "level": os.environ.get("WEB_LEVEL"), "empty": os.environ.get("WEB_EMPTY"),
        "helper": shutil.which("web-helper"), "here": os.getcwd(), "module": __file__,
    }

def started(*argv):
    return json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)

def spawned():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(said)

def main():
    found = said()
    if sys.argv[1:2] == ["--children"]:
        found["children"] = {
            "python": started(sys.executable, "-m", "web"),
            "command": started("web"),
            "shell": started("/bin/sh", "-c", "exec web"),
            "spawned": spawned(),
        }
    print(json.dumps(found))
"""

_SYSTEMD = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "INVOCATION_ID": "0123456789abcdef0123456789abcdef",
    "JOURNAL_STREAM": "8:1",
    "SYSTEMD_EXEC_PID": "1",
}
"""What systemd gives a system service that asks for nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """A driver in a store, and the ways that lead to it."""

    run: CommandLine
    store: Path
    environment: str

    def start(
        self, *argv: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Any:
        """What it says of itself, started with exactly these variables: by default none."""
        done = subprocess.run(argv, env=env or {}, cwd=cwd or "/", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return json.loads(done.stdout)

    def check(self, said: Any, *, path: str = os.defpath, level: str = "WARNING") -> None:
        """It is the environment's own process: prefix, PATH, declared variables."""
        assert said["prefix"] == self.environment
        assert said["path"] == f"{self.environment}/bin:{path}"
        assert said["helper"] == f"{self.environment}/bin/web-helper"
        assert (said["level"], said["empty"]) == (level, "")
        assert said["module"].startswith(self.environment)


@pytest.fixture
def driver(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> Driver:
    """A driver that has a helper of its own and declares two variables."""
    index.add(
        Wheel(
            name="web",
            files={
                "web/__init__.py": "",
                "web/cli.py": _DRIVER,
                "web/__main__.py": "from web.cli import main\nmain()\n",
            },
            commands={"web": "web.cli:main", "web-helper": "web.cli:main"},
        )
    )
    text = declare_drivers({"web": ["web"]}, python=python_version)
    run_envbuild.declare(f'{text}env = {{ WEB_LEVEL = "WARNING", WEB_EMPTY = "" }}\n')
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    environment = run_envbuild("which", "web", "--env", check=True).stdout.strip()
    return Driver(run=run_envbuild, store=store, environment=environment)


def test_every_path_leads_to_the_same_process(driver: Driver, scratch: Path) -> None:
    """Exact, through `current`, by its shim, by a link of somebody's own, and relative to anywhere."""
    link = scratch / "web"
    link.symlink_to(f"{driver.environment}/bin/web")
    for argv in (
        f"{driver.environment}/bin/web",
        f"{driver.store}/current/web/bin/web",
        f"{driver.store}/current/bin/web",
        str(link),
    ):
        said = driver.start(argv, "--port", "80")
        driver.check(said)
        assert said["argv"] == ["--port", "80"]
        assert said["here"] == "/"
    for folder, argv in (
        (driver.store / "current/web/bin", "./web"),
        (driver.store / "current", "bin/web"),
        (driver.store, "current/web/bin/web"),
        (scratch, "./web"),
    ):
        driver.check(driver.start(argv, cwd=folder))


def test_python_whatever_its_flags(driver: Driver) -> None:
    """`python -m` is the driver's process too: isolated mode and its parts leave the activation in."""
    for flags in ((), ("-I",), ("-E",), ("-s",), ("-E", "-s"), ("-P",), ("-B",), ("-O",)):
        for path in (driver.environment, f"{driver.store}/current/web"):
            driver.check(driver.start(f"{path}/bin/python", *flags, "-m", "web"))


def test_a_switch_does_not_reach_a_running_process(driver: Driver, store: Path) -> None:
    """Started through `current`, what it imports later still comes from the environment that it began in."""
    link = store / "current"
    code = f"""\
import os, sys
os.unlink({str(link)!r})
os.symlink("nowhere", {str(link)!r})
import web.cli
web.cli.main()
"""
    said = driver.start(link / "web/bin/python", "-c", code)
    driver.check(said)


def test_a_copy_elsewhere_is_left_alone(driver: Driver, scratch: Path) -> None:
    """An environment that was copied away imports its own files, and starts no command of where it came from."""
    copy = scratch / "copy"
    shutil.copytree(driver.environment, copy, symlinks=True)
    said = driver.start(copy / "bin/python", "-m", "web", env={"PATH": "/a"})
    assert (said["path"], said["level"]) == ("/a", None)
    assert said["prefix"] == str(copy)
    assert said["module"].startswith(f"{copy}/")


def test_a_units_environment(driver: Driver) -> None:
    """Under systemd's bare variables its PATH follows the environment's own folder."""
    said = driver.start(f"{driver.store}/current/bin/web", env=_SYSTEMD)
    driver.check(said, path=_SYSTEMD["PATH"])


def test_what_is_set_already_stays(driver: Driver) -> None:
    """A unit's `Environment=` wins over the declaration, also where it is empty."""
    for level in ("DEBUG", ""):
        said = driver.start(f"{driver.environment}/bin/web", env={"WEB_LEVEL": level})
        driver.check(said, level=level)


def test_path_is_first_wherever_it_was(driver: Driver) -> None:
    """Another environment before this one on PATH does not lend its commands."""
    other = f"/nowhere:{driver.environment}/bin:/usr/bin"
    said = driver.start(f"{driver.environment}/bin/web", env={"PATH": other})
    driver.check(said, path=other)


def test_children_are_the_same(driver: Driver) -> None:
    """By `sys.executable`, by a bare command's name, through a shell, spawned as workers."""
    said = driver.start(f"{driver.store}/current/bin/web", "--children")
    driver.check(said)
    assert set(said["children"]) == {"python", "command", "shell", "spawned"}
    for child in said["children"].values():
        driver.check(child)


def test_envbuild_run(driver: Driver) -> None:
    """`envbuild run` becomes the very same process, with the caller's variables."""
    result = driver.run("run", "web", "--", "--port", "80", env={"PATH": "/usr/bin"}, check=True)
    said = json.loads(result.stdout)
    driver.check(said, path="/usr/bin")
    assert said["argv"] == ["--port", "80"]


def test_the_callers_python_settings_do_not_break_it(driver: Driver, scratch: Path) -> None:
    """A user's site-packages or an active venv do not shadow the activation."""
    (scratch / "_envbuild_activation.py").write_text("raise SystemExit('shadowed')\n")
    env = {"VIRTUAL_ENV": "/nowhere", "PYTHONNOUSERSITE": "", "HOME": str(scratch)}
    driver.check(driver.start(f"{driver.environment}/bin/web", env=env, cwd=scratch))
    driver.check(driver.start(f"{driver.environment}/bin/python", "-m", "web", env=env))
