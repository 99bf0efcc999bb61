"""Finding Pythons with real processes: what cannot run is not chosen, nothing is asked twice."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from envbuild.errors import HostError
from envbuild.posix.process import Command, Completed
from envbuild.python.probe import is_shareable
from envbuild.uv.executable import base_arguments, uv_executable
from envbuild.value import replace
from tests.support.counting import Counting
from tests.support.interpreters import at, interpreters, made_up, script


@pytest.fixture
def runner() -> Counting:
    """Counts what is started."""
    return Counting()


def on_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the folder first on `PATH`."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("PATH", os.pathsep.join((str(folder), os.environ["PATH"])))


def unset_shim(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A shim on `PATH` that has no version until there is a file `set`, and the Python behind it."""
    on_path(scratch / "bin", monkeypatch)
    behind = made_up(scratch / "opt/bin/python3.99")
    text = f"test -e {scratch}/set || exit 127; exec {behind}"
    return script(scratch / "bin/python3.99", text), behind


def test_the_running_python_is_found_and_described(
    store: Path, runner: Counting, python: Path
) -> None:
    """What is reported is what the Python and its file say, full version included."""
    found = at(interpreters(store, runner).discover(), python)
    assert found is not None
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert found.cache_tag == sys.implementation.cache_tag
    assert (found.size, found.mtime_ns) == (python.stat().st_size, python.stat().st_mtime_ns)


def test_a_second_command_starts_nothing_and_writes_nothing(store: Path, runner: Counting) -> None:
    """A sync with nothing to do runs neither uv nor any Python."""
    first = interpreters(store, runner).discover()
    cache = store / "cache" / "interpreters.json"
    before = cache.stat()
    runner.ran.clear()
    assert interpreters(store, runner).discover() == first
    assert runner.ran == []
    assert cache.stat() == before


