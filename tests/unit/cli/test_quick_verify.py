"""What answers `verify --quick` at once says so only where the whole command would say just that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.cli import quick_verify
from envbuild.cli.quick_verify import verify_quickly
from envbuild.commands.verify import verify
from envbuild.report.verify import render_verify
from envbuild.store.generation_record import FORMAT as RECORD_FORMAT
from envbuild.store.manifest import FORMAT as MANIFEST_FORMAT
from envbuild.store.marker import FORMAT, MARKER
from envbuild.store.verifier import Verifier
from tests.support.small_store import make_store
from tests.support.values import digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envbuild.store.store import Store


@pytest.fixture
def made(store: Path) -> Store:
    """Two generations, three environments, of which both share one."""
    return make_store(store, [("asr", "1.0"), ("web", "1.0")], [("asr", "1.0"), ("tts", "1.0")])


def _whole(store: Store) -> str:
    return render_verify(verify(store, Verifier(store=store, workers=1), quick=True))


def test_it_says_what_the_whole_command_says(made: Store) -> None:
    """Where all is as built, both say the same."""
    assert verify_quickly(str(made.root)) == _whole(made)
    assert "3 environments and 2 generations" in _whole(made)


def test_one_process_is_enough(made: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with one core looks at everything itself."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert verify_quickly(str(made.root)) == _whole(made)


def _append(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("\n")


def _replace(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _forge_receipts(path: Path) -> None:
    """A generation record that speaks of another receipt, its digest left as it was."""
    table = json.loads(path.read_text())
    table["receipts"]["asr-1.0-0"] = digest("other")
    path.write_text(json.dumps(table, indent=1))


def _swap(path: Path) -> None:
    """A link to a copy stands in an environment's place."""
    path.rename(path.with_name("other"))
    path.symlink_to("other")


DISTURBED: dict[str, Callable[[Store], object]] = {
    "a file was touched": lambda s: os.utime(s.environment("asr-1.0-0") / "bin/asr"),
    "a file grew": lambda s: _append(s.environment("web-1.0-0") / "bin/web"),
    "a mode": lambda s: (s.environment("tts-1.0-0") / "bin/tts").chmod(0o700),
    "a folder's mode": lambda s: (s.environment("tts-1.0-0") / "bin").chmod(0o700),
    "the environment's own mode": lambda s: s.environment("tts-1.0-0").chmod(0o700),
    "one more file": lambda s: (s.environment("asr-1.0-0") / "new\nline").touch(),
    "one file less": lambda s: (s.environment("asr-1.0-0") / "bin/asr").unlink(),
    "a link": lambda s: _replace(s.environment("asr-1.0-0") / "bin/python", "/bin/true"),
    "an environment is another": lambda s: _swap(s.environment("asr-1.0-0")),
    "an environment is gone": lambda s: s.environment("asr-1.0-0").rename(s.root / "gone"),
    "a receipt is gone": lambda s: s.receipt("asr-1.0-0").unlink(),
    "a list is gone": lambda s: s.stats("asr-1.0-0").unlink(),
    "a list was changed": lambda s: _append(s.stats("asr-1.0-0")),
    "a manifest": lambda s: _append(s.generation(1) / "manifest.json"),
    "a manifest is a link": lambda s: _swap(s.generation(1) / "manifest.json"),
    "a generation record is gone": lambda s: s.records.path(1).unlink(),
    "a generation record": lambda s: _forge_receipts(s.records.path(1)),
    "a generation's link": lambda s: _replace(s.generation(1) / "asr", "../../envs/tts-1.0-0"),
    "a shim": lambda s: _replace(s.generation(2) / "bin/tts", "/bin/true"),
    "a shim less": lambda s: (s.generation(2) / "bin/tts").unlink(),
    "more in a generation": lambda s: (s.generation(2) / "notes").touch(),
    "more among shims": lambda s: (s.generation(2) / "bin/notes").mkdir(),
    "a generation's mode": lambda s: s.generation(2).chmod(0o700),
    "the mode of its shims": lambda s: (s.generation(2) / "bin").chmod(0o700),
    "current is gone": lambda s: s.current.unlink(),
    "current leads nowhere": lambda s: _replace(s.current, "generations/9"),
    "current is written otherwise": lambda s: _replace(s.current, "./generations/2"),
}
"""What happens to a store that is as built."""

HARMLESS = {"a manifest is a link", "current is written otherwise"}
"""What the whole command finds nothing wrong with."""


@pytest.mark.parametrize("what", DISTURBED)
def test_whatever_differs_is_left_to_the_whole_command(made: Store, what: str) -> None:
    """No change that the whole command would name is passed over."""
    DISTURBED[what](made)
    if what in HARMLESS:
        assert verify_quickly(str(made.root)) in (None, _whole(made))
        return
    assert verify_quickly(str(made.root)) is None
    assert "all as built" not in _whole(made)


def test_other_stores_are_left_to_the_whole_command(made: Store, scratch: Path) -> None:
    """Nothing there, another folder, a newer format: it says what it is."""
    assert verify_quickly(str(scratch / "none")) is None
    (made.root / MARKER).write_text('{"format": 99}\n')
    assert verify_quickly(str(made.root)) is None
    (made.root / MARKER).unlink()
    assert verify_quickly(str(made.root)) is None


def test_it_knows_the_formats() -> None:
    """A format that is raised is raised here as well."""
    assert quick_verify._FORMAT == FORMAT == RECORD_FORMAT == MANIFEST_FORMAT


def test_little_is_imported() -> None:
    """Neither argparse nor pathlib nor dataclasses is worth a look at a store."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; import envbuild.cli.quick_verify as q;"
        "q.verify_quickly('/nowhere');"
        "print(*{'argparse', 'pathlib', 'dataclasses', 'typing'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    before = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= set(before.stdout.split())
