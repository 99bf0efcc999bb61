"""An earlier generation becomes current if all of it is as it was built; else nothing moves."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.commands.generations import rollback
from envbuild.commands.verify import verify
from envbuild.errors import EnvbuildError, HostError, NoError, UsageError
from envbuild.posix.file_locks import BusyError
from envbuild.posix.files import replace_link
from envbuild.report.store import render_rollback
from envbuild.store.verifier import Verifier
from tests.support.imported import HEAVY, imported_by
from tests.support.small_store import make_store
from tests.unit.commands.test_verify import DISTURBED

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.store.store import Store


@pytest.fixture
def made(store: Path) -> Store:
    """Three generations: a driver is added, one moves, one goes."""
    return make_store(
        store,
        [("asr", "1.0"), ("web", "1.0")],
        [("asr", "1.0"), ("tts", "1.0"), ("web", "1.0")],
        [("asr", "1.1"), ("tts", "1.0")],
    )


def _ask(_: str) -> str | None:
    """No Python of a small store is ever another one."""
    raise AssertionError


def _roll_back(store: Store, number: int | None, *, patience: float | None = None) -> str:
    root = str(store.root)
    verifier = Verifier(root=root, workers=1)
    return render_rollback(rollback(root, verifier, number, _ask, patience=patience))


def _current(store: Store) -> str | None:
    return str(store.current.readlink()) if os.path.lexists(store.current) else None


@pytest.mark.parametrize(
    ("current", "number", "changes"),
    [
        (3, None, ["~ asr 1.1 → 1.0: asr 1.1 → 1.0", "+ web 1.0"]),
        (2, None, ["- tts 1.0"]),
        (1, 3, ["~ asr 1.0 → 1.1: asr 1.0 → 1.1", "+ tts 1.0", "- web 1.0"]),
    ],
)
def test_it_says_what_changed(
    made: Store, current: int, number: int | None, changes: list[str]
) -> None:
    """The link moves, and nothing is left beside it."""
    replace_link(made.current, f"generations/{current}")
    target = number or current - 1
    head = f"generation {target} is current again, instead of {current}"
    assert _roll_back(made, number).splitlines() == [head, *(f"  {change}" for change in changes)]
    assert _current(made) == f"generations/{target}"
    assert _roll_back(made, target) == f"generation {target} is current already\n"
    assert not os.path.lexists(made.root / ".current.tmp")


def test_a_generation_that_there_is_not_is_named(made: Store) -> None:
    """With those that there are."""
    with pytest.raises(UsageError, match="there is no generation 4"):
        _roll_back(made, 4)
    assert made.current_number() == 3


def test_before_the_first_there_is_nothing(made: Store) -> None:
    """Nor is anything made current."""
    replace_link(made.current, "generations/1")
    with pytest.raises(NoError, match="no generation before 1"):
        _roll_back(made, None)
    assert made.current_number() == 1


@pytest.mark.parametrize("what", DISTURBED)
def test_nothing_unsound_becomes_current(store: Path, what: str) -> None:
    """A generation is refused just where `verify --quick` finds something of it."""
    made = make_store(store, [("asr", "1.0"), ("web", "1.0")], [("asr", "1.0"), ("tts", "1.0")])
    DISTURBED[what](made)
    root = str(made.root)
    found = verify(root, Verifier(root=root, workers=1), quick=True)
    for number in (1, 2):
        parts = {f"generation {number}"} | {
            item.used.name for item in found.environments if number in item.used.generations
        }
        is_sound = parts.isdisjoint(finding.subject for finding in found.findings)
        before = _current(made)
        if is_sound:
            assert _roll_back(made, number).startswith(f"generation {number} is current")
        else:
            with pytest.raises(EnvbuildError):
                _roll_back(made, number)
            assert _current(made) == before


def test_other_folders_are_left_alone(scratch: Path) -> None:
    """Nothing is made in a folder that is no store."""
    folder = scratch / "folder"
    folder.mkdir()
    (folder / "file").touch()
    with pytest.raises(HostError, match="not a store"):
        rollback(str(folder), Verifier(root=str(folder), workers=1), None, _ask)
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_it_waits_for_who_switches(made: Store) -> None:
    """Two that switch at once take turns, by the one lock; the second sees what the first has done."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from envbuild.cli import main;"
        f"main(['--store', {str(made.root)!r}, 'rollback'], {{}})"
    )
    argv = [sys.executable, "-I", "-c", code]
    with made.switching():
        with pytest.raises(BusyError):
            _roll_back(made, None, patience=0)
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        replace_link(made.current, "generations/2")
    told, _ = process.communicate(timeout=30)
    assert told.startswith("generation 1 is current again, instead of 2\n")
    assert made.current_number() == 1


def test_little_is_imported(made: Store) -> None:
    """Neither pathlib nor dataclasses is worth one rename."""
    said, loaded = imported_by("rollback", store=made.root)
    assert said.startswith("generation 2 is current again")
    assert not loaded & HEAVY


def test_what_did_not_reach_the_disk_is_said(made: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the rename nobody tries again: that would go back one more."""

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(HostError, match="Input/output"):
        _roll_back(made, None)
    assert made.current_number() == 2
