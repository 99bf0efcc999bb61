"""The attacker can put modules with any name into the folder that a command is started in.

He does not control the command line or the environment.
Promised is that no interpreter that envbuild, its action, its hook, its scripts or what it exports
starts imports any of them.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import ROOT, CommandLine, declare_drivers
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

PACKAGE = ROOT / "envbuild"
SHELL = (
    *(ROOT / "scripts/action").iterdir(),
    *(ROOT / "scripts" / name for name in ("environment.sh", "first-run", "test")),
    *(ROOT / name for name in ("action.yml", ".pre-commit-hooks.yaml", "docs/ci.md")),
)
"""Everything written for a shell that somebody runs beside a stranger's files."""

STARTS = re.compile(
    r"""(?:python3?|\$\{?(?:name|python|\w*PYTHON)\b[^"\s]*)"?\s+(?P<options>-[^\n]*)"""
)
BY_NAME = re.compile(r"\s*(?:- |entry: |- run: )?(?:pip|envbuild) (?:install|check)\b")
ISOLATED = re.compile(r"-I\b|-E -P\b")
PROBES = "build/prober.py"
"""Runs the commands of an environment: its own code is what is asked for."""


def _functions_that_start(text: str) -> Iterator[tuple[str, str]]:
    """Name and source of each function or method that makes a Command, nested ones in their outer one."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
            names = {ast.unparse(call.func) for call in calls}
            if names & {"Command", "_command", "self._run", "_ask"}:
                yield node.name, ast.unparse(node)


def _values() -> Iterator[tuple[str, str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for name, source in _functions_that_start(path.read_text()):
            yield str(path.relative_to(PACKAGE)), name, source


def test_every_process_value_is_isolated() -> None:
    """No Command starts an interpreter with code that does not isolate it, wherever in the package."""
    started = 0
    for file, name, source in _values():
        code = re.search(
            r"""(?<!'--python', )(sys\.executable|\bplace\.python|argv=\(path), """, source
        )
        if code is None or file == PROBES or "uv_executable()" in source:
            continue
        started += 1
        assert re.search(r"'-I', '-S'", source), f"{file}: {name} starts {code[1]} without -I -S"
    assert started >= 3, "the walk no longer finds those that are known"


def test_no_process_value_works_in_the_callers_folder() -> None:
    """Each Command says where it runs: at the root or in a scratch folder, git alone in the checkout."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Command":
                (cwd,) = (key.value for key in node.keywords if key.arg == "cwd")
                found.add((path.name, ast.unparse(cwd)))
    allowed = {"'/'", "str(folder)", "folder"}  # the latter two are made for the one call
    assert {pair for pair in found if pair[1] not in allowed} <= {
        ("git.py", "self.folder"),  # a checkout is what it is asked about
        ("git_mirror.py", "str(mirror)"),  # a bare mirror of our own, without hooks
        ("sandbox.py", "cwd"),  # the build's own folder
        ("trials.py", "os.getcwd()"),  # the user's command, typed in this folder
        ("prober.py", "str(scratch)"),
        ("prober.py", "str(place)"),
    }, found
    assert len(found) >= 8


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_every_script_isolates_its_interpreters(path: Path) -> None:
    """Wherever a script, the action, the hook or a recipe starts Python, it is by -I, or -E -P."""
    text = path.read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in lines:
        for start in STARTS.finditer(line):
            assert ISOLATED.match(start["options"]), f"{path.name}: {line.strip()}"
        assert not BY_NAME.match(line), line


def test_exported_scripts_isolate_envbuild() -> None:
    """What `export` writes into scripts and services as the way to call envbuild imports from no folder."""
    text = (PACKAGE / "cli/export.py").read_text()
    assert "sys.executable, '-E', '-P'" in ast.unparse(ast.parse(text))
    for path in (PACKAGE / "launchers").rglob("*.py"):
        assert not re.search(r"python3? -[mc]", path.read_text()), path
    script = (PACKAGE / "launchers/formats/local_studio.py").read_text()
    assert '"cd /",' in script


@pytest.mark.parametrize("step", ["install", "check"])
def test_the_actions_steps_import_nothing_of_the_checkout(
    step: str, project: Path, scratch: Path, run_envbuild: CommandLine
) -> None:
    """He names files of his branch after every module that the steps could import, `venv` and `pip` first."""
    ran = scratch / "ran"
    for name in ("venv", "pip", "subprocess", "ensurepip", "envbuild", "json", "sitecustomize"):
        (project / f"{name}.py").write_text(f"open({str(ran)!r}, 'w')\n")
    runner = scratch / "runner"
    python = runner / "envbuild-action/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (project / "drivers.toml").write_text('version = 1\n[drivers.a]\nrequires = ["a"]\n')
    env = run_envbuild.environment(
        {
            "RUNNER_TEMP": str(runner),
            "GITHUB_PATH": str(runner / "path"),
            "GITHUB_OUTPUT": str(runner / "output"),
            "GITHUB_ACTION_PATH": str(scratch / "nothing"),
            "GITHUB_WORKSPACE": str(project),
            "ENVBUILD_PYTHON": str(python),
            "PIP_NO_INDEX": "1",
        }
    )
    script = ROOT / "scripts/action" / step
    done = subprocess.run(("bash", script), cwd=project, env=env, capture_output=True, text=True)
    assert not ran.exists(), done.stderr
    assert done.returncode == 1, done.stdout + done.stderr


@pytest.mark.parametrize("variable", ["CHECK_FILE", "CHECK_SARIF"])
def test_the_action_leaves_the_checkout_by_no_link(
    variable: str, project: Path, scratch: Path, run_envbuild: CommandLine
) -> None:
    """He makes the folder of the declaration, or of the report, a link to one of the runner's."""
    outside = scratch / "outside"
    outside.mkdir()
    (project / "sub").symlink_to(outside)
    env = run_envbuild.environment(
        {"RUNNER_TEMP": str(scratch), "GITHUB_OUTPUT": str(scratch / "o"), variable: "sub/file"}
    )
    script = ROOT / "scripts/action/check"
    done = subprocess.run(("bash", script), cwd=project, env=env, capture_output=True, text=True)
    assert (done.returncode, "leads out of the checkout" in done.stderr) == (2, True), done
    assert not list(outside.iterdir())


class _Unread(Sdist):
    """A source distribution whose requirements are known only once its backend has run."""

    def metadata(self) -> bytes:
        """PKG-INFO of a version from before static fields."""
        return self.wheel.metadata()


@pytest.mark.parametrize("verb", [("check", "--solve"), ("conflicts", "--solve")])
def test_solving_builds_nothing(
    verb: tuple[str, ...],
    run_envbuild: CommandLine,
    index: IndexServer,
    scratch: Path,
    project: Path,
) -> None:
    """He declares `allow-sdist` for a package of his, and a rule that makes the index be asked."""
    ran = scratch / "ran"
    index.add(Wheel(name="lib", version="1.0"), Wheel(name="lib", version="2.0"))
    index.add(
        Wheel(name="evil", version="1.0"), Wheel(name="mid", version="1", requires=("lib<2",))
    )
    allowed = '\nallow-sdist = ["evil"]\n\n[drivers.two]'
    text = declare_drivers({"one": ["evil", "mid"], "two": ["lib>=2"]}, python="3.11")
    locked = text.replace("\n\n[drivers.two]", allowed)
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    lockfile = project / "locks/one.toml"
    _allow_sdist(lockfile)
    index.add(_Unread(wheel=Wheel(name="evil", version="2.0"), tells=ran))
    index.add(Wheel(name="mid", version="2"))
    rule = '\n[[coexist]]\ndrivers = ["one", "two"]\n'
    run_envbuild.declare(locked + rule)
    result = run_envbuild(*verb)
    assert not ran.exists(), result
    assert result.code in (0, 1), result


def _allow_sdist(lockfile: Path) -> None:
    """What he would commit: the lockfile of a declaration that allows it, with its right digest."""
    from envbuild.lockfile.parse import parse_lockfile
    from envbuild.lockfile.text import render_lockfile
    from envbuild.value import replace

    locked = parse_lockfile(lockfile.read_text(), file="one.toml")
    inputs = replace(locked.inputs, allow_sdist=("evil",))
    lockfile.write_text(render_lockfile(replace(locked, inputs=inputs)))


@pytest.mark.parametrize("name", ["git", "nvidia-smi"])
def test_programs_are_found_in_no_relative_folder(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He adds a program to the folder in which the caller works, whose PATH has `.` or an empty part in it."""
    from envbuild.posix.process import find_program, scrubbed_environment

    program = project / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(project)
    assert find_program(name, os.pathsep.join((".", "", "sub/.."))) is None
    assert dict(scrubbed_environment({"PATH": ".::/usr/bin"}))["PATH"] == "/usr/bin"
