"""What an index can do wrong, met by the real command line: exit codes, words, and nothing changed.

`tests/faults/test_indexes.py` has what breaks a single request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.failing_index import assert_failed, environments, through
from tests.support.fault_proxy import FaultProxy, Trickle
from tests.support.index_server import IndexServer, Offer
from tests.support.indexes import BASE, FAILED, TOP
from tests.support.pypiserver_process import run_pypiserver
from tests.support.scenarios import load_scenario
from tests.support.wheels import Sdist, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import ProxyHandler


@pytest.fixture
def declared(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver `top` that needs `base`, both in the index."""
    index.add(TOP, BASE)
    run_envbuild.declare(declare_drivers({"top": ["top"]}, python=python_version))
    return run_envbuild


@pytest.fixture
def locked(declared: CommandLine) -> CommandLine:
    """The same with a lockfile."""
    declared("lock", check=True)
    return declared


def test_index_that_is_down(declared: CommandLine) -> None:
    """A refused connection is an index that cannot be reached."""
    down = {"ENVBUILD_INDEX_DEFAULT_URL": "http://127.0.0.1:9/simple"}
    assert_failed(declared("lock", env=down), "127.0.0.1:9) cannot be reached")


def test_package_that_is_not_there(declared: CommandLine, python_version: str) -> None:
    """A name that the index does not know is said to be unknown there, by name."""
    declared.declare(declare_drivers({"top": ["no-such-thing"]}, python=python_version))
    result = declared("lock")
    assert result.code == FAILED, result
    assert "no-such-thing" in result.stderr
    assert "Traceback" not in result.stderr


class Silence:
    """Says nothing until the test is over."""

    def __init__(self) -> None:
        self.was_waited_out = False

    def strike(self, handler: ProxyHandler) -> None:
        """Keep still for a while that nobody has."""
        handler.note(0)
        handler.close_connection = True
        self.was_waited_out = not handler.server.stopping.wait(20)


def test_a_silent_index_is_left_after_the_time_that_the_user_gives(
    locked: CommandLine, faults: FaultProxy
) -> None:
    """$ENVBUILD_HTTP_TIMEOUT counts for files as for pages, whoever asks for them."""
    silence = Silence()
    faults.inject(r"\.whl$", silence)
    hasty = through(faults) | {"ENVBUILD_HTTP_RETRIES": "0"}
    assert_failed(locked("sync", env=hasty), "did not answer in time: no byte in 1 s")
    assert not silence.was_waited_out


def test_slow_index_is_no_failure(locked: CommandLine, faults: FaultProxy) -> None:
    """A trickle that never pauses for long is waited for."""
    faults.inject(r"\.whl$", Trickle(pause=0.05, piece=128))
    locked("sync", env={"ENVBUILD_INDEX_DEFAULT_URL": faults.url}, check=True)


def test_changed_wheel_whatever_the_host_says(
    locked: CommandLine, index: IndexServer, store: Path
) -> None:
    """Promise 3 and 6: no setting outside the declaration lets a changed wheel in."""
    (locked.cwd / "uv.toml").write_text("verify-hashes = false\n[pip]\nverify-hashes = false\n")
    index.replace(TOP.filename, replace(TOP, files={"top/cli.py": "main = print\n"}).to_bytes())
    loose: dict[str, str | None] = {
        "UV_NO_VERIFY_HASHES": "1",
        "UV_INDEX_URL": index.url,
        "PIP_INDEX_URL": index.url,
        "PIP_REQUIRE_HASHES": "0",
    }
    assert_failed(locked("sync", env=loose), f"serves a changed {TOP.filename}")
    assert not environments(store)


def test_locked_wheel_that_is_gone(locked: CommandLine, index: IndexServer, store: Path) -> None:
    """A file that the index has withdrawn is named, with what to do."""
    index.remove(BASE.filename)
    result = locked("sync")
    assert result.code == FAILED, result
    assert "base" in result.stderr
    assert "hint:" in result.stderr
    assert not environments(store)


