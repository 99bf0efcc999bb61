"""Everything in use against what it was when it was built, told by looks alone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from envbuild.commands.verify import verify
from envbuild.errors import HostError, NoError
from envbuild.report.verify import render_verify
from envbuild.store.guard import MARKER
from envbuild.store.verifier import Verifier
from tests.support.imported import HEAVY, imported_by
from tests.support.small_store import make_store
from tests.support.values import digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envbuild.commands.verify import Verified
    from envbuild.store.store import Store


@pytest.fixture
def made(store: Path) -> Store:
    """Two generations, three environments, of which both share one."""
    return make_store(store, [("asr", "1.0"), ("web", "1.0")], [("asr", "1.0"), ("tts", "1.0")])


def _verify(store: Store) -> Verified:
    root = str(store.root)
    return verify(root, Verifier(root=root, workers=1), quick=True)


def test_what_is_as_built_has_no_findings(made: Store) -> None:
    """The line says what was looked at."""
    said = render_verify(_verify(made))
    assert (
        said == "3 environments and 2 generations checked by size, time and inode: all as built\n"
    )


def test_one_process_is_enough(made: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with one core looks at everything itself."""
    root = str(made.root)
    assert not verify(root, Verifier(root=root, workers=8), quick=True).findings
    monkeypatch.setattr(os, "fork", None)
    assert not _verify(made).findings


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
"""What nothing is wrong with."""


@pytest.mark.parametrize("what", DISTURBED)
def test_whatever_differs_is_found(made: Store, what: str) -> None:
    """Exit 1 and a finding for every change, but for one of spelling."""
    DISTURBED[what](made)
    found = _verify(made)
    assert found.exit_code == bool(found.findings)
    if what not in HARMLESS:
        assert found.findings


def test_other_stores_are_refused(made: Store, scratch: Path) -> None:
    """Nothing there, a newer format, another folder."""
    with pytest.raises(NoError):
        verify(str(scratch / "none"), Verifier(root=str(scratch / "none"), workers=1), quick=True)
    (made.root / MARKER).write_text('{"format": 99}\n')
    with pytest.raises(HostError, match="newer"):
        _verify(made)
    (made.root / MARKER).unlink()
    with pytest.raises(HostError, match="not a store"):
        _verify(made)


def test_little_is_imported(made: Store) -> None:
    """Neither argparse nor pathlib nor dataclasses nor contextlib is worth a look at a store."""
    said, loaded = imported_by("verify", "--quick", store=made.root)
    assert "all as built" in said
    assert not loaded & {*HEAVY, "contextlib"}
