"""What a killed process leaves in the folder for temporary files, and who removes it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from envbuild.posix.scratch import remove_leftovers, scratch_folder

_HOLDER = """
import time
from envbuild.posix.scratch import scratch_folder
with scratch_folder("build") as folder:
    (folder / "source").mkdir()
    (folder / "source/a").write_text("a")
    (folder / "source").chmod(0)
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_empty_and_goes() -> None:
    """A folder for as long as the block runs; another one removes nothing that is in use."""
    with scratch_folder("build") as folder:
        with scratch_folder("build") as other:
            assert other != folder
            assert folder.is_dir()
        remove_leftovers()
        assert folder.is_dir()
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """As long as it lives its folder stays; after `kill -9` the next one removes it, whatever modes it has."""
    argv = (sys.executable, "-c", _HOLDER)
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        try:
            remove_leftovers()
            assert folder.is_dir()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    assert folder.is_dir()
    with scratch_folder("source"):
        assert not folder.exists()


@pytest.mark.parametrize("trap", ["link", "lock", "file", "none", "fifo"])
def test_what_others_lay_there_stays(tmp_path: Path, trap: str) -> None:
    """A link is not followed, no lock means no, and nothing hangs on a pipe."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / ".alive").touch()
    (victim / "file").touch()
    left = tmp_path / "envbuild-scratch-build-trap"
    if trap == "link":
        left.symlink_to(victim)
    elif trap == "file":
        left.touch()
    else:
        left.mkdir()
    if trap == "lock":
        (left / ".alive").symlink_to(victim / ".alive")
    elif trap == "fifo":
        os.mkfifo(left / ".alive")
    remove_leftovers()
    assert os.path.lexists(left)
    assert (victim / "file").exists()


@pytest.mark.root
def test_the_folders_of_other_users_stay(tmp_path: Path) -> None:
    """Root removes what root has left, and not what somebody else called so."""
    for name, owner in (("theirs", 65534), ("mine", 0)):
        folder = tmp_path / f"envbuild-scratch-build-{name}"
        folder.mkdir()
        (folder / ".alive").touch()
        os.chown(folder, owner, -1)
    lock = tmp_path / "envbuild-scratch-build-half"
    lock.mkdir()
    (lock / ".alive").touch()
    os.chown(lock / ".alive", 65534, -1)
    remove_leftovers()
    assert sorted(path.name.rpartition("-")[2] for path in tmp_path.iterdir()) == ["half", "theirs"]


def test_a_held_lock_says_that_it_lives(tmp_path: Path) -> None:
    """Whoever holds the lock, its folder stays; when it is free, it goes."""
    folder = tmp_path / "envbuild-scratch-trees-one"
    folder.mkdir()
    with (folder / ".alive").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_leftovers()
        assert folder.is_dir()
    remove_leftovers()
    assert not folder.exists()
