"""Gated switching: what a resolver cannot know is tried before anything is switched to it."""

from __future__ import annotations

import ast
import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.environment.activation import CACHES
from tests.support.command_line import declare_drivers
from tests.support.pythons import MINOR
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer

TRICKS = """\
import os, subprocess, sys, time

def main():
    trick = sys.argv[1]
    print("trying to", trick)
    if trick == "hang":
        time.sleep(600)
    if trick == "fork":
        subprocess.Popen(["/bin/sleep", "600"])
    if trick == "daemon":
        subprocess.Popen(["/bin/sleep", "600"], start_new_session=True)
    if trick == "write":
        os.chmod(os.path.dirname(__file__), 0o755)
        open(__file__ + ".left", "w").close()
    if trick == "fail":
        print("ImportError: cannot import name 'x'", file=sys.stderr)
        return 3
    if trick == "die":
        os.kill(os.getpid(), 9)
    if trick == "tell":
        print(sorted(os.environ), os.environ["PATH"], os.getcwd())
    return 0
"""


@pytest.fixture
def tricks(index: IndexServer) -> IndexServer:
    """An index whose package has a command that does what probes should not."""
    index.add(command_wheel("good", "1.0"))
    files = {"tricks/__init__.py": "", "tricks/cli.py": TRICKS}
    commands = {"tricks": "tricks.cli:main"}
    index.add(Wheel(name="tricks", version="1.0", files=files, commands=commands))
    broken = {"tricks/__init__.py": "import transformers.gone\n", "tricks/cli.py": TRICKS}
    index.add(Wheel(name="tricks", version="2.0", files=broken, commands=commands))
    return index


def sync(run: CommandLine, probe: str, *, version: str = "1.0") -> Result:
    """Lock and sync a driver with this probe."""
    text = declare_drivers({"tricks": [f"tricks=={version}"]}, python=MINOR)
    run.declare(f"{text}{probe}\n")
    run("lock", check=True)
    return run("sync")


def generation(run: CommandLine) -> Any:
    """What is current."""
    return run("list", "--format", "json").json


