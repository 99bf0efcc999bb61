"""Entries that environments link: whole or absent, and believed while nobody touches them."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.file_locks import locked
from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.linking import SitePackages
from tests.support.entries import counted_entries, date_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAME = "f" * 64
_TICK = 0.012
"""Seconds in which the kernel's times of change may stay the same."""

FILES = {"pkg/a.py": b"a = 1\n", "pkg/b/c.py": b"c = 22\n", "../bin/tool": b"\x7fELF"}
ODD = {
    "pkg/\udcff.py": b"x = 1\n",
    "pkg/M.py": b"x = 2\n",
    "pkg/m.py": b"x = 3\n",
    "pkg/a,b\n.py": b"",
}


class Cache:
    """Entries in a folder, the environments that link them, and what was read meanwhile."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: list[bytes] = []
        self.entries = counted_entries(root / "cache", self.read)
        assert self.entries.is_usable()

    def make(self, files: Mapping[str, bytes] = FILES, *, name: str = NAME) -> None:
        """Make an entry of these files, as a build does."""
        with self.entries.making(name):
            scratch = self.entries.begin(name)
            rows = []
            for number, (path, content) in enumerate(files.items()):
                (scratch / str(number)).write_bytes(content)
                (scratch / str(number)).chmod(0o444)
                rows.append((path, hashlib.sha256(content).hexdigest()))
            self.entries.publish(name, scratch, rows, {"some": "fact"})

    def link(self, environment: str, *, name: str = NAME, skip: tuple[str, ...] = ()) -> bool:
        """Link the entry into an environment of this name; whether it was there and intact."""
        linked = self.entries.link(name, SitePackages(self.site(environment)), skip=skip)
        time.sleep(_TICK)
        return linked is not None

    def site(self, environment: str) -> Path:
        """An environment's site-packages folder."""
        folder = self.root / environment / "lib"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def content(self, environment: str) -> dict[str, bytes]:
        """What is in an environment."""
        site = self.site(environment)
        return {path: (site / path).read_bytes() for path in FILES if (site / path).exists()}

    @property
    def folder(self) -> Path:
        """Where the entry lies."""
        return self.entries.folder(NAME)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache with one entry."""
    made = Cache(tmp_path)
    made.make()
    return made


def overwrite(path: Path, content: bytes) -> None:
    """Write other content through a link and hide it: size, mode and mtime stay."""
    status = path.stat()
    assert status.st_size == len(content)
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(status.st_mode & 0o777)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_environments_share_the_files(cache: Cache) -> None:
    """Every environment holds the same inodes, at the places that the entry names, and none is read."""
    assert cache.link("one")
    assert cache.link("two")
    assert cache.content("one") == FILES
    for path in FILES:
        assert (cache.site("one") / path).samefile(cache.site("two") / path)
    assert cache.read == []
    found = cache.entries.believed(NAME)
    assert found is not None
    assert dict(found[0].facts) == {"some": "fact"}


def test_a_poisoned_file_goes_no_further(cache: Cache) -> None:
    """Content changed through one environment's link, size and times kept, is found by its ctime."""
    cache.link("one")
    overwrite(cache.site("one") / "pkg/a.py", b"a = 2\n")
    assert not cache.link("two")
    assert cache.content("two") == {}
    assert not cache.entries.has(NAME)
    cache.make()
    assert cache.link("two")
    assert cache.content("two") == FILES


def test_what_was_touched_alone_is_read_and_believed(cache: Cache) -> None:
    """A link more or less moves the ctime: such a file is read once, and not again afterwards."""
    cache.link("one")
    os.link(cache.site("one") / "pkg/a.py", cache.root / "another")
    shutil.rmtree(cache.root / "one/bin")
    assert cache.link("two")
    assert sorted(cache.read) == [b"0", b"2"]
    assert cache.link("three")
    assert len(cache.read) == 2


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.chmod(0o644),
        os.utime,
        lambda path: path.unlink(),
        lambda path: os.truncate(path, 1),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
        lambda path: path.with_name("1").replace(path),
        lambda path: (shutil.copy2(path, path.with_name("x")), path.with_name("x").replace(path)),
        lambda path: (path.parent / "table").write_text("{}"),
        lambda path: (path.parent / "table").write_bytes(
            (path.parent / "table").read_bytes().replace(b"pkg/a.py", b"pkg/x.py")
        ),
        lambda path: (path.parent / "table").unlink(),
        lambda path: (path.parent / "stamp").write_text(""),
        lambda path: (path.parent / "stamp").write_bytes(b"\xff\0 \xff"),
        lambda path: (path.parent / "stamp").write_text("a b c d"),
        lambda path: (path.parent / "stamp").unlink(),
        lambda path: shutil.rmtree(path.parent),
    ],
)
def test_a_damaged_entry_is_gone(cache: Cache, harm: Callable[[Path], object]) -> None:
    """Whatever was done to a file, the table or the stamp, nothing of it is linked, and it is made anew."""
    harm(cache.folder / "0")
    assert not cache.link("one")
    assert cache.content("one") == {}
    assert not cache.folder.exists()
    cache.make()
    assert cache.link("one")


