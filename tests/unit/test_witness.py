"""Removing an environment costs the next sync nothing, and hides no tampering."""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.system.cache import entries as entries_module
from envbuild.system.cache.entries import Entries
from envbuild.system.cache.linking import Target
from envbuild.system.cache.witness import Witness
from envbuild.system.deletion import delete_tree

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = {"a.py": b"x = 1\n", "p/b.py": b"y = 2\n"}
WHEEL = "0" * 64


@pytest.fixture
def cache(scratch: Path) -> Path:
    """A cache with one kept wheel that two environments link."""
    entries = Entries(scratch / "cache/wheels")
    assert entries.is_usable()
    with entries.making(WHEEL):
        folder = entries.begin(WHEEL)
        rows = []
        for number, (path, content) in enumerate(CONTENT.items()):
            (folder / str(number)).write_bytes(content)
            rows.append((path, hashlib.sha256(content).hexdigest()))
        entries.publish(WHEEL, folder, rows, {})
    for name in ("one", "two"):
        (scratch / name).mkdir()
        assert entries.link(WHEEL, Target(scratch / name)) is not None
    time.sleep(0.05)  # the kernel's times move on by ticks
    return scratch / "cache"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The names of the files that are read to be believed, while this test runs."""
    names: list[bytes] = []
    real = entries_module._digest

    def digest(folder: int, name: bytes) -> str:
        names.append(name)
        return real(folder, name)

    monkeypatch.setattr(entries_module, "_digest", digest)
    return names


def _link(cache: Path, name: str) -> bool:
    place = cache.parent / name
    place.mkdir()
    return Entries(cache / "wheels").link(WHEEL, Target(place)) is not None


def test_what_was_witnessed_is_not_read_again(cache: Path, read: list[bytes]) -> None:
    """After an environment went, linking its wheels again reads none of their files."""
    with Witness(cache, [WHEEL]) as witness:
        delete_tree(cache.parent / "one", witness.saw)
    assert _link(cache, "three")
    assert read == []


def test_without_a_witness_every_file_is_read(cache: Path, read: list[bytes]) -> None:
    """An unlinked file looks like one that was written to, and is read before it is believed."""
    delete_tree(cache.parent / "one")
    assert _link(cache, "three")
    assert sorted(read) == [b"0", b"1"]


def test_removing_hides_no_tampering(cache: Path) -> None:
    """A file that was changed before its environment went is found out afterwards."""
    poisoned = cache.parent / "two/a.py"
    status = poisoned.stat()
    poisoned.write_bytes(b"x = 6\n")
    os.utime(poisoned, ns=(status.st_atime_ns, status.st_mtime_ns))
    with Witness(cache, [WHEEL]) as witness:
        delete_tree(cache.parent / "one", witness.saw)
        delete_tree(cache.parent / "two", witness.saw)
    assert not _link(cache, "three")


def test_an_entry_in_use_is_left_alone(cache: Path, read: list[bytes]) -> None:
    """Who links at the same time is not disturbed; the entry is read the next time."""
    entries = Entries(cache / "wheels")
    with entries.making(WHEEL), Witness(cache, [WHEEL]) as witness:
        delete_tree(cache.parent / "one", witness.saw)
    assert _link(cache, "three")
    assert sorted(read) == [b"0", b"1"]


def test_a_wheel_that_is_not_kept_is_no_error(cache: Path) -> None:
    """What the cache has lost needs no witness."""
    with Witness(cache, ["1" * 64]) as witness:
        delete_tree(cache.parent / "one", witness.saw)
    assert not (cache.parent / "one").exists()
