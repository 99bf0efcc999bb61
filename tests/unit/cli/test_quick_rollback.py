"""What goes back at once does just what the whole command would do, or nothing at all."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.cli.quick_rollback import roll_back_quickly
from envbuild.commands.rollback import rollback
from envbuild.posix.files import replace_link
from envbuild.report.history import render_rollback
from envbuild.store.verifier import Verifier
from tests.support.small_store import make_store
from tests.unit.cli.test_quick_verify import DISTURBED

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


def _whole(store: Store, number: int | None) -> str:
    return render_rollback(rollback(store, Verifier(store=store, workers=1), number))


@pytest.mark.parametrize("current", [1, 2, 3])
@pytest.mark.parametrize("number", [None, 1, 2, 3])
def test_it_does_what_the_whole_command_does(made: Store, current: int, number: int | None) -> None:
    """From every generation to every other one: the same link, the same words."""
    if number is None and current == 1:
        pytest.skip("there is nothing before the first, see below")
    replace_link(made.current, f"generations/{current}")
    expected = _whole(made, number)
    there = made.current.readlink()
    replace_link(made.current, f"generations/{current}")
    assert roll_back_quickly(str(made.root), number) == expected
    assert made.current.readlink() == there
    assert not os.path.lexists(made.root / ".current.tmp")


def test_what_is_no_generation_is_left_to_the_whole_command(made: Store) -> None:
    """That says what there is."""
    assert roll_back_quickly(str(made.root), 4) is None
    assert made.current_number() == 3


def test_before_the_first_there_is_nothing(made: Store) -> None:
    """Nor is anything made current."""
    replace_link(made.current, "generations/1")
    assert roll_back_quickly(str(made.root), None) is None
    assert made.current_number() == 1


@pytest.mark.parametrize("what", DISTURBED)
def test_nothing_unsound_becomes_current(store: Path, what: str) -> None:
    """Where the whole command would refuse, nothing moves; where it would not, both agree."""
    made = make_store(store, [("asr", "1.0"), ("web", "1.0")], [("asr", "1.0"), ("tts", "1.0")])
    DISTURBED[what](made)
    before = _current(made)
    for number in (1, 2):
        text = roll_back_quickly(str(made.root), number)
        if text is None:
            assert _current(made) == before
        else:
            assert text.startswith(f"generation {number} is current")
            assert _whole(made, number) == f"generation {number} is current already\n"
            before = _current(made)


def _current(store: Store) -> str | None:
    return str(store.current.readlink()) if os.path.lexists(store.current) else None


def test_other_stores_are_left_to_the_whole_command(scratch: Path) -> None:
    """And nothing is made in a folder that is none."""
    folder = scratch / "folder"
    folder.mkdir()
    assert roll_back_quickly(str(folder), None) is None
    assert list(folder.iterdir()) == []


def test_it_waits_for_who_switches(made: Store) -> None:
    """Two that switch at once take turns, by the one lock; the second sees what the first has done."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from envbuild.cli import main;"
        f"main(['--store', {str(made.root)!r}, 'rollback'], {{}})"
    )
    argv = [sys.executable, "-I", "-c", code]
    with made.switching():
        assert roll_back_quickly(str(made.root), None) is None
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        replace_link(made.current, "generations/2")
    told, _ = process.communicate(timeout=30)
    assert told.startswith("generation 1 is current again, instead of 2\n")
    assert made.current_number() == 1


def test_little_is_imported(made: Store) -> None:
    """Neither pathlib nor dataclasses is worth one rename."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from envbuild.cli import quick_rollback as q;"
        f"assert q.roll_back_quickly({str(made.root)!r}, None);"
        "print(*{'argparse', 'pathlib', 'dataclasses', 'typing', 're'} & set(sys.modules))"
    )
    plain = "import sys; print(*sys.modules)"
    done, before = (
        subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, text=True)
        for text in (code, plain)
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= set(before.stdout.split())


def test_what_did_not_reach_the_disk_is_said(made: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the rename nobody tries again: the whole command would go back one more."""

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        roll_back_quickly(str(made.root), None)