def test_a_changed_folder_is_searched_again(
    store: Path, runner: Counting, scratch: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python that was installed since the last command is found."""
    on_path(scratch / "bin", monkeypatch)
    interpreters(store, runner).discover()
    wrapped = script(scratch / "bin" / "python3.98", f'exec {python} "$@"')
    os.utime(scratch / "bin", ns=(1, 1))
    runner.ran.clear()
    found = interpreters(store, runner).discover()
    assert [argv[0] for argv in runner.ran] == [str(wrapped)]
    assert at(found, wrapped) is None
    assert at(found, python) is not None


def test_what_was_found_once_stays_found_with_another_path(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timer's bare `PATH` gives the interpreter that the login shell's gave."""
    versions = scratch / "pyenv" / "versions"
    mine = made_up(versions / "3.99.1" / "bin" / "python3.99")
    monkeypatch.setenv("PYENV_ROOT", str(scratch / "pyenv"))
    assert at(interpreters(store, runner).discover(), mine) is not None
    monkeypatch.delenv("PYENV_ROOT")
    assert at(interpreters(store, runner).discover(), mine) is not None


def test_a_changed_python_out_of_reach_is_forgotten_and_not_run(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's nightly sync does not run what a user put where an administrator's `PATH` once led."""
    mine = made_up(scratch / "pyenv" / "versions" / "3.99.1" / "bin" / "python3.99")
    monkeypatch.setenv("PYENV_ROOT", str(scratch / "pyenv"))
    interpreters(store, runner).discover()
    monkeypatch.delenv("PYENV_ROOT")
    ran = scratch / "ran"
    script(mine, f"touch {ran}")
    assert at(interpreters(store, runner).discover(), mine) is None
    assert not ran.exists()


def test_a_python_behind_an_unchanged_link_is_asked_again_when_it_changed(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade behind a link changes no searched folder, and is noticed all the same."""
    behind = made_up(scratch / "opt" / "bin" / "python3.99", version="3.99.1")
    on_path(scratch / "bin", monkeypatch)
    (scratch / "bin/python3").symlink_to(behind)
    assert at(interpreters(store, runner).discover(), behind) is not None
    made_up(behind, version="3.99.12")
    found = at(interpreters(store, runner).discover(), behind)
    assert found is not None
    assert found.version == "3.99.12"


def test_a_changed_python_is_asked_again(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade in place, by size or time, gives the new version."""
    mine = scratch / "pyenv" / "versions" / "3.99" / "bin" / "python3.99"
    monkeypatch.setenv("PYENV_ROOT", str(scratch / "pyenv"))
    made_up(mine, version="3.99.1")
    interpreters(store, runner).discover()
    made_up(mine, version="3.99.2")
    os.utime(mine, ns=(1, 1))
    found = at(interpreters(store, runner).discover(), mine)
    assert found is not None
    assert found.version == "3.99.2"


def test_the_python_at_a_path_is_told_as_it_is_now(
    store: Path, runner: Counting, scratch: Path
) -> None:
    """A repair needs the very Python that was built on: no other one, and no link to it."""
    mine = made_up(scratch / "opt/bin/python3.99", version="3.99.1")
    link = scratch / "opt/bin/python3"
    link.symlink_to(mine.name)
    found = interpreters(store, runner).at(str(mine))
    assert found is not None
    assert (found.path, found.version) == (str(mine), "3.99.1")
    made_up(mine, version="3.99.12")
    found = interpreters(store, runner).at(str(mine))
    assert found is not None
    assert found.version == "3.99.12"
    assert interpreters(store, runner).at(str(link)) is None
    mine.unlink()
    assert interpreters(store, runner).at(str(mine)) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 2, "pythons": [], "folders": 3}'])
def test_a_broken_cache_costs_time_and_nothing_else(
    store: Path, runner: Counting, content: str
) -> None:
    """Cut off by a crash, or by another version: the Pythons are asked again."""
    first = interpreters(store, runner).discover()
    cache = store / "cache" / "interpreters.json"
    cache.write_text(content)
    assert interpreters(store, runner).discover() == first
    assert json.loads(cache.read_text())["version"] == 2


def test_a_cache_that_cannot_be_written_is_no_error(store: Path, runner: Counting) -> None:
    """Reading a store of somebody else still works."""
    store.mkdir()
    (store / "cache").write_text("a file where the folder should be")
    assert interpreters(store, runner).discover()


class Hasty(Counting):
    """Gives a Python half a second to answer."""

    def run(self, command: Command) -> Completed:
        asked = Path(command.argv[0]).name.startswith("python")
        return super().run(replace(command, timeout=0.5) if asked else command)


def test_what_does_not_run_is_no_interpreter(
    store: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyenv's shims exit 127, foreign binaries do not start, broken ones hang: none is an error."""
    monkeypatch.setenv("PYENV_ROOT", str(scratch / "pyenv"))
    versions = scratch / "pyenv" / "versions"
    shim = script(versions / "a" / "bin" / "python3.97", "exit 127")
    hangs = script(versions / "b" / "bin" / "python3.97", "sleep 60")
    foreign = script(versions / "c" / "bin" / "python3.97", "")
    foreign.write_bytes(b"\x7fELF but of another machine")
    found = interpreters(store, Hasty()).discover()
    assert [at(found, path) for path in (shim, hangs, foreign)] == [None] * 3


@pytest.mark.parametrize("reason", ["it is not CPython", "it is free-threaded"])
def test_what_no_environment_may_rest_on_is_left_out(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """PyPy, free-threaded and debug builds have other wheels; they are never chosen."""
    monkeypatch.setenv("PYENV_ROOT", str(scratch / "pyenv"))
    mine = made_up(scratch / "pyenv/versions/x/bin/python3.99", unfit=reason)
    assert at(interpreters(store, runner).discover(), mine) is None


def test_a_venv_counts_as_the_python_behind_it(
    store: Path, runner: Counting, scratch: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment must not rest on somebody's venv, not even on one without links."""
    venv = scratch / "pyenv" / "versions" / "mine"
    command = (python, "-m", "venv", "--copies", "--without-pip", venv)
    subprocess.run(command, check=True)
    monkeypatch.setenv("PYENV_ROOT", str(scratch / "pyenv"))
    found = interpreters(store, runner).discover()
    assert at(found, python) is not None
    assert [python for python in found if python.path.startswith(str(scratch))] == []


def test_a_program_that_goes_by_its_name_is_asked_by_that_name(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version managers link `python3.12` to their own binary: the Python behind it is found."""
    behind = made_up(scratch / "elsewhere" / "bin" / "python3.99")
    manager = script(
        scratch / "manager",
        f'case "$0" in */python3.99) exec {behind} ;; *) exit 1 ;; esac',
    )
    on_path(scratch / "bin", monkeypatch)
    (scratch / "bin/python3.99").symlink_to(manager)
    assert at(interpreters(store, runner).discover(), behind) is not None


def test_pyenv_versions_are_found_without_their_shims(
    store: Path, runner: Counting, python312: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every version that pyenv installed is a candidate, whatever `pyenv global` says."""
    root = next((p.parent for p in python312.parents if p.name == "versions"), None)
    if root is None:
        pytest.skip("NOT TESTED: this machine's Python 3.12 is not pyenv's")
    monkeypatch.setenv("PYENV_ROOT", str(root))
    assert at(interpreters(store, runner).discover(), python312) is not None


def test_shims_on_path_lead_to_their_versions(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under sudo, `PATH` names a pyenv that `HOME` does not: its shims are left, its Pythons found."""
    mine = made_up(scratch / "theirs" / "versions" / "3.99.1" / "bin" / "python3.99")
    monkeypatch.setenv("PATH", str(scratch / "theirs" / "shims"))
    ran = scratch / "ran"
    script(scratch / "theirs" / "shims" / "python3.99", f"touch {ran}; exit 127")
    assert at(interpreters(store, runner).discover(), mine) is not None
    assert not ran.exists()


def test_shareable_means_that_every_folder_lets_everybody_through(scratch: Path) -> None:
    """A Python below a private home is told apart, although its own mode is open."""
    prefix = scratch / "opt" / "3.99"
    library = prefix / "lib" / "python3.99"
    executable = made_up(prefix / "bin" / "python3.99")
    paths = (str(executable), str(library))
    assert is_shareable(*paths)
    for closed in (prefix, library, library / "os.py", executable):
        mode = closed.stat().st_mode
        closed.chmod(0o700)
        assert not is_shareable(*paths), closed
        closed.chmod(stat.S_IMODE(mode))


def test_the_cache_does_not_hide_a_changed_mode(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modes of folders change without the executable: they are looked at each time."""
    monkeypatch.setenv("PYENV_ROOT", str(scratch / "pyenv"))
    mine = made_up(scratch / "pyenv" / "versions" / "3.99" / "bin" / "python3.99")
    before = at(interpreters(store, runner).discover(), mine)
    (scratch / "pyenv").chmod(0o700)
    after = at(interpreters(store, runner).discover(), mine)
    assert before is not None
    assert after is not None
    assert (before.shareable, after.shareable) == (True, False)


def test_what_answers_nothing_is_asked_once(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version manager's shim without a version is no Python, until a search finds no other one either."""
    shim, behind = unset_shim(scratch, monkeypatch)
    assert at(interpreters(store, runner).discover(), behind) is None
    runner.ran.clear()
    assert at(interpreters(store, runner).discover(), behind) is None
    assert runner.ran == []
    (scratch / "set").touch()
    asked = interpreters(store, runner).provide(("3.99",), prefer_shareable=False, downloads=False)
    assert asked.path == str(behind)
    assert str(shim) in [argv[0] for argv in runner.ran]


def test_a_python_that_is_named_is_asked_each_time(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A declaration names a shim that had no version yet; it has one now."""
    shim, behind = unset_shim(scratch, monkeypatch)
    interpreters(store, runner).discover()
    with pytest.raises(HostError, match="is not a Python"):
        interpreters(store, runner).named(str(shim), file="drivers.toml", line=1, key="python")
    (scratch / "set").touch()
    found = interpreters(store, runner).named(str(shim), file="drivers.toml", line=1, key="python")
    assert found.path == str(behind)


def test_pythons_that_uv_manages_for_the_user_are_found(
    store: Path, runner: Counting, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are in a folder of uv's, and often on no `PATH`."""
    monkeypatch.setenv("XDG_DATA_HOME", str(scratch / "data"))
    mine = made_up(scratch / "data/uv/python/cpython-3.99.1-linux-x86_64-gnu/bin/python3.99")
    assert at(interpreters(store, runner).discover(), mine) is not None


def test_uv_accepts_the_arguments_that_every_call_carries(runner: Counting) -> None:
    """A uv that has renamed an option is noticed here, not by a user."""
    uv = uv_executable()
    for more in (base_arguments(), base_arguments(downloads=True)):
        command = Command(argv=(uv, "python", "dir", *more), env=(("HOME", "/"),), cwd="/")
        completed = runner.run(command)
        assert completed.code == 0, completed.stderr
    assert "--no-python-downloads" not in base_arguments(downloads=True)
