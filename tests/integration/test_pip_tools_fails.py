"""`resolver = "pip-tools"` where it cannot go well: one message each, and no code of strangers is run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import host_platform
from tests.support.pip_tools import FAKE, declare, fake_pip_tools
from tests.support.process_tree import wait_for_end
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def test_other_targets_are_refused_in_one_message(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Every target that pip cannot resolve for here, why, and what to do; nothing is asked or written."""
    index.add(Wheel(name="app"))
    declare(
        run_envbuild,
        "app",
        python=python_version,
        more=f'platforms = ["{host_platform()}", "arm64-macosx_14_0"]\npython = ["{python_version}", "3.95"]\n',
    )
    result = run_envbuild("lock")
    assert result.code == 5
    assert result.stderr.count("error: ") == 1, result
    for target in (f"{python_version}-arm64-macosx_14_0", f"3.95-{host_platform()}"):
        assert target in result.stderr
    assert f"{python_version}-{host_platform()}," not in result.stderr
    assert "pip cannot resolve for a Python that is not running" in result.stderr
    assert "there is no Python 3.95 here" in result.stderr
    assert f'declare python = ["{python_version}"] and platforms = ["{host_platform()}"]' in (
        result.stderr
    )
    assert 'resolver = "uv"' in result.stderr
    assert not index.asked()
    assert not (run_envbuild.cwd / "locks").exists()


@pytest.mark.root
def test_no_python_of_a_strangers_store_is_started(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, store: Path, scratch: Path
) -> None:
    """A store of another user has Pythons that he has put there: exit 5, and none of them has run."""
    index.add(Wheel(name="app"))
    declare(run_envbuild, "app", python=python_version)
    python = store / "pythons/cpython-3.12.99-linux-x86_64-gnu/bin/python3.12"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ntouch {scratch}/ran\n")
    python.chmod(0o755)
    os.chown(store, 54321, 54321)
    result = run_envbuild("lock")
    assert result.code == 5
    assert "--trust-owner" in result.stderr
    assert not (scratch / "ran").exists()


def test_nothing_fits(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> None:
    """Exit 3 with the requirements that exclude one another, in plain sentences."""
    index.add(
        Wheel(name="left", requires=("base<2",)),
        Wheel(name="right", requires=("base>=2",)),
        Wheel(name="base", version="1.0"),
        Wheel(name="base", version="2.0"),
    )
    declare(run_envbuild, "left", "right", python=python_version)
    result = run_envbuild("lock")
    assert result.code == 3
    assert "left 1.0 requires base<2" in result.stderr
    assert "right 1.0 requires base>=2" in result.stderr
    declare(run_envbuild, "base>=3", python=python_version)
    result = run_envbuild("lock")
    assert result.code == 3
    assert "base>=3" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_index_that_fails_is_named(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A package that is missing, and a wheel with another digest than its page says: exit 4, as with uv."""
    index.add(Wheel(name="app", requires=("base",)))
    declare(run_envbuild, "nowhere", python=python_version)
    result = run_envbuild("lock")
    assert result.code == 4
    assert "has no package 'nowhere'" in result.stderr
    declare(run_envbuild, "app", python=python_version)
    index.add(Wheel(name="base"))
    index.replace("base-1.0-py3-none-any.whl", b"not a wheel")
    index.offer = replace(index.offer, metadata=False)
    result = run_envbuild("lock")
    assert result.code == 4
    assert "base-1.0-py3-none-any.whl" in result.stderr


def test_an_index_without_upload_times(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """`exclude-newer` cannot be kept there: exit 4, as with uv, and not that nothing satisfies the driver."""
    index.add(Wheel(name="app"))
    index.offer = replace(index.offer, upload_times=False)
    declare(run_envbuild, "app", python=python_version, more='exclude-newer = "2026-02-01"\n')
    result = run_envbuild("lock")
    assert result.code == 4
    assert "gives no upload times" in result.stderr


ESCAPES = "\\x1b]0;own\\x07\\x1b[31m\\u202ered"


def test_a_pip_that_hangs_is_ended_with_its_children(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """Bounded by the deadline of indexes; exit 4 says which driver and target, and nothing goes on."""
    index.add(Wheel(name="app"))
    declare(run_envbuild, "app", python=python_version)
    child = scratch / "child"
    body = (
        "import subprocess, time\n        "
        f"started = subprocess.Popen(['/bin/sleep', '300'])\n        "
        f"open({str(child)!r}, 'w').write(str(started.pid))\n        time.sleep(300)"
    )
    env = fake_pip_tools(scratch / "fake", body) | {"ENVBUILD_HTTP_DEADLINE": "1"}
    result = run_envbuild("lock", env=env)
    assert result.code == 4
    assert f"pip took longer than 4 seconds to resolve app for {python_version}" in result.stderr
    wait_for_end(int(child.read_text()))


def test_a_pip_tools_that_is_too_old(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """It is not tried: exit 5 says which version is needed and how to get it."""
    index.add(Wheel(name="app"))
    declare(run_envbuild, "app", python=python_version)
    old = {name: text.replace("9.0", "6.14") for name, text in FAKE.items()}
    result = run_envbuild("lock", env=fake_pip_tools(scratch / "fake", "return []", old))
    assert result.code == 5
    assert "pip-tools 6.14 is too old to resolve: envbuild needs 7.5 or newer" in result.stderr
    assert (
        "hint: install pip 25.1 or newer and pip-tools 7.5 or newer for the Python" in result.stderr
    )


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (f"raise RuntimeError('{ESCAPES}')", 5, "RuntimeError"),
        ("raise SystemExit('x' * 10_000_000)", 5, "pip could not resolve app for"),
        ("import os; os.kill(os.getpid(), 9)", 4, "needs more than 1 GiB"),
        ("bytearray(3 << 30)", 4, "needs more than 1 GiB"),
        (
            "import sys, os; [os.write(1, b'y' * 65536) for _ in range(20_000)]; os._exit(3)",
            5,
            "exit code 3",
        ),
        ("return ['no', 'packages']", 5, "pip could not resolve app for"),
    ],
    ids=["escapes", "long-words", "killed", "memory", "endless-output", "nonsense"],
)
def test_whatever_pip_does_is_one_message(
    run_envbuild: CommandLine,
    index: IndexServer,
    python_version: str,
    scratch: Path,
    body: str,
    code: int,
    said: str,
) -> None:
    """Its words are bounded and escaped, its output goes nowhere, its memory has a limit."""
    index.add(Wheel(name="app"))
    declare(run_envbuild, "app", python=python_version)
    result = run_envbuild("lock", env=fake_pip_tools(scratch / "fake", body))
    assert result.code == code, result
    assert said in result.stderr
    assert len(result.stderr) < 50_000
    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr
    assert not (run_envbuild.cwd / "locks").exists()
