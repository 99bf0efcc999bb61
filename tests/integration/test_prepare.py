"""Commands that finish an environment before its receipt is written."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import declare_drivers
from tests.support.disks import Disk
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

_TOOL = """\
import os, pathlib, socket, subprocess, sys, time

HERE = pathlib.Path(__file__).parent

def main():
    what, *rest = sys.argv[1:]
    if what == "generate":
        (HERE / "generated.py").write_text(f"WORDS = {rest!r}\\n")
        (HERE / "client" ).mkdir(exist_ok=True)
        (HERE / "client" / "schema.txt").write_text(os.environ.get("SCHEMA", "none"))
        (HERE / "__init__.py").write_text("READY = True\\n")
    elif what == "show":
        from tool import READY, generated
        print(READY, generated.WORDS)
    elif what == "connect":
        socket.create_connection(("127.0.0.1", int(rest[0])), timeout=10).close()
    elif what == "fail":
        print("half a schema"); sys.exit(7)
    elif what == "flood":
        for _ in range(300):
            print("x" * 99999)
        print("\\x1b]0;own\\x07 the end"); sys.exit(8)
    elif what == "fill":
        for number in range(100_000):
            (HERE / f"{number}.bin").write_bytes(b"x" * (1 << 20))
    elif what == "hang":
        time.sleep(600)
    elif what == "leave":
        code = f"import time, pathlib; time.sleep(4); pathlib.Path({rest[0]!r}).touch()"
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""

_CAN_FENCE = any(
    subprocess.run(["unshare", *words, "true"], capture_output=True).returncode == 0
    for words in (
        ["--net", "--pid", "--fork"],
        ["--user", "--map-root-user", "--net", "--pid", "--fork"],
    )
)
needs_fence = pytest.mark.skipif(not _CAN_FENCE, reason="NOT TESTED: no network namespaces here")


@pytest.fixture
def tool(index: IndexServer) -> None:
    """A package whose command can do all that a step may do."""
    files = {"tool/__init__.py": "READY = False\n", "tool/cli.py": _TOOL}
    index.add(Wheel(name="tool", files=files, commands={"tool": "tool.cli:main"}))


@pytest.fixture
def listener() -> Iterator[int]:
    """A port on loopback that accepts connections until the test ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        yield server.getsockname()[1]


def _accept(server: socket.socket) -> None:
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


def declare(run: CommandLine, python: str, steps: Any, more: str = "") -> None:
    """A driver `svc` with these steps, locked."""
    text = declare_drivers({"svc": ("tool",)}, python=python)
    keys = f'binary = "tool"\nenv = {{ SCHEMA = "own" }}\nprepare = {json.dumps(steps)}\n{more}'
    run.declare(text + keys)
    run("lock", check=True)


@needs_fence
def test_what_a_step_writes_is_part_of_the_environment(
    run_envbuild: CommandLine, tool: None, store: Path, python_version: str
) -> None:
    """It runs as the driver does, is in the receipt, read-only, verified; a second driver's wheel is untouched."""
    declare(
        run_envbuild,
        python_version,
        [["tool", "generate", "a b"], ["python", "-c", "import tool.generated"]],
    )
    run_envbuild("sync", check=True)
    said = subprocess.run([store / "current/bin/tool", "show"], capture_output=True, text=True)
    assert said.stdout == "True ['a b']\n"
    environment = (store / "current/svc").resolve()
    (schema,) = environment.glob("lib/python3.*/site-packages/tool/client/schema.txt")
    assert schema.read_text() == "own"
    assert list((schema.parents[1] / "__pycache__").glob("generated.*.pyc"))
    assert schema.stat().st_mode & 0o777 == 0o444
    receipt = json.loads((store / "receipts" / f"{environment.name}.json").read_text())
    assert str(schema.relative_to(environment)) in {row[0] for row in receipt["files"]}
    assert run_envbuild("verify").code == 0
    assert run_envbuild("verify", "--quick").code == 0
    before = json.loads((store / "current/manifest.json").read_text())["drivers"]["svc"]["key"]
    declare(run_envbuild, python_version, [["tool", "generate", "c"]])
    run_envbuild("sync", check=True)
    after = json.loads((store / "current/manifest.json").read_text())["drivers"]["svc"]["key"]
    assert before != after
    text = declare_drivers({"svc": ("tool",)}, python=python_version)
    run_envbuild.declare(text + 'binary = "tool"\n')
    run_envbuild("sync", check=True)
    (package,) = (store / "current/svc").resolve().glob("lib/python3.*/site-packages/tool")
    assert (package / "__init__.py").read_text() == "READY = False\n"
    assert not (package / "generated.py").exists()


