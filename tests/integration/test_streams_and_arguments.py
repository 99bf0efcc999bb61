"""What callers do to a command's streams, its words and its store's place."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import ASKS_UV, declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def locked(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """One driver, `web`, which asks for `base`; locked."""
    index.add(command_wheel("web", "1.0", requires=("base",)), Wheel(name="base"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    return run_envbuild


def _shell(envbuild: CommandLine, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in which `$E` is envbuild."""
    environment = dict(envbuild.environment({"E": f"{sys.executable} -m envbuild"}))
    return subprocess.run(
        ["sh", "-c", script], cwd=envbuild.cwd, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["lock --check", "lock --upgrade", "tree web", "sync"])
def test_closed_streams_change_no_answer(locked: CommandLine, command: str, closed: str) -> None:
    """Whoever closes a stream gets the same exit code, no traceback, and nothing in a wrong file."""
    before = (locked.cwd / "locks/web.toml").read_bytes()
    done = _shell(locked, f"$E {command} {closed}")
    assert done.returncode == 0, done
    assert "Traceback" not in done.stderr
    assert (locked.cwd / "locks/web.toml").read_bytes() == before


@pytest.mark.parametrize("command", ["lock --check", "list", "which web", "tree web"])
def test_a_full_disk_behind_stdout_is_the_hosts_fault(locked: CommandLine, command: str) -> None:
    """A result that cannot be written is exit 5 and one message, whichever path prints it."""
    locked("sync", check=True)
    done = _shell(locked, f"$E {command} >/dev/full")
    assert done.returncode == 5, done
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_causes_no_traceback(locked: CommandLine) -> None:
    """`| head -0` ends the command in silence, on the quick path as well."""
    done = _shell(locked, "{ $E lock --check; echo $? >&2; } | true")
    assert "Traceback" not in done.stderr
    assert done.stderr.strip() in {"0", "141"}


def test_a_locale_without_arrows_gets_escapes(locked: CommandLine) -> None:
    """What a terminal's encoding lacks is escaped, and never a bug."""
    done = locked("why", "web", "base", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.code == 0, done
    assert "base" in done.stdout


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("synk",), "there is no command 'synk'"),
        (("sync", "--jobs", "0"), "must be a whole number, 1 or more"),
        (("lock", "--upgrade-package", "a b"), "'a b' is not the name of a package"),
        (("sync", "--frozen"), "there is no option '--frozen'"),
    ],
)
def test_wrong_words_are_problems_like_all_others(
    locked: CommandLine, argv: tuple[str, ...], said: str
) -> None:
    """One message on stderr with a hint, exit 2, and in JSON mode one object on stdout."""
    text = locked(*argv)
    assert (text.code, text.stdout) == (2, "")
    assert said in text.stderr
    assert "--help" in text.stderr
    as_json = locked("--format", "json", *argv)
    assert as_json.json["exit_code"] == 2
    assert said in as_json.json["problems"][0]["message"]


@pytest.mark.parametrize(("argv", "code"), [(("sync", "nobody"), 2), (("sync",), 1)])
def test_a_sync_that_is_refused_makes_no_store(
    locked: CommandLine, store: Path, argv: tuple[str, ...], code: int
) -> None:
    """An unknown driver, or a lockfile that is missing, leaves not even an empty store."""
    (locked.cwd / "locks/web.toml").unlink()
    done = locked(*argv)
    assert done.code == code, done
    assert not store.exists()


def test_a_cache_that_cannot_be_made_is_the_hosts_fault(
    locked: CommandLine, python_version: str
) -> None:
    """A user without a home that can be written is told which variable helps; nothing else needs the cache."""
    without = {"XDG_CACHE_HOME": "/dev/null/cache"}
    assert locked("lock", "--upgrade", env=without).code == 0
    locked.declare(declare_drivers({"web": [f"web{ASKS_UV}"]}, python=python_version))
    done = locked("lock", "--upgrade", env=without)
    assert done.code == 5, done
    assert "XDG_CACHE_HOME" in done.stderr
    assert "Traceback" not in done.stderr
