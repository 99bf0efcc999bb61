"""`envbuild.api`, as a launcher uses it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild import api
from tests.support.command_line import ROOT, declare_drivers
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """One driver that is synced, and one that is declared and not locked."""
    index.add(command_wheel("serve", "1.2"), command_wheel("other", "2.0"))
    declared = declare_drivers({"web": ["serve"]}, python=python_version)
    run_envbuild.declare(declared + 'binary = "serve"\nenv = { COLOUR = "red" }\n')
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    return run_envbuild


def test_the_manifest(fleet: CommandLine, store: Path) -> None:
    """Every field is what the command line says, and what starts the driver."""
    manifest = api.load_manifest(store)
    (driver,) = manifest.drivers.values()
    assert (manifest.generation, driver.name, driver.version) == (1, "web", "1.2")
    assert str(driver.binary) == fleet("which", "web").stdout.strip()
    assert str(driver.stable_binary) == fleet("which", "web", "--stable").stdout.strip()
    assert api.which(store, "web") == driver.binary
    assert api.which(str(store), "web", stable=True) == driver.stable_binary
    said = subprocess.run((driver.shims["serve"], "--version"), capture_output=True, text=True)
    assert said.stdout == "serve 1.2\n"
    assert driver.python.is_relative_to(driver.environment)
    assert (driver.variant, dict(driver.env)) == (None, {"COLOUR": "red"})
    assert dict(driver.packages) == {"serve": "1.2"}
    with pytest.raises(TypeError):
        driver.env["COLOUR"] = "blue"  # type: ignore[index]


def test_locks_and_plans(fleet: CommandLine, store: Path) -> None:
    """Fresh and nothing to do; then a driver that is new, and one that is gone."""
    declaration = fleet.cwd / "drivers.toml"
    (status,) = api.lock_status(declaration)
    assert (status.driver, status.version, status.is_fresh) == ("web", "1.2", True)
    todo = api.plan(declaration, store)
    assert (todo.builds, todo.keeps, todo.switches) == ((), ("web",), False)

    declaration.write_text(declaration.read_text().replace("drivers.web", "drivers.new"))
    (status,) = api.lock_status(declaration)
    assert (status.driver, status.version) == ("new", None)
    assert status.reasons == ("there is no lockfile",)
    with pytest.raises(api.EnvbuildError) as caught:
        api.plan(declaration, store)
    assert caught.value.exit_code == 1
    assert caught.value.problems[0].file == f"{fleet.cwd}/locks/new.toml"

    fleet("lock", check=True)
    todo = api.plan(declaration, store)
    (build,) = todo.builds
    assert (build.driver, build.version, todo.drops, todo.switches) == (
        "new",
        "1.2",
        ("web",),
        True,
    )
    assert build.environment.parent == store / "envs"
    assert build.download > 0
    assert not build.environment.exists()
    assert api.load_manifest(store).generation == 1


def test_nothing_was_synced(scratch: Path) -> None:
    """A store that is not there is an answer, not a traceback, and is not made."""
    with pytest.raises(api.EnvbuildError) as caught:
        api.load_manifest(scratch / "none")
    assert caught.value.exit_code == 1
    assert not (scratch / "none").exists()


def test_a_driver_that_is_not_there(fleet: CommandLine, store: Path) -> None:
    """The names that are there are said."""
    with pytest.raises(api.EnvbuildError, match="no driver 'wep'") as caught:
        api.which(store, "wep")
    assert caught.value.problems[0].hint == "it has web"


def test_the_page_runs(fleet: CommandLine, store: Path) -> None:
    """The example of docs/api.md, with this store and its driver."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)
    code = code.replace("/opt/envbuild", str(store)).replace('"gateway"', '"web"')
    done = subprocess.run(
        (sys.executable, "-c", code),
        cwd=fleet.cwd,
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].startswith("web 1.2 ")
    assert done.stdout.splitlines()[-1] == "[] () {} False"
