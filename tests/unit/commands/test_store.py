"""What a store holds, and how a whole one is removed."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from envbuild.commands.store import remove_store, store_info
from envbuild.errors import EnvbuildError, HostError, NoError
from envbuild.report.whole_store import (
    info_table,
    removed_table,
    render_info,
    render_removed,
)
from envbuild.store.store import Store
from tests.support.small_store import make_store

if TYPE_CHECKING:
    from pathlib import Path

_BIG = 1 << 20


@pytest.fixture
def made(scratch: Path) -> Store:
    """Two generations of a driver."""
    return make_store(scratch / "s", [("asr", "1.0")], [("asr", "2.0")])


def test_a_store_is_told_in_numbers(made: Store) -> None:
    """Generations, environments, and what each part takes; a file that is in two of them counts once, in neither."""
    (made.cache / "shared").write_bytes(b"x" * _BIG)
    os.link(made.cache / "shared", made.environment("asr-1.0-0") / "shared")
    (made.cache / "own").write_bytes(b"x" * 2 * _BIG)
    (made.root / "notes.txt").write_text("mine")
    info = store_info(made)
    assert (info.current, info.generations, info.environments) == (2, 2, 2)
    assert 3 * _BIG <= info.size < 4 * _BIG
    parts = dict(info.parts)
    assert 2 * _BIG <= parts["cache"] < 3 * _BIG
    assert parts["envs"] < _BIG
    assert info.foreign == ("notes.txt",)
    assert info_table(info)["parts"] == parts
    assert "generations      2, 2 is current\n" in render_info(info)


def test_a_removed_store_is_gone(made: Store) -> None:
    """Read-only folders too, and leftovers of killed commands; the folder itself goes."""
    made.environment("asr-1.0-0").chmod(0o555)
    (made.root / ".envbuild-store.json.0123456789abcdef").touch()
    (made.root / ".current.0123456789abcdef").touch()
    result = remove_store(made)
    assert not made.root.exists()
    assert result.freed > 0
    assert result.foreign == ()
    assert removed_table(result)["root"] == str(made.root)


def test_what_is_not_envbuilds_stays(made: Store) -> None:
    """Somebody's notes in the store's folder are named and kept, and what is left is no store any more."""
    (made.root / "notes.txt").write_text("mine")
    result = remove_store(made)
    assert [path.name for path in made.root.iterdir()] == ["notes.txt"]
    assert "notes.txt" in render_removed(result)
    with pytest.raises(HostError, match="is not a store"):
        remove_store(made)


def test_what_is_no_store_is_not_removed(scratch: Path) -> None:
    """A folder without the marker stays as it is, whatever the names in it are."""
    (scratch / "s/envs").mkdir(parents=True)
    with pytest.raises(HostError, match="is not a store"):
        remove_store(Store(root=scratch / "s"))
    assert (scratch / "s/envs").is_dir()


def test_a_store_in_use_is_not_removed(made: Store) -> None:
    """A process that holds a lease keeps the whole store."""
    lease = made.environment("asr-1.0-0") / ".lease"
    lease.touch()
    with lease.open("rb") as held:
        fcntl.fcntl(held, fcntl.F_OFD_SETLK, bytes(32))
        with pytest.raises(NoError, match="is in use by"):
            remove_store(made)
    assert made.read_current() is not None
    remove_store(made)
    assert not made.root.exists()


def test_a_store_in_which_another_works_is_not_removed(made: Store) -> None:
    """A build holds the lock of the caches all the time."""
    with made.using_cache(), pytest.raises(EnvbuildError, match="another envbuild is using"):
        remove_store(made)
    assert made.exists()