def test_probe_that_succeeds(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """A driver whose probes and imports succeed is switched to, and can be probed again."""
    probe = 'probe = [["tricks", "tell"]]\nimports = ["tricks", "tricks.cli"]'
    assert sync(run_envbuild, probe).code == 0
    result = run_envbuild("probe")
    assert result.code == 0, result
    assert "tricks: `tricks tell` succeeded in" in result.stdout
    assert "tricks: `python -c import tricks` succeeded in" in result.stdout


def test_environment_of_a_probe(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """A probe meets an empty environment, an empty folder, which is its cache too, and what the activation sets."""
    probe = 'probe = [["tricks", "tell"]]\nenv = { TOLD = "1" }'
    assert sync(run_envbuild, probe).code == 0
    table: Any = run_envbuild("probe", "--format", "json").json
    (said,) = table["drivers"]["tricks"]["probes"]
    environment = table["drivers"]["tricks"]["environment"]
    line = said["output"].splitlines()[1]
    names = set(ast.literal_eval(line.partition("]")[0] + "]"))
    caches = {name for name, _ in CACHES}
    assert names - caches == {
        "CACHE_DIRECTORY",
        "LC_CTYPE",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "TOLD",
    }, line
    assert caches < names
    assert f"{environment}/bin:" in line
    assert Path(said["log"]).read_text() == said["output"]


FAILURES = {
    "fail": "it ended with exit code 3",
    "die": "signal 9 ended it",
    "hang": "it, or a process that it started, was still running after 1 s and was stopped",
    "fork": "it, or a process that it started, was still running after 1 s and was stopped",
    "daemon": "it, or a process that it started, was still running after 1 s and was stopped",
    "write": "the probes wrote into the environment: ",
}


@pytest.mark.parametrize("trick", FAILURES)
def test_probe_that_fails(run_envbuild: CommandLine, tricks: IndexServer, trick: str) -> None:
    """A probe that fails, dies, hangs, leaves processes or writes leaves `current` as it was."""
    assert sync(run_envbuild, "").code == 0
    before = generation(run_envbuild)
    probe = f'probe = [["tricks", "{trick}"]]\nprobe-timeout = 1\nenv = {{ MOVED = "1" }}'
    result = sync(run_envbuild, probe)
    assert result.code == 1, result
    assert (
        f"drivers.tricks.probe[0]: the probe `tricks {trick}` of tricks failed: " in result.stderr
    )
    assert FAILURES[trick] in result.stderr
    assert generation(run_envbuild) == before


def test_last_lines_are_shown_and_all_are_kept(
    run_envbuild: CommandLine, tricks: IndexServer
) -> None:
    """The message has the output's last lines, and names the file that keeps all of it."""
    result = sync(run_envbuild, 'probe = [["tricks", "fail"]]')
    assert "  ImportError: cannot import name 'x'" in result.stderr
    log = result.stderr.partition("its whole output is in ")[2].split()[0]
    assert "trying to fail" in Path(log).read_text()


def test_failed_probe_fails_again(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """The environment is built by now, and yet the next sync asks it again."""
    assert sync(run_envbuild, 'probe = [["tricks", "fail"]]').code == 1
    again = run_envbuild("sync")
    assert (again.code, "it ended with exit code 3" in again.stderr) == (1, True), again
    assert "nothing has been synced" in run_envbuild("list", check=True).stdout


def test_environment_that_was_written_into_is_built_anew(
    run_envbuild: CommandLine, tricks: IndexServer
) -> None:
    """A probe that changes its environment makes it invalid; without that probe it is built anew."""
    assert sync(run_envbuild, 'probe = [["tricks", "write"]]').code == 1
    result = sync(run_envbuild, "")
    assert result.code == 0, result
    assert "tricks 1.0: built" in result.stdout
    folder = Path(generation(run_envbuild)["drivers"]["tricks"]["environment"])
    assert not list(folder.rglob("*.left"))


def test_ranges_that_resolve_and_do_not_run(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """The incident: a release that resolves and cannot be imported does not reach `current`."""
    assert sync(run_envbuild, 'imports = ["tricks"]').code == 0
    before = generation(run_envbuild)
    result = sync(run_envbuild, 'imports = ["tricks"]', version="2.0")
    assert result.code == 1
    assert "No module named 'transformers'" in result.stderr
    assert generation(run_envbuild) == before


def test_keep_going_switches_the_others(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """With `--keep-going` what passed its probe is switched to."""
    text = declare_drivers({"good": ["good"], "tricks": ["tricks==1.0"]}, python=MINOR)
    run_envbuild.declare(f'{text}probe = [["tricks", "fail"]]\n')
    run_envbuild("lock", check=True)
    result = run_envbuild("sync", "--keep-going")
    assert result.code == 1
    assert list(generation(run_envbuild)["drivers"]) == ["good"]


def test_command_that_is_not_there(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """A probe names a command of the environment; nothing outside it is run."""
    result = sync(run_envbuild, 'probe = [["ls", "/"]]')
    assert (result.code, "the environment has no command 'ls'" in result.stderr) == (1, True), (
        result
    )


def test_interrupt_ends_a_probe(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """Ctrl-C during a probe that hangs ends it and envbuild at once, and switches to nothing."""
    text = declare_drivers({"tricks": ["tricks==1.0"]}, python=MINOR)
    run_envbuild.declare(f'{text}probe = [["tricks", "hang"]]\n')
    run_envbuild("lock", check=True)
    process = run_envbuild.start("sync", "-v")
    assert process.stderr is not None
    while "probing" not in process.stderr.readline():
        assert process.poll() is None
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert (process.returncode, time.monotonic() - begun < 20) == (130, True)
    assert "nothing has been synced" in run_envbuild("list", check=True).stdout


def test_probe_of_what_is_current(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """`envbuild probe` says no for what has stopped to work, with the output's last lines."""
    assert sync(run_envbuild, "").code == 0
    text = (run_envbuild.cwd / "drivers.toml").read_text()
    run_envbuild.declare(f'{text}probe = [["tricks", "fail"]]\n')
    result = run_envbuild("probe", "tricks")
    assert result.code == 1
    assert "`tricks fail` failed: it ended with exit code 3\n  trying to fail\n" in result.stdout
    assert json.loads(run_envbuild("probe", "--format", "json").stdout)["version"] == 1


def test_probe_of_what_is_not_current(run_envbuild: CommandLine, tricks: IndexServer) -> None:
    """A named driver that is not built cannot be probed."""
    assert sync(run_envbuild, "").code == 0
    text = (run_envbuild.cwd / "drivers.toml").read_text()
    run_envbuild.declare(f'{text}[drivers.good]\nrequires = ["good"]\n')
    result = run_envbuild("probe", "good")
    assert (result.code, "good is not in the current generation" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('probe = ["tricks --version"]', "must be a list of words, not a string"),
        ('probe = [["/bin/ls"]]', "'/bin/ls' is not the name of a command"),
        ("probe = [[]]", "must not be empty"),
        ('imports = ["a-b"]', "'a-b' is not the name of a module"),
        ("probe-timeout = 0", "must be from 1 to 86400 seconds, not 0"),
        ('probe-timeout = "1 min"', "must be a number of seconds, not a string"),
    ],
)
def test_wrong_keys(run_envbuild: CommandLine, line: str, words: str) -> None:
    """Each slip is said with its line and key, and changes nothing."""
    run_envbuild.declare(f'[drivers.tricks]\nrequires = ["tricks"]\n{line}\n')
    result = run_envbuild("lock")
    assert (result.code, words in result.stderr) == (2, True), result
    assert "drivers.toml:4: drivers.tricks." in result.stderr