def test_only_a_source_distribution(
    declared: CommandLine, index: IndexServer, scratch: Path, python_version: str
) -> None:
    """Locking never runs a package's code unasked; the message names `allow-sdist`."""
    told = scratch / "told"
    index.add(Sdist(wheel=command_wheel("raw"), tells=told))
    declared.declare(declare_drivers({"raw": ["raw"]}, python=python_version))
    result = declared("lock")
    assert result.code == 3, result
    assert "allow-sdist" in result.stderr
    assert not told.exists()


def test_password_in_the_address(declared: CommandLine, index: IndexServer, store: Path) -> None:
    """Credentials come from the host's variable, and are shown and kept nowhere."""
    index.offer = Offer(login=("me", "s3cret"))
    known: dict[str, str | None] = {"ENVBUILD_INDEX_DEFAULT_URL": index.url_with_login}
    said = [declared(verb, env=known, check=True) for verb in ("lock", "sync")]
    texts = [text for result in said for text in (result.stdout, result.stderr)]
    texts += [path.read_text() for path in declared.cwd.glob("locks/*")]
    texts += [path.read_text() for path in store.glob("generations/*/manifest.json")]
    texts += [path.read_text(errors="replace") for path in store.glob("receipts/*")]
    assert not [text for text in texts if "s3cret" in text]


def test_wrong_password_is_not_shown(declared: CommandLine, index: IndexServer) -> None:
    """The message for a refused password does not repeat it."""
    index.offer = Offer(login=("me", "right"))
    wrong = index.url_with_login.replace("right", "wr0ng")
    result = declared("lock", env={"ENVBUILD_INDEX_DEFAULT_URL": wrong})
    assert_failed(result, "does not accept the user and password")
    assert "wr0ng" not in result.stderr


@pytest.mark.parametrize(
    "offer",
    [
        Offer(json=False),
        Offer(json=False, metadata=False),
        Offer(metadata=False, ranges=False),
        Offer(sizes=False, upload_times=False),
        Offer(html=False),
    ],
    ids=["html", "html-without-metadata", "whole-wheels", "few-facts", "json-alone"],
)
def test_lockfile_does_not_depend_on_what_the_index_offers(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, offer: Offer
) -> None:
    """PEP 503 alone, PEP 691, with and without PEP 658: the same packages, the same bytes."""
    load_scenario("diamond").fill(index)
    run_envbuild.declare(declare_drivers({"top": ["top[fast]"]}, python=python_version))
    run_envbuild("lock", check=True)
    path = run_envbuild.cwd / "locks" / "top.toml"
    before = path.read_text()
    path.unlink()
    index.offer = offer
    run_envbuild("lock", check=True)
    assert path.read_text() == before


def test_pypiserver_is_an_index_too(declared: CommandLine, scratch: Path, store: Path) -> None:
    """A server of another make, HTML alone and no PEP 658, serves lock and sync."""
    for wheel in (TOP, BASE):
        wheel.write(scratch / "wheels")
    with run_pypiserver(scratch / "wheels") as url:
        other: dict[str, str | None] = {"ENVBUILD_INDEX_DEFAULT_URL": url}
        declared("lock", env=other, check=True)
        declared("sync", env=other, check=True)
    assert declared("run", "top", "--", "--version", check=True).stdout == "top 1.0\n"


def test_folder_of_wheels_is_an_index_too(
    run_envbuild: CommandLine, index: IndexServer, scratch: Path, python_version: str
) -> None:
    """A bound package can come from a folder; the index is not asked for it."""
    folder = scratch / "wheels"
    command_wheel("acme-tool", "2.0").write(folder)
    bound = f'[[index]]\nname = "files"\npath = "{folder}"\npackages = ["acme-*"]\n'
    text = declare_drivers({"acme-tool": ["acme-tool"]}, python=python_version, more=bound)
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    said = run_envbuild("run", "acme-tool", "--", "--version", check=True).stdout
    assert said == "acme-tool 2.0\n"
    assert not index.asked("acme")
