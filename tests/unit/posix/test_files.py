"""Files that are whole or absent, tried with real ones: readers, killed writers, several processes."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from envbuild.posix.files import (
    replace_content,
    replace_link,
    sweep,
    sync_file_system,
    sync_folder,
    write_atomically,
    write_if_changed,
)

LEFT = "0123456789abcdef"
"""The part of a scratch file's name that is random."""


def mode_of(path: Path) -> int:
    """A file's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    """Everything in a folder, hidden files included."""
    return sorted(os.listdir(folder))  # noqa: PTH208


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_a_file_is_written_with_its_mode(project: Path, sync: bool, umask: int) -> None:
    """Content and mode are as asked for, whatever the umask, and nothing else is left."""
    before = os.umask(umask)
    try:
        write_atomically(project / "f", b"new", mode=0o640, sync=sync)
    finally:
        os.umask(before)
    assert (project / "f").read_bytes() == b"new"
    assert mode_of(project / "f") == 0o640
    assert names(project) == ["f"]


def test_an_old_file_is_replaced_and_not_written_into(project: Path) -> None:
    """Who has the old file open reads the old content to its end."""
    path = project / "f"
    path.write_bytes(b"old content")
    with path.open("rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old content"
    assert path.read_bytes() == b"new"


def test_a_link_is_replaced_by_the_file(project: Path) -> None:
    """What a link pointed at is left alone."""
    (project / "other").write_bytes(b"other")
    (project / "f").symlink_to("other")
    write_atomically(project / "f", b"new")
    assert (project / "other").read_bytes() == b"other"
    assert not (project / "f").is_symlink()


def test_a_failed_write_leaves_the_old_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs nothing that was there, and leaves no half file beside it."""

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = project / "f"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(project) == ["f"]


def test_a_full_disk_leaves_the_old_file(project: Path) -> None:
    """The same where the write itself does not fit."""
    path = project / "f"
    path.write_bytes(b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from envbuild.posix.files import write_atomically;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "write_atomically(Path(sys.argv[1]), b'n' * 5000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "File too large" in done.stderr
    assert path.read_bytes() == b"old"
    assert names(project) == ["f"]


def test_a_folder_in_the_way_is_an_error_without_remains(project: Path) -> None:
    """What cannot be replaced stays, and nothing is left beside it."""
    (project / "f").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(project / "f", b"new")
    assert names(project) == ["f"]


def test_a_missing_folder_is_an_error(project: Path) -> None:
    """Folders are made by whoever owns them, not on the way."""
    with pytest.raises(FileNotFoundError):
        write_atomically(project / "gone" / "f", b"new")


def test_the_longest_name_of_a_receipt_can_be_written(project: Path) -> None:
    """A driver's longest name with a long version still leaves room for the file beside it."""
    name = "d" * 40 + "-" + "1" * 120 + "-0123456789ab.json"
    write_atomically(project / name, b"{}")
    assert names(project) == [name]


def test_readers_meet_whole_files_alone(project: Path) -> None:
    """While a file is written again and again, every reader finds one content in whole."""
    path = project / "f"
    contents = [bytes([65 + number]) * 50_000 for number in range(4)]
    write_atomically(path, contents[0], sync=False)
    ended = threading.Event()

    def write() -> None:
        for number in range(300):
            write_atomically(path, contents[number % 4], sync=False)
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    reads = 0
    while not ended.is_set() or reads < 10:
        assert path.read_bytes() in contents
        reads += 1
    thread.join()


def test_threads_that_write_one_file_do_not_mix(project: Path) -> None:
    """Two drivers that learn the same thing at once write it one after the other, each in whole."""
    path = project / "f"
    contents = [bytes([65 + number]) * 20_000 for number in range(8)]

    def write(content: bytes) -> None:
        for _ in range(40):
            write_atomically(path, content, sync=False)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, contents))
    assert names(project) == ["f"]


WRITER = """
import sys
from pathlib import Path
from envbuild.posix.files import write_atomically
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        write_atomically(Path(sys.argv[1]), letter * 200_000, sync=False)
"""


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.01, 0.02, 0.03])
def test_a_killed_writer_leaves_the_old_file_or_the_new(project: Path, delay: float) -> None:
    """`kill -9` at any moment costs nothing but a file beside it, which the next one sweeps away."""
    path = project / "f"
    write_atomically(path, b"a" * 200_000)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
    assert path.read_bytes() in (b"a" * 200_000, b"b" * 200_000)
    sweep(project)
    assert names(project) == ["f"]


