"""Whether packages provide a driver's commands: known at lock, to check, and asked for once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def declare(run_envbuild: CommandLine, python: str, keys: str = "", *requires: str) -> None:
    """A driver `svc` with these keys."""
    text = declare_drivers({"svc": requires or ("engine",)}, python=python)
    run_envbuild.declare(text + keys)


def test_the_only_command_of_the_first_requirement_is_the_binary(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """Lock, show, sync, which and run agree on it, and nobody had to declare it."""
    index.add(command_wheel("engine", command="serve", requires=("lib",)), Wheel(name="lib"))
    declare(run_envbuild, python_version)
    run_envbuild("lock", check=True)
    assert run_envbuild("check", env={"ENVBUILD_INDEX_DEFAULT_URL": None}).code == 0
    shown = run_envbuild("show", "svc", check=True).stdout
    assert 'binary = "serve"' in shown
    assert 'commands = ["serve"]' in shown
    run_envbuild("sync", check=True)
    assert run_envbuild("which", "svc", check=True).stdout.endswith("/bin/serve\n")
    manifest = json.loads((store / "current/manifest.json").read_text())
    assert manifest["drivers"]["svc"]["commands"] == ["serve"]
    assert run_envbuild("run", "svc", "--", "--version", check=True).stdout == "engine 1.0\n"


def test_a_command_that_nobody_provides_is_found_before_anything_is_built(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """Exit 2 by `lock`, and by `check` and `sync` where the lockfile knows it, with the commands that there are."""
    index.add(Wheel(name="engine", commands={"one": "engine:main", "two": "engine:main"}))
    declare(run_envbuild, python_version)
    none = run_envbuild("lock")
    assert none.code == 2, none
    assert "drivers.svc.binary: no locked package of svc provides the command 'svc'" in none.stderr
    assert "engine has 2 commands" in none.stderr
    assert "there are: one, two" in none.stderr
    assert not (project / "locks").exists()
    declare(run_envbuild, python_version, 'binary = "two"\n')
    run_envbuild("lock", check=True)
    declare(run_envbuild, python_version, 'binary = "tow"\n')
    for command in ("lock", "sync", "check"):
        result = run_envbuild(command)
        assert result.code == 2, result
        assert "provides the command 'tow'" in result.stderr
        assert "there are: one, two" in result.stderr


def test_commands_that_are_known_are_not_asked_for_again(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """A wheel that the lockfile has the commands of is not opened; the bytes are those of a first lock."""
    index.add(command_wheel("engine", command="serve"), Wheel(name="lib"), Wheel(name="more"))
    keys = 'binary = "serve"\n'
    declare(run_envbuild, python_version, keys, "engine", "lib")
    run_envbuild("lock", check=True)
    text = (project / "locks/svc.toml").read_text()
    assert text.count("\ncommands = ") == 1
    before = len(index.asked(r"engine.*\.whl$"))
    declare(run_envbuild, python_version, keys, "engine", "lib", "more")
    run_envbuild("lock", check=True)
    assert len(index.asked(r"engine.*\.whl$")) == before
    again = (project / "locks/svc.toml").read_bytes()
    (project / "locks/svc.toml").unlink()
    run_envbuild("lock", check=True)
    assert (project / "locks/svc.toml").read_bytes() == again
