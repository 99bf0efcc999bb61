"""`envbuild show`, and a fleet that shares what it declares."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.support.pythons import MINOR
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

FILE = f"""\
version = 1
[defaults]
python = "{MINOR}"
[sets.hub]
requires = ["hub<2"]
[drivers.app]
requires = ["app", {{ include = "hub" }}]
env = {{ A = "1" }}
[drivers.old]
extends = "app"
requires = ["hub==1.0"]
[hosts.here]
hostname = "{os.uname().nodename}"
[hosts.here.drivers.app]
env = {{ B = "2" }}
[hosts.elsewhere]
hostname = "no-such-host"
[hosts.elsewhere.drivers.app]
enabled = false
"""


def test_show_names_every_line(run_envbuild: CommandLine) -> None:
    """Each effective line stands there with the file, line and table that it comes from."""
    run_envbuild.declare(FILE)
    result = run_envbuild("show", "app", "old", check=True)
    text = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "host tables that apply here: here" in text
    assert "old, which extends app" in text
    for line in (
        'requires[1] = "hub<2" # drivers.toml:5 [sets.hub]',
        'requires[1] = "hub==1.0" # drivers.toml:11 [drivers.old]',
        f'python = ["{MINOR}"] # drivers.toml:3 [defaults]',
        'binary = "app" # built in',
        'env.A = "1" # drivers.toml:8 [drivers.app]',
        'env.B = "2" # drivers.toml:14 [hosts.here.drivers.app]',
    ):
        assert line in text, result.stdout


def test_show_as_json(run_envbuild: CommandLine) -> None:
    """The same as one object, absent lines as null."""
    run_envbuild.declare(FILE)
    table = run_envbuild("show", "old", "--format", "json", check=True).json
    assert (table["version"], table["hosts"]) == (1, ["here"])
    keys = {item["key"]: item for item in table["drivers"]["old"]["keys"]}
    assert table["drivers"]["old"]["extends"] == "app"
    assert keys["binary"] == {"key": "binary", "value": "app", "line": None, "table": None}
    assert keys["requires[1]"]["line"] == 11


def test_show_of_an_unknown_driver(run_envbuild: CommandLine) -> None:
    """An unknown driver is a mistake of the command line."""
    run_envbuild.declare(FILE)
    result = run_envbuild("show", "ap")
    assert (result.code, "did you mean 'app'?" in result.stderr) == (2, True)


def test_shared_declaration_is_built(run_envbuild: CommandLine, index: IndexServer) -> None:
    """Sets, extends and host tables reach the environments: versions and baked-in variables."""
    index.add(command_wheel("app", "1.0"))
    for version in ("1.0", "1.5", "2.0"):
        index.add(Wheel(name="hub", version=version))
    run_envbuild.declare(FILE)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    drivers = run_envbuild("list", "--format", "json").json["drivers"]
    assert drivers["app"]["env"] == {"A": "1", "B": "2"}
    assert drivers["old"]["env"] == {"A": "1"}
    assert drivers["old"]["commands"] == ["app"]
    for name, version in (("app", "1.5"), ("old", "1.0")):
        code = "import hub; print(hub.__version__)"
        python = f"{drivers[name]['environment']}/bin/python"
        done = subprocess.run((python, "-c", code), capture_output=True, text=True)
        assert done.stdout.strip() == version