def copied_entries(cache: Cache, read: list[bytes]) -> Entries:
    """The cache, copied with the times that an image has: whole seconds."""
    copied = cache.root / "copied"
    subprocess.run(["cp", "-a", cache.entries.root, copied], check=True)
    for path in copied.glob("*/[0-9]*"):
        seconds = int(path.stat().st_mtime)
        os.utime(path, (seconds, seconds))
    return counted_entries(copied, read)


def test_a_copied_cache_is_read_once(cache: Cache) -> None:
    """A copy has neither the inodes nor the ctimes, and perhaps not the mtimes: every file is read, then believed."""
    cache.link("one")
    read: list[bytes] = []
    other = copied_entries(cache, read)
    linked = None
    for environment in ("two", "three"):
        linked = other.link(NAME, SitePackages(cache.site(environment)))
        assert linked is not None
        assert cache.content(environment) == FILES
        assert len(read) == len(FILES)
        time.sleep(_TICK)
    assert linked is not None
    (inode,) = (file.inode for file in linked.entry.files if file.path == "pkg/a.py")
    assert inode == (cache.site("three") / "pkg/a.py").stat().st_ino


def test_a_changed_copy_is_made_anew(cache: Cache) -> None:
    """Of the same size: its content decides."""
    cache.link("one")
    other = copied_entries(cache, [])
    overwrite(other.folder(NAME) / "0", b"a = 2\n")
    assert other.link(NAME, SitePackages(cache.site("two"))) is None
    assert not other.has(NAME)
    assert cache.link("two"), "the original is as good as before"


