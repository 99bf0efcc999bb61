"""What killed writers leave beside their files is removed by the next command, and nobody's work with it."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from envbuild.posix.files import sweep
from tests.support.command_line import child_environment, declare_drivers
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

_RANDOM = "0123456789abcdef"
"""The part of a scratch file's name that differs each time."""

_WRITE_AND_HANG = """
import pathlib, sys, time
import envbuild.posix.files as files

def hang(descriptor):
    print("written", flush=True)
    time.sleep(60)

files.os.fsync = hang
files.write_atomically(pathlib.Path(sys.argv[1]), b"half")
"""


def _hanging_writer(path: Path) -> subprocess.Popen[str]:
    """A process that has written its scratch file and not yet put it in place."""
    argv = (sys.executable, "-c", _WRITE_AND_HANG, str(path))
    env = child_environment()
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def test_a_writer_that_lives_is_left_alone(tmp_path: Path) -> None:
    """Its scratch file stays; once it is killed, the file is what the next sweep removes."""
    with _hanging_writer(tmp_path / "receipt.json") as process:
        (scratch,) = tmp_path.glob(".receipt.json.*.tmp")
        sweep(tmp_path)
        assert scratch.exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert scratch.exists()
        sweep(tmp_path)
        assert not list(tmp_path.iterdir())


def test_only_scratch_files_are_swept(tmp_path: Path) -> None:
    """Nothing is removed that is not called like one, nor a link or a folder."""
    for name in (".notes.tmp", "web.toml", ".web.toml.x.tmp", f"a.{_RANDOM}.tmp"):
        (tmp_path / name).touch()
    (tmp_path / f".link.{_RANDOM}.tmp").symlink_to("web.toml")
    (tmp_path / f".folder.{_RANDOM}.tmp").mkdir()
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_the_next_lock_and_sync_tidy_up(
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    store: Path,
    python_version: str,
) -> None:
    """Neither the lockfiles' folder, which is committed, nor the store keeps scratch files."""
    index.add(command_wheel("web"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    index.add(command_wheel("web", "1.1"))
    left = [project / f"locks/.web.toml.{_RANDOM}.tmp"]
    left += [store / f".{name}.{_RANDOM}.tmp" for name in ("envbuild-store.json", "current")]
    left += [store / f"{name}/.x.json.{_RANDOM}.tmp" for name in ("receipts", "records", "cache")]
    for path in left:
        path.touch(0o600)
    (store / ".current.tmp").symlink_to("generations/7")
    half = store / "generations/.2.tmp"
    (half / "bin").mkdir(parents=True)
    (half / "web").symlink_to("../../envs/web-1.0-gone")
    run_envbuild("lock", "--upgrade", check=True)
    run_envbuild("sync", check=True)
    assert not [path for path in left if path.exists()]
    assert not half.exists()
    assert not (store / ".current.tmp").is_symlink()
    assert str((store / "current").readlink()) == "generations/2"
