"""Fetching a Python that the host has not: whole, readable for everybody, and only where that is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.errors import HostError
from tests.support.counting import Counting
from tests.support.interpreters import answer, interpreters, script

INSTALL = """
case "$1 $2" in
"python install")
    [ -e "$0.fails" ] && {{ echo 'error: no such host' >&2; exit 2; }}
    umask 077
    prefix="$5/cpython-3.99.1-linux-x86_64-gnu"
    mkdir -p "$prefix/bin" "$prefix/lib/python3.99"
    : >"$prefix/lib/python3.99/os.py"
    : >"$5/.lock"
    ln -sfn "$prefix" "$5/cpython-3.99-linux-x86_64-gnu"
    [ -e "$0.torn" ] && kill -9 $$
    cat >"$prefix/bin/python3.99" <<END
#!/bin/sh
cat <<JSON
{answer}
JSON
END
    chmod 700 "$prefix/bin/python3.99" ;;
esac
"""


@pytest.fixture
def runner() -> Counting:
    """Counts what is started."""
    return Counting()


@pytest.fixture
def fake_uv(scratch: Path) -> Path:
    """A uv that installs Python 3.99.1 under umask 077."""
    prefix = scratch / "s" / "pythons" / "cpython-3.99.1-linux-x86_64-gnu"
    text = INSTALL.format(answer=answer(prefix / "bin" / "python3.99"))
    return script(scratch / "uv", text)


def test_uv_installs_what_is_missing_readable_for_everybody(
    store: Path, runner: Counting, fake_uv: Path
) -> None:
    """A managed Python in the store can be started by a service user, whatever the umask was."""
    found = interpreters(store, runner, str(fake_uv)).provide(
        ("3.99", "3.98"), prefer_shareable=True, downloads=True
    )
    assert found.version == "3.99.1"
    assert found.shareable
    assert not (store / "pythons" / ".lock").exists()
    modes = {path.lstat().st_mode & 0o022 for path in (store / "pythons").rglob("*")}
    assert modes - {0o022} == {0}, "only links may look writable"


def test_an_installed_python_is_found_by_the_next_command_without_uv(
    store: Path, runner: Counting, fake_uv: Path
) -> None:
    """uv installs once; the store remembers."""
    wanted = interpreters(store, runner, str(fake_uv)).provide(
        ("3.99",), prefer_shareable=True, downloads=True
    )
    runner.ran.clear()
    again = interpreters(store, runner, str(fake_uv)).provide(
        ("3.99",), prefer_shareable=True, downloads=True
    )
    assert again == wanted
    assert runner.ran == []


def test_an_interrupted_installation_never_happened(
    store: Path, runner: Counting, fake_uv: Path
) -> None:
    """What a killed uv left is no interpreter; the next command installs anew."""
    torn = Path(f"{fake_uv}.torn")
    torn.touch()
    with pytest.raises(HostError):
        interpreters(store, runner, str(fake_uv)).provide(
            ("3.99",), prefer_shareable=False, downloads=True
        )
    left = store / "pythons" / "cpython-3.99.1-linux-x86_64-gnu" / "left-behind"
    left.touch()
    torn.unlink()
    found = interpreters(store, runner, str(fake_uv)).provide(
        ("3.99",), prefer_shareable=False, downloads=True
    )
    assert found.version == "3.99.1"
    assert not left.exists()


def test_a_download_that_fails_says_what_is_there_and_what_to_do(
    store: Path, runner: Counting, fake_uv: Path, python: Path
) -> None:
    """One error with the requests, the found versions and paths, uv's words and a way out."""
    Path(f"{fake_uv}.fails").touch()
    found = interpreters(store, runner, str(fake_uv))
    with pytest.raises(HostError) as raised:
        found.provide(("3.99",), prefer_shareable=True, downloads=True, key="drivers.x.python")
    (problem,) = raised.value.problems
    assert raised.value.exit_code == 5
    assert problem.key == "drivers.x.python"
    assert "there is no Python 3.99, and the download failed" in problem.message
    assert str(python) in problem.message
    assert problem.detail == "error: no such host"
    assert problem.hint is not None
    assert "install Python 3.99" in problem.hint


def test_a_failed_download_is_tried_once_for_the_whole_fleet(
    store: Path, runner: Counting, fake_uv: Path
) -> None:
    """Six drivers that ask for the same Python wait for one time-out, not for six."""
    Path(f"{fake_uv}.fails").touch()
    found = interpreters(store, runner, str(fake_uv))
    for _ in range(3):
        with pytest.raises(HostError, match="the download failed"):
            found.provide(("3.99",), prefer_shareable=True, downloads=True)
    assert runner.started("python", "install") == 1


@pytest.mark.parametrize(
    ("downloads", "offline", "words"),
    [
        (False, False, "`python-downloads = false` forbids"),
        (True, True, "nothing is downloaded offline"),
    ],
)
def test_nothing_is_fetched_where_that_is_forbidden(
    store: Path, runner: Counting, fake_uv: Path, downloads: bool, offline: bool, words: str
) -> None:
    """`python-downloads = false` and `--offline` are kept, and named as the reason."""
    with pytest.raises(HostError, match=words):
        interpreters(store, runner, str(fake_uv)).provide(
            ("3.99",), prefer_shareable=True, downloads=downloads, offline=offline
        )
    assert runner.started("python", "install") == 0
    assert not (store / "pythons").exists()
