"""The quick way and the slow way to compare an environment with its record, for any tree and any changes."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.environment.stat_check import are_as_recorded
from envbuild.environment.stat_list import differing_paths, record_environment
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = st.lists(st.sampled_from([b"a", b"b", b"\n", b" ", b"\xff", b"."]), min_size=1, max_size=3)
PATHS = st.lists(
    NAMES.map(b"".join).filter(lambda name: name.strip(b".") != b""), min_size=1, max_size=3
).map(lambda parts: os.fsdecode(b"/".join(parts)))
KINDS = st.sampled_from(["file", "folder", "link"])
TREES = st.lists(st.tuples(PATHS, KINDS), max_size=12)


def _make(path: Path, kind: str) -> None:
    """Put something there, unless anything stands in the way."""
    if os.path.lexists(path) or any(
        os.path.lexists(above) and not above.is_dir() for above in path.parents
    ):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("a")
    else:
        path.write_text("content")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        for entry in path.iterdir():
            _remove(entry)
        path.rmdir()
    else:
        path.unlink()


def _swap(path: Path) -> None:
    """A folder instead of a file, a file instead of anything else."""
    folder = path.is_file() and not path.is_symlink()
    _remove(path)
    if folder:
        path.mkdir()
    else:
        path.write_text("content")


def _copy(path: Path) -> None:
    """A file's content, mode and time in another inode."""
    if path.is_file() and not path.is_symlink():
        before = path.stat()
        other = path.with_name("other")
        other.write_bytes(path.read_bytes())
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(path)


def _change_mode(path: Path) -> None:
    if not path.is_symlink():
        path.chmod(0o700 if path.stat().st_mode & 0o777 != 0o700 else 0o755)


def _rename(path: Path) -> None:
    other = path.with_name("other name")
    if not os.path.lexists(other):
        path.rename(other)


def _pretend(path: Path) -> None:
    """Move a folder's times and nothing else."""
    if path.is_dir() and not path.is_symlink():
        (path / "new").touch()
        (path / "new").unlink()


CHANGES: dict[str, Callable[[Path], object]] = {
    "remove": _remove,
    "swap": _swap,
    "copy": _copy,
    "mode": _change_mode,
    "pretend": _pretend,
    "touch": lambda path: os.utime(path, follow_symlinks=False),
    "rename": _rename,
    "add": lambda path: _make(path / "more", "file"),
    "link": lambda path: _make(path.with_name("a link"), "link"),
}


def _looks(root: Path) -> set[tuple[object, ...]]:
    """Path, mode and inode of everything, size and time of what is no folder."""
    seen = [(path, path.lstat()) for path in (root, *root.rglob("*"))]
    return {
        (path, at.st_mode, at.st_ino)
        if stat.S_ISDIR(at.st_mode)
        else (path, at.st_mode, at.st_ino, at.st_size, at.st_mtime_ns)
        for path, at in seen
    }


@settings(max_examples=examples(150), deadline=None)
@given(
    tree=TREES,
    changes=st.lists(st.tuples(st.integers(0, 20), st.sampled_from(sorted(CHANGES))), max_size=3),
    settled=st.booleans(),
)
def test_both_ways_say_the_same(
    tree: list[tuple[str, str]], changes: list[tuple[int, str]], *, settled: bool
) -> None:
    """Whatever stands in an environment and whatever happens to it, being quick overlooks nothing.

    Nor does it find what is not there. The folders may have been filled just before the record was written.
    """
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "env"
        root.mkdir()
        for path, kind in tree:
            _make(root / path, kind)
        if settled:
            time.sleep(0.012)
        before = _looks(root)
        record = record_environment(root)
        assert are_as_recorded([(record, root)], 1) == [True]
        for place, change in changes:
            there = sorted(root.rglob("*"))
            if there:
                CHANGES[change](there[place % len(there)])
        clean = before == _looks(root)
        assert are_as_recorded([(record, root)], 1) == [clean]
        assert (differing_paths(record, root) == []) == clean