@needs_fence
@pytest.mark.parametrize(
    ("step", "more", "words"),
    [
        (["tool", "fail"], "", "it ended with 7"),
        (["tool", "hang"], "prepare-timeout = 2", "it was still running after 2 s"),
        (["tool", "connect", "PORT"], "", "it ended with 1"),
        (["tool", "flood"], "", "it ended with 8"),
    ],
)
def test_a_step_that_fails_leaves_nothing(
    run_envbuild: CommandLine,
    tool: None,
    store: Path,
    python_version: str,
    listener: int,
    step: list[str],
    more: str,
    words: str,
) -> None:
    """Exit 1 with the step, its output's end and its log; no environment, no receipt, no generation."""
    step = [str(listener) if word == "PORT" else word for word in step]
    declare(run_envbuild, python_version, [["tool", "generate"], step], more)
    result = run_envbuild("sync")
    assert result.code == 1, result
    assert f"drivers.svc.prepare[1]: `{' '.join(step)}` of svc failed: {words}" in result.stderr
    assert "the network was denied" in result.stderr
    assert not list((store / "envs").iterdir())
    assert not list((store / "receipts").glob("*.json"))
    assert not (store / "current").exists()
    assert "\x1b" not in str(result)
    if step[1] == "flood":
        (log,) = (store / "cache/prepare").glob("*.prepare-1.log")
        assert log.stat().st_size < 2 << 20
        assert log.read_text().endswith("\\x1b]0;own\\x07 the end\n")
    if step[1] == "fail":
        assert "half a schema" in result.stderr
        (log,) = (store / "cache/prepare").glob("*.prepare-1.log")
        assert log.read_text() == "half a schema\n"
        assert log.stat().st_mode & 0o777 == 0o600


@needs_fence
@pytest.mark.slow
@pytest.mark.root
def test_a_step_that_fills_the_disk_is_ended(
    run_envbuild: CommandLine, tool: None, scratch: Path, python_version: str
) -> None:
    """Before the store's disk is full; all that it wrote is gone, and the store works."""
    disk = Disk(scratch)
    disk.make(size=256 << 20)
    try:
        env = {"ENVBUILD_STORE": str(disk.store)}
        declare(run_envbuild, python_version, [["tool", "fill"]])
        result = run_envbuild("sync", env=env)
        assert (result.code, result.stderr.count("error:")) == (1, 1), result
        words = "drivers.svc.prepare[0]: `tool fill` of svc failed: the disk is full and was ended"
        assert words in result.stderr
        run_envbuild("gc", env=env, check=True)
        assert not list(disk.place.rglob("*.bin"))
        declare(run_envbuild, python_version, [["tool", "generate"]])
        run_envbuild("sync", env=env, check=True)
        assert run_envbuild("verify", env=env).code == 0
    finally:
        disk.unmount()


@needs_fence
def test_what_a_step_leaves_behind_ends_with_it(
    run_envbuild: CommandLine, tool: None, store: Path, scratch: Path, python_version: str
) -> None:
    """A process of a session of its own, too: nothing writes into an environment later."""
    declare(run_envbuild, python_version, [["tool", "leave", f"{scratch}/late"]])
    run_envbuild("sync", check=True)
    subprocess.run(["sleep", "5"], check=True)
    assert not (scratch / "late").exists()


def test_the_network_can_be_allowed(
    run_envbuild: CommandLine, tool: None, store: Path, python_version: str, listener: int
) -> None:
    """For what downloads its parts; it is another key."""
    steps = [["tool", "connect", str(listener)]]
    declare(run_envbuild, python_version, steps, "prepare-network = true")
    run_envbuild("sync", check=True)
    assert (store / "current/svc").exists()


def test_a_command_that_nobody_has_is_found_at_lock(
    run_envbuild: CommandLine, tool: None, project: Path, python_version: str
) -> None:
    """Exit 2 before anything is built."""
    text = declare_drivers({"svc": ("tool",)}, python=python_version)
    run_envbuild.declare(text + 'binary = "tool"\nprepare = [["prisma", "generate"]]\n')
    result = run_envbuild("lock")
    assert result.code == 2, result
    assert (
        "drivers.svc.prepare: no locked package of svc provides the command 'prisma'"
        in result.stderr
    )
    assert not (project / "locks").exists()


@needs_fence
def test_it_is_not_repaired_beside_itself(
    run_envbuild: CommandLine, tool: None, store: Path, python_version: str
) -> None:
    """Steps run in an environment's own place alone: the repair says so and changes nothing."""
    declare(run_envbuild, python_version, [["tool", "generate"]])
    run_envbuild("sync", check=True)
    (generated,) = (
        (store / "current/svc").resolve().glob("lib/python3.*/site-packages/tool/generated.py")
    )
    generated.chmod(0o644)
    generated.write_text("WORDS = 0\n")
    repaired = run_envbuild("verify", "--repair")
    assert repaired.code == 1, repaired
    assert "cannot be built in another folder" in repaired.stdout
    assert generated.read_text() == "WORDS = 0\n"
