"""`envbuild bisect` with real environments: which package broke a driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.repository import git
from tests.support.vendor_host import host, lab
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer
    from tests.support.vendor_host import Lab

__all__ = ["host", "lab"]

MAIN = """\
import fast, hub

def main():
    if (hub.VERSION, fast.VERSION) == {bad}:
        raise SystemExit("ImportError: cannot import name 'login' from 'hub'")
"""


def module(name: str, version: str, *requires: str, text: str = "") -> Wheel:
    """A package of one module that knows its version."""
    files = {f"{name}.py": f"VERSION = {version!r}\n{text}"}
    commands = {"app": "app:main"} if name == "app" else {}
    return Wheel(name=name, version=version, requires=requires, files=files, commands=commands)


def upgraded(
    envbuild: CommandLine, index: IndexServer, python: str, bad: str, *lines: str
) -> CommandLine:
    """A driver that was synced and committed; then all of its packages but `app` moved, and were synced."""
    names = ("hub", "fast", "one", "two", "three")
    text = MAIN.format(bad=bad)
    index.add(module("app", "1.0", *names, text=text))
    index.add(*(module(name, "1.0") for name in names))
    declared = declare_drivers({"app": ["app"]}, python=python)
    envbuild.declare("\n".join((declared, *lines)) + "\n")
    envbuild("lock", check=True)
    envbuild("sync", check=True)
    git(envbuild.cwd, "init", "-q")
    git(envbuild.cwd, "add", "drivers.toml", "locks")
    git(envbuild.cwd, "commit", "-qm", "good")
    index.add(*(module(name, "2.0") for name in names))
    envbuild("lock", "--upgrade", check=True)
    return envbuild


def environments(envbuild: CommandLine) -> list[str]:
    """What is in the store."""
    binary = Path(envbuild("which", "app", check=True).stdout.strip())
    return sorted(path.name for path in binary.parents[2].iterdir())


def test_one_package_broke_it(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """The culprit, its chain and what holds it back; the store is as it was."""
    envbuild = upgraded(
        run_envbuild, index, python_version, "('2.0', fast.VERSION)", 'probe = [["app"]]'
    )
    before = environments(envbuild)
    found = envbuild("bisect", "app", "--format", "json", check=True)
    (culprit,) = found.json["culprits"]
    assert (culprit["package"], culprit["before"], culprit["after"]) == ("hub", "1.0", "2.0")
    assert (culprit["requirement"], culprit["brings"]) == ("hub<2.0", [])
    assert [edge["package"] for edge in culprit["chain"]] == ["app", "hub"]
    assert (found.json["good"], found.json["moved"]) == ("generation 1", 5)
    assert 2 < found.json["tried"] <= 8
    assert environments(envbuild) == before
    assert "app: hub 1.0 → 2.0 breaks it" in envbuild("bisect", "app", check=True).stdout
    written = envbuild("bisect", "app", "--good", "HEAD", "--constrain", check=True)
    assert "written: hub<2.0" in written.stdout
    envbuild("lock", check=True)
    envbuild("sync", check=True)  # its probe decides
    assert environments(envbuild) != before


def test_two_packages_only_break_together(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Neither alone is bad; both are named. A command judges, which finds what it needs on `PATH`."""
    envbuild = upgraded(run_envbuild, index, python_version, "('2.0', '2.0')")
    run = ("--good", "1", "--format", "json", "--", "app")
    found = envbuild("bisect", "app", *run, check=True).json
    assert [one["package"] for one in found["culprits"]] == ["fast", "hub"]
    assert len(found["culprits"]) == 2


def test_between_two_generations(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Both sides can be generations; what they were built from is read in the store."""
    envbuild = upgraded(run_envbuild, index, python_version, "('2.0', fast.VERSION)")
    envbuild("sync", check=True)
    words = ("--good", "1", "--bad", "2", "--format", "json", "--", "app")
    found = envbuild("bisect", "app", *words, check=True).json
    assert [one["package"] for one in found["culprits"]] == ["hub"]
    assert found["bad"] == "generation 2"
    assert len(environments(envbuild)) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("app",), 2, "app has no probe that says whether it is good"),
        (("nope",), 2, "there is no driver 'nope'"),
        (("app", "--good", "99", "--", "app"), 2, "99"),
        (("app", "--good", "no-such", "--", "app"), 2, "no-such"),
        (("app", "--", "no-such-command"), 2, "there is no command 'no-such-command'"),
        (("app", "--", "true"), 1, "the bad side does not fail"),
        (("app", "--", "false"), 1, "the good side fails too"),
        (("app", "--timeout", "x", "--", "app"), 2, "--timeout"),
        (("app", "--", "sh", "-c", "exit 128"), 1, "sh ended with exit code 128"),
        pytest.param(
            *(("app", "--", "sh", "-c", "kill -SEGV $$"), 1, "sh ended with signal 11"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_bad_input(
    run_envbuild: CommandLine,
    index: IndexServer,
    python_version: str,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """One message, and no environment is left behind."""
    envbuild = upgraded(run_envbuild, index, python_version, "('2.0', fast.VERSION)")
    before = environments(envbuild)
    result = envbuild("bisect", *words)
    assert (result.code, said in result.stderr) == (code, True), result
    assert environments(envbuild) == before


@pytest.mark.slow
def test_a_probe_that_crashes_is_bad(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A driver that a signal ends does not work; only a COMMAND can say that it cannot tell."""
    crash = "import os, signal, hub\nif hub.VERSION == '2.0': os.kill(os.getpid(), signal.SIGSEGV)"
    probe = f'probe = [["python", "-c", {json.dumps(crash)}]]'
    envbuild = upgraded(run_envbuild, index, python_version, "('3.0', fast.VERSION)", probe)
    found = envbuild("bisect", "app", "--format", "json", check=True).json
    assert [one["package"] for one in found["culprits"]] == ["hub"]


@pytest.mark.slow
def test_what_the_host_has_is_in_every_trial(lab: Lab, index: IndexServer) -> None:
    """Packages that the driver inherits, and what these require, are neither moves nor missing."""
    lab.declare('probe = [["python", "-c", "import torch, sympy, app.cli; assert torch.VENDOR"]]')
    lab.run("lock", check=True)
    lab.run("sync", check=True)
    bad = Wheel(name="sympy", version="1.13.9", files={"sympy.py": "raise ImportError('broken')\n"})
    index.add(bad, command_wheel("app", "1.5", requires=("torch>=2.4", "numpy")))
    lab.run("lock", "--upgrade", check=True)
    found = lab.run("bisect", "app", "--format", "json", check=True).json
    assert found["moved"] == 2
    assert [one["package"] for one in found["culprits"]] == ["sympy"]
