"""Whoever has an account on the host: he cannot change, stop, starve or misdirect what others run."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.deletion import delete_tree
from envbuild.posix.file_locks import locked
from tests.security.conftest import web
from tests.support.plain_user import NOBODY, by_stranger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import FaultProxy, ProxyHandler

__all__ = ["web"]


@dataclass(kw_only=True, slots=True)
class Intrusion:
    """A stranger who writes into every environment while one of its wheels is on its way."""

    store: Path
    attempts: int = 0

    def strike(self, handler: ProxyHandler) -> None:
        """Let him try, then give what was asked for."""
        script = 'for place in "$0"/envs/*/ "$0"/envs/*/lib/*/*/; do echo > "$place/x.pth"; done'
        by_stranger("/bin/sh", "-c", script, self.store)
        self.attempts += len(list((self.store / "envs").iterdir()))
        reply = handler.fetch()
        handler.begin(reply)
        handler.send(reply.body)


@pytest.mark.root
def test_nobody_enters_what_is_being_built(
    web: CommandLine, faults: FaultProxy, store: Path
) -> None:
    """The attacker is any user, while root syncs with the umask 000; he controls nothing but his timing.

    What he plants into an environment under construction would run as whoever starts the driver.
    """
    through = {"ENVBUILD_INDEX_DEFAULT_URL": faults.url}
    intrusion = Intrusion(store=store)
    faults.inject(r"\.whl$", intrusion)
    open_to_all = ("sh", "-c", 'umask 000; exec "$0" "$@"')
    web.wrapped(open_to_all, "sync", env=through, check=True)
    assert intrusion.attempts == 1
    assert not list(store.rglob("x.pth"))
    shared = (path for path in store.rglob("*") if store / "cache" not in path.parents)
    assert [path for path in shared if path.lstat().st_mode & 0o022 and not path.is_symlink()] == []


@pytest.mark.root
def test_nobody_else_can_hold_a_lock(web: CommandLine, store: Path) -> None:
    """The attacker is any user on root's store; who can open a lock's file can hold it and stop everybody."""
    web("sync", check=True)
    locks = list((store / "locks").iterdir())
    assert locks
    assert {stat.S_IMODE(lock.stat().st_mode) for lock in locks} == {0o600}
    locks[0].chmod(0o666)  # as a restore may have left it
    with locked(locks[0]):
        assert stat.S_IMODE(locks[0].stat().st_mode) == 0o600
    script = 'for file in "$0"/locks/*; do cat "$file" && echo "$file"; done'
    assert by_stranger("/bin/sh", "-c", script, store).stdout == ""


@pytest.mark.root
def test_what_root_locks_in_the_store_of_a_user_is_the_users(scratch: Path) -> None:
    """Root's help with another user's store does not lock him out of it."""
    folder = scratch / "locks"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with locked(folder / "x.lock"):
        status = (folder / "x.lock").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (NOBODY, 0o600)


def test_who_waits_says_for_whom_and_ends(web: CommandLine, store: Path) -> None:
    """The attacker is a program of the store's owner that never lets go, and calls itself what it likes.

    It cannot hang others for ever, and what it calls itself moves no terminal's cursor.
    """
    web("sync", check=True)
    with held(store / "locks" / "generations.lock", "\x1b[2Jroot\n::error::") as pid:
        result = web("--wait-lock", "2.2", "gc")
    assert result.code == 5
    assert "another envbuild has held " in result.stderr
    assert f"generations.lock, which is held by pid {pid} of user " in result.stderr
    assert r"\x1b[2Jroot\n::error::" in result.stderr
    assert "\x1b" not in result.stderr
    assert "--wait-lock SECONDS" in result.stderr
    assert len(result.stderr.splitlines()) == 4, result


@pytest.mark.parametrize("seconds", ["-1", "soon", "nan", "1e9"])
def test_a_wait_is_a_number_of_seconds(web: CommandLine, seconds: str) -> None:
    """Nobody waits for ever by mistake."""
    assert web(f"--wait-lock={seconds}", "gc").code == 2


@contextmanager
def held(lock: Path, word: str) -> Iterator[int]:
    """Another process that holds a lock, started with this word; its pid."""
    code = "import fcntl,sys;f=open(sys.argv[2]);fcntl.flock(f,2);print(1,flush=True);input()"
    argv = (sys.executable, "-c", code, word, lock)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_what_is_written_goes_through_no_planted_link(web: CommandLine, scratch: Path) -> None:
    """The attacker owns the folder that root exports to, and knows the number of root's process.

    He plants a link where the new file is written before it is moved into place.
    """
    web("sync", check=True)
    out, victim = scratch / "out", scratch / "victim"
    out.mkdir()
    victim.write_text("precious")
    victim.chmod(0o600)
    plant = 'ln -s "$0" "$1/.envbuild.env.$$.tmp"; ln -s "$0" "$1/envbuild.env"; shift; exec "$@"'
    wrapper = ("sh", "-c", plant, str(victim), str(out))
    web.wrapped(wrapper, "export", "env", "--out", str(out), check=True)
    assert victim.read_text() == "precious"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    assert not (out / "envbuild.env").is_symlink()


def test_deleting_follows_no_folder_that_became_a_link(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attacker may write into a tree that root deletes, and swaps a folder for a link in the nick of time."""
    tree, victim = scratch / "tree", scratch / "victim"
    for folder in (tree / "inner", victim):
        folder.mkdir(parents=True)
        (folder / "file").write_text("precious")

    def swapping(real: Callable[..., object]) -> Callable[..., object]:
        def swapped(path: object, *rest: object, **more: object) -> object:
            if str(path).rstrip("'").endswith("inner") and not (tree / "inner").is_symlink():
                (tree / "inner").rename(tree / "aside")
                (tree / "inner").symlink_to(victim)
            return real(path, *rest, **more)

        return swapped

    monkeypatch.setattr(os, "chdir", swapping(os.chdir))
    monkeypatch.setattr(os, "open", swapping(os.open))
    delete_tree(tree)
    assert (victim / "file").read_text() == "precious"
    assert not (tree / "inner").exists() or (tree / "inner").is_symlink()


def test_caches_are_their_owners_alone(web: CommandLine, isolation: Path) -> None:
    """The attacker is any user; what indexes said, and to whom, lies in folders that he cannot enter.

    One that somebody has opened is closed again.
    """
    cache = isolation / ".cache" / "envbuild"
    shutil.rmtree(isolation / ".cache")
    open_to_all = ("sh", "-c", 'umask 000; exec "$0" "$@"')
    web.wrapped(open_to_all, "lock", "--upgrade", check=True)
    folders = [path for path in (cache, *cache.iterdir()) if path.is_dir() and path.name != "uv"]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    cache.chmod(0o777)
    web("lock", "--upgrade", check=True)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