def test_sweeping_leaves_who_writes_alone(project: Path) -> None:
    """Eight syncs at once sweep the same folder while others write receipts into it."""
    ended = threading.Event()

    def sweep_on() -> None:
        while not ended.is_set():
            sweep(project)

    threads = [threading.Thread(target=sweep_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(400):
            write_atomically(project / f"f{number % 5}", str(number).encode(), sync=False)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert [name for name in names(project) if not name.startswith("f")] == []


def test_sweeping_touches_nothing_else(project: Path) -> None:
    """Only what an atomic write left is removed; a link of such a name leads nowhere."""
    kept = ["f", ".f", f"f.{LEFT}.tmp", ".f.tmp", ".f.12.tmp", f".{LEFT}.tmp"]
    for name in kept:
        (project / name).write_bytes(b"")
    (project / f".f.{LEFT}.tmp").write_bytes(b"half")
    (project / f".link.{LEFT}.tmp").symlink_to("f")
    (project / f".folder.{LEFT}.tmp").mkdir()
    sweep(project)
    assert names(project) == sorted([*kept, f".link.{LEFT}.tmp", f".folder.{LEFT}.tmp"])


def test_an_unchanged_file_is_not_written(project: Path) -> None:
    """A cache that holds the same is left as it is; a sync with nothing to do writes nothing."""
    path = project / "f"
    write_if_changed(path, b"one")
    assert mode_of(path) == 0o600
    before = path.stat()
    write_if_changed(path, b"one")
    assert path.stat().st_ino == before.st_ino
    write_if_changed(path, b"two")
    assert path.read_bytes() == b"two"


def test_a_link_is_never_missing_while_it_moves(project: Path) -> None:
    """A service that starts at the very moment of a switch finds the old generation or the new one."""
    link = project / "current"
    replace_link(link, "generations/0")
    ended = threading.Event()
    seen: set[str] = set()
    problems: list[OSError] = []

    def read() -> None:
        while not ended.is_set():
            try:
                seen.add(os.readlink(link))  # noqa: PTH115
            except OSError as error:
                problems.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, 200):
        replace_link(link, f"generations/{number}")
    ended.set()
    thread.join()
    assert problems == []
    assert seen <= {f"generations/{number}" for number in range(200)}
    assert names(project) == ["current"]


def test_what_a_killed_switch_left_does_not_hinder_the_next(project: Path) -> None:
    """A link that was made and not yet moved into place is made anew."""
    (project / ".current.tmp").symlink_to("generations/7")
    replace_link(project / "current", "generations/8")
    assert (project / "current").readlink() == Path("generations/8")
    assert names(project) == ["current"]


@pytest.mark.parametrize(
    ("before", "mode", "after"),
    [(0o600, 0o644, 0o600), (0o664, 0o644, 0o664), (0o640, 0o755, 0o740)],
)
def test_a_file_hands_its_mode_on(project: Path, before: int, mode: int, after: int) -> None:
    """What its owner has closed to others is not opened by writing it anew; a program can be run."""
    path = project / "f"
    path.write_bytes(b"old")
    path.chmod(before)
    write_atomically(path, b"new", mode=mode, keep_mode=True)
    assert mode_of(path) == after
    path.unlink()
    write_atomically(path, b"new", mode=mode, keep_mode=True)
    assert mode_of(path) == mode


def test_what_is_no_file_is_not_read_to_compare(project: Path) -> None:
    """A link or a pipe in a cache file's place is replaced: nobody waits for it, and nothing is read through it."""
    (project / "other").write_bytes(b"same")
    (project / "link").symlink_to("other")
    os.mkfifo(project / "pipe")
    for name in ("link", "pipe"):
        write_if_changed(project / name, b"same")
        assert stat.S_ISREG((project / name).lstat().st_mode)


def test_a_folder_can_be_synced_and_a_file_not(project: Path) -> None:
    """Syncing a folder's entries is for folders; anything else is said."""
    sync_folder(project)
    (project / "f").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        sync_folder(project / "f")


def test_a_file_system_is_synced_by_any_of_its_paths(project: Path) -> None:
    """Read-only files and folders will do; a path that is not there is said."""
    (project / "f").write_bytes(b"")
    (project / "f").chmod(0o444)
    sync_file_system(project)
    sync_file_system(project / "f")
    with pytest.raises(FileNotFoundError):
        sync_file_system(project / "gone")


class FailingLibrary:
    """A C library whose disk is broken."""

    def syncfs(self, _descriptor: int) -> int:
        """Fail as the kernel does."""
        ctypes.set_errno(errno.EIO)
        return -1


def test_a_disk_that_fails_to_sync_is_an_error(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No receipt is written for files that the disk did not take."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: FailingLibrary())
    with pytest.raises(OSError, match="Input/output error") as caught:
        sync_file_system(project)
    assert caught.value.errno == errno.EIO
    assert caught.value.filename == str(project)


def test_without_syncfs_everything_is_synced(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systems other than Linux have `sync` alone."""
    called: list[bool] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    monkeypatch.setattr(os, "sync", lambda: called.append(True))
    sync_file_system(project)
    assert called == [True]


def test_a_folder_gets_the_content_of_another(scratch: Path) -> None:
    """Files, folders and links take one another's places; what only the old one had is gone."""
    old, new = scratch / "old", scratch / "new"
    for folder in (old / "a/deep", old / "gone", new / "a/deep", new / "was-file"):
        folder.mkdir(parents=True)
    (old / "was-file").write_text("old")
    (old / "was-folder").mkdir()
    (old / "was-folder/x").write_text("old")
    (old / "gone/x").write_text("old")
    (old / "a/deep/same").write_text("old")
    (old / "a/link").symlink_to("deep")
    (new / "was-file/x").write_text("new")
    (new / "was-folder").write_text("new")
    (new / "a/deep/same").write_text("new")
    (new / "a/link").symlink_to("elsewhere")
    for folder in (new / "a/deep", new / "a", new / "was-file", new):
        folder.chmod(0o555)
    replace_content(old, new)
    assert sorted(str(path.relative_to(old)) for path in old.rglob("*")) == [
        "a",
        "a/deep",
        "a/deep/same",
        "a/link",
        "was-file",
        "was-file/x",
        "was-folder",
    ]
    assert [path.read_text() for path in sorted(old.rglob("*")) if path.is_file()] == ["new"] * 3
    assert str((old / "a/link").readlink()) == "elsewhere"
    folders = (old, old / "a", old / "a/deep", old / "was-file")
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o555}