def test_a_clock_that_was_set_back_hides_nothing(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change at a time before the last linking is read as one after it is."""
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 3600 * 10**9)
    cache.link("one")  # as if the clock had been an hour ahead; the kernel's was not
    assert cache.read == []
    assert cache.link("two")
    assert len(cache.read) == len(FILES)
    overwrite(cache.site("one") / "pkg/a.py", b"a = 2\n")
    assert not cache.link("three")


@pytest.mark.parametrize("synced", [True, False])
def test_another_boot_believes_what_was_synced(cache: Cache, *, synced: bool) -> None:
    """What may not have reached the disk before a power cut is read once, and then after each sync never."""
    if synced:
        cache.entries.settle([NAME, "none of that name"])
    date_back(cache.folder)
    assert cache.link("one")
    assert len(cache.read) == (0 if synced else len(FILES))
    cache.entries.settle([NAME])
    cache.read.clear()
    assert cache.link("two")
    assert cache.read == []


def test_a_file_that_a_power_cut_left_empty_is_found(cache: Cache) -> None:
    """An entry that was never synced is not believed by its looks after a boot."""
    overwrite(cache.folder / "0", b"\0" * len(FILES["pkg/a.py"]))
    date_back(cache.folder)
    os.utime(cache.folder / "stamp", ns=(0, 0))  # all ctimes lie in its window
    assert not cache.link("one")


def test_a_path_to_skip_keeps_what_was_known_of_it(cache: Cache) -> None:
    """A file that was not linked this time is neither read the next time nor believed if it was changed."""
    assert cache.link("one")
    assert cache.link("two", skip=("pkg/a.py",))
    assert set(cache.content("two")) == FILES.keys() - {"pkg/a.py"}
    assert cache.link("three")
    assert cache.read == []
    assert cache.link("four", skip=("pkg/a.py",))
    overwrite(cache.site("one") / "pkg/a.py", b"a = 2\n")
    assert not cache.link("five")


def test_what_stands_in_a_files_place_stays(cache: Cache) -> None:
    """A file, a folder, a file in a folder's place: each is told, and nothing is written over."""
    site = cache.site("one")
    (site / "pkg/a.py").mkdir(parents=True)
    (site / "pkg/b").write_text("no folder")
    linked = cache.entries.link(NAME, SitePackages(site))
    assert linked is not None
    assert [file.path for file in linked.met] == ["pkg/a.py", "pkg/b/c.py"]
    assert [file.path for file in linked.files] == ["../bin/tool"]
    assert (site / "pkg/b").read_text() == "no folder"


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EXDEV, errno.EPERM])
def test_a_file_system_that_has_no_more_links(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Files are copied then, each known as what it is now, and nothing is written over."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    (cache.site("one") / "pkg").mkdir()
    (cache.site("one") / "pkg/a.py").write_bytes(b"other")
    monkeypatch.setattr(os, "link", refuse)
    linked = cache.entries.link(NAME, SitePackages(cache.site("one")))
    assert linked is not None
    assert [file.path for file in linked.met] == ["pkg/a.py"]
    assert (cache.site("one") / "pkg/a.py").read_bytes() == b"other"
    for file in linked.files:
        status = (cache.site("one") / file.path).stat()
        assert (status.st_ino, status.st_mtime_ns) == (file.inode, file.mtime_ns)
        assert (status.st_nlink, status.st_mode & 0o777) == (1, 0o444)
    assert cache.content("one") == {**FILES, "pkg/a.py": b"other"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_does_not_take_a_link_is_an_error(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A half linked environment is no environment; the entry is as good as before."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse)
        with pytest.raises(OSError, match=os.strerror(number)):
            cache.link("one")
    assert cache.link("two")


def test_what_was_killed_while_it_was_made_is_no_entry(cache: Cache) -> None:
    """Neither a scratch folder nor one that was renamed but not stamped is linked unread."""
    cache.entries.discard(NAME)
    with cache.entries.making(NAME):
        left = cache.entries.begin(NAME)
        (left / "0").write_bytes(b"half")
    assert not cache.entries.has(NAME)
    assert not cache.link("one")
    cache.make()
    assert not left.exists()
    stamp = cache.folder / "stamp"
    content = stamp.read_text()
    stamp.unlink()
    time.sleep(0.06)
    stamp.write_text(
        content
    )  # as the kill after the rename leaves it: its window is its own writing
    assert cache.link("one")
    assert len(cache.read) == len(FILES)


def test_a_file_with_another_time_is_not_even_read(cache: Cache) -> None:
    """Where a file looks otherwise than it was cached, its content cannot help."""
    assert cache.link("one")
    os.utime(cache.site("one") / "pkg/a.py")
    assert not cache.link("two")
    assert cache.read == []


def test_who_cannot_have_the_lock_does_without(cache: Cache) -> None:
    """A lock that another holds on and on, or that cannot be opened, is no entry and no error."""
    hasty = Entries(cache.entries.root, patience=0.1)
    with locked(cache.entries.root / "locks" / NAME):
        assert hasty.link(NAME, SitePackages(cache.site("one"))) is None
    assert cache.link("one")
    (cache.entries.root / "locks" / NAME).unlink()
    (cache.entries.root / "locks" / NAME).mkdir()
    assert not cache.link("two")
    assert cache.entries.has(NAME)


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """Where no entries can be kept, that is known before any is asked for."""
    (tmp_path / "file").write_text("")
    assert not Entries(tmp_path / "file").is_usable()
    assert not Entries(tmp_path / "file" / "below").is_usable()


def test_threads_link_discard_and_make_at_once(cache: Cache) -> None:
    """Whoever links has the whole entry or none, whatever others do to it meanwhile."""
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            with cache.entries.making(NAME):
                cache.entries.discard(NAME)
            cache.make()
            time.sleep(_TICK)

    with ThreadPoolExecutor(max_workers=9) as pool:
        disturbing = pool.submit(disturb)
        done = list(pool.map(lambda n: (str(n), cache.link(str(n))), range(120)))
        stop.set()
        disturbing.result()
    assert any(linked for _, linked in done)
    for environment, linked in done:
        assert cache.content(environment) == (FILES if linked else {})


_PROGRAM = """
import sys
from pathlib import Path
from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.linking import SitePackages
from tests.support.entries import counted_entries, date_back
entries = Entries(Path(sys.argv[1]))
for number in range(40):
    site = Path(sys.argv[2], str(number))
    site.mkdir(parents=True)
    assert entries.link(sys.argv[3], SitePackages(site)) is not None
"""


def test_processes_link_at_once(cache: Cache) -> None:
    """No process takes another's linking for somebody's change: nothing is read, nothing discarded."""
    argv = [sys.executable, "-c", _PROGRAM, str(cache.entries.root)]
    started = [
        subprocess.Popen([*argv, str(cache.root / f"process-{number}"), NAME])
        for number in range(4)
    ]
    assert [process.wait(timeout=60) for process in started] == [0] * 4
    assert cache.link("after")
    assert cache.read == []


def test_odd_names_are_linked_as_they_are(cache: Cache) -> None:
    """Names that are no UTF-8, that differ in case alone, or that hold commas and line ends."""
    cache.make(ODD, name="e" * 64)
    assert cache.link("one", name="e" * 64)
    site = cache.site("one")
    assert {path: (site / path).read_bytes() for path in ODD} == ODD
