"""Whoever has an account on the host: he cannot change, stop, starve or misdirect what others run."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.deletion import delete_tree
from envbuild.posix.file_locks import locked
from tests.support.command_line import declare_drivers
from tests.support.plain_user import NOBODY, by_stranger
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import FaultProxy, ProxyHandler
    from tests.support.index_server import IndexServer

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="NOT TESTED: needs root to become another user"
)


@pytest.fixture
def web(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """The command line, with a driver `web` that is locked."""
    index.add(command_wheel("web"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    return run_envbuild


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
@needs_root
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
@needs_root
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
@needs_root
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


UNKNOWN = """
import ctypes
words = open("/proc/self/stat").read().rpartition(")")[2].split()
start, end = int(words[45]), int(words[46])
ctypes.memset(start, ord("x"), end - start - 1)
print("up", flush=True)
import time
time.sleep(60)
"""
"""What a program runs that calls itself otherwise, as many services do to be told apart."""


@pytest.fixture
def old(web: CommandLine, index: IndexServer, store: Path) -> Path:
    """An environment that no generation needs but an old one."""
    web("sync", check=True)
    (environment,) = (store / "envs").iterdir()
    index.add(command_wheel("web", "2.0"))
    web("lock", "--upgrade", check=True)
    web("sync", check=True)
    return environment


@contextmanager
def running(environment: Path, *argv: str) -> Iterator[None]:
    """A process of the environment, from when it says that it is up."""
    process = subprocess.Popen((environment / "bin/python", *argv), stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"up\n"
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_lease_cannot_be_denied(web: CommandLine, old: Path) -> None:
    """The attacker is any user: he may read the lease, and locks it just while a service starts.

    A gc that does not see the service then takes its environment away under it.
    """
    with (old / ".lease").open("rb") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with running(old, "-c", UNKNOWN):
            fcntl.flock(lease, fcntl.LOCK_UN)
            result = web("gc", "--keep", "1", check=True)
            assert old.is_dir()
    assert f"kept {old.name}: " in result.stdout
    web("gc", "--keep", "1", check=True)
    assert not old.exists()


def test_a_lease_cannot_be_taken_to_deny_it(old: Path) -> None:
    """The attacker is any user; the lock that would keep services from the lease needs a right to write."""
    with (old / ".lease").open("rb") as lease:
        write_lock = fcntl.F_WRLCK.to_bytes(2, sys.byteorder) + bytes(30)
        with pytest.raises(OSError, match="Bad file descriptor"):
            fcntl.fcntl(lease, fcntl.F_OFD_SETLK, write_lock)
    assert stat.S_IMODE((old / ".lease").stat().st_mode) == 0o444


def test_what_a_process_maps_counts_whatever_it_calls_itself(web: CommandLine, old: Path) -> None:
    """The attacker is nobody here: a service without a lease that calls itself otherwise is what it runs."""
    file = str(old / "pyvenv.cfg")
    code = f"import mmap\nf = open({file!r})\nm = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n"
    with running(old, "-S", "-c", code + UNKNOWN):
        web("gc", "--keep", "1", check=True)
        assert old.is_dir()


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


ACTING = (
    ("run", "web", "--version"),
    ("sync",),
    ("gc",),
    ("rollback",),
    ("doctor",),
    ("probe",),
    ("verify", "--repair"),
    ("export", "llmhop", "web", "--image", "python:3.12", "--port", "80", "--arguments", ""),
)


@pytest.mark.root
@needs_root
def test_nobody_acts_in_the_store_of_a_stranger(web: CommandLine, store: Path) -> None:
    """The attacker owns a store, with all that its manifest and receipts say, and root is led to it.

    What reads it prints what is there; what would run, build or delete is refused.
    """
    web("sync", check=True)
    os.chown(store, NOBODY, NOBODY)
    python = store / "current/web/bin/python"
    true = python.readlink()
    for argv in ACTING:
        if argv[0] == "export":  # uv would ask this one what it is
            python.unlink()
            python.write_text(f"#!/bin/sh\ntouch {store}/ran\n")
            python.chmod(0o755)
        result = web(*argv)
        assert not (store / "ran").exists()
        assert result.code == 5, (argv, result)
        assert f"the store {store} belongs to user nobody" in result.stderr
        assert "--trust-owner" in result.stderr
    python.unlink()
    python.symlink_to(true)
    for reading in ("list", "history", "ps", "verify"):
        web(reading, check=True)
    assert web("which", "web", check=True).stdout.startswith(f"{store}/envs/")
    assert web("--trust-owner", "run", "web", "--version", check=True).stdout
    web("gc", "--trust-owner", check=True)


@pytest.mark.root
@needs_root
def test_nobody_acts_on_the_declaration_of_a_stranger(
    web: CommandLine, project: Path, store: Path
) -> None:
    """The attacker owns the folder of a checkout, or a single lockfile in it, and root works there.

    Whoever writes the declaration says which indexes get root's credentials, and which commands are probes.
    A pull request is looked at all the same, as in CI a checkout may belong to another user.
    """
    acting = (
        ("lock", "--upgrade"),
        ("sync",),
        ("probe",),
        ("add", "web", "base"),
        ("check", "--solve"),
    )
    for place in (project / "locks/web.toml", project):
        os.chown(place, NOBODY, NOBODY)
        for argv in acting[:-1] if place != project else acting:
            result = web(*argv)
            assert result.code == 2, (argv, result)
            assert f"the declaration's folder {project} belongs to user nobody" in result.stderr
        for reading in (("lock", "--check"), ("check",), ("show",), ("why", "web", "web")):
            web(*reading, check=True)
        assert place != project or web("lock").code == 2
        os.chown(place, 0, 0)
    assert not store.exists()
    web("sync", check=True)


@pytest.mark.root
@needs_root
def test_whom_a_user_trusts_he_says_himself(web: CommandLine, store: Path, isolation: Path) -> None:
    """The attacker owns the store, and may own the settings too, where root was given his home by sudo."""
    web("sync", check=True)
    os.chown(store, NOBODY, NOBODY)
    settings = isolation / ".config" / "envbuild" / "settings.toml"
    settings.parent.mkdir(parents=True)
    for text, code in (
        (f'trust = ["{store}"]\n', 0),
        ('trust = ["*"]\n', 0),
        ('trust = ["/"]\n', 5),
    ):
        settings.write_text(text)
        assert web("gc").code == code, text
    settings.write_text('trust = ["*"]\n')
    os.chown(settings, NOBODY, NOBODY)
    assert web("gc").code == 5
    assert web("gc", env={"SUDO_UID": str(NOBODY)}).code == 0
    os.chown(settings, 0, 0)
    settings.write_text('trusted = ["*"]\n')
    result = web("gc")
    assert result.code == 2
    assert "did you mean trust?" in result.stderr


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


def _program(path: Path, told: Path) -> Path:
    path.write_text(f"#!/bin/sh\ntouch {told}\n")
    path.chmod(0o755)
    return path


def test_a_doctor_starts_what_was_recorded(web: CommandLine, store: Path, scratch: Path) -> None:
    """The attacker may write receipts, as after a restore with open modes, and names a program of his."""
    web("sync", check=True)
    told = scratch / "told"
    (receipt,) = (store / "receipts").glob("*.json")
    head, rest = receipt.read_text().split("\n", 1)
    fields = json.loads(head.rstrip().removesuffix(",") + "}")
    fields["python"] = str(_program(scratch / "python3.12", told))
    receipt.write_text(json.dumps(fields).removesuffix("}") + ",\n" + rest)
    result = web("doctor")
    assert result.code == 1
    assert "its receipt is not the recorded one, so no interpreter was started" in result.stdout
    assert not told.exists()


@pytest.mark.root
@needs_root
def test_a_sync_starts_no_python_that_another_user_remembered(
    web: CommandLine, store: Path, scratch: Path
) -> None:
    """The attacker has written down which Pythons there are, in the store that root was told to trust."""
    web("sync", check=True)
    told, first = scratch / "told", scratch / "python3.11"
    first.write_text("")
    second = _program(scratch / "python3.12", told)
    memory = store / "cache" / "interpreters.json"
    fields = json.loads(memory.read_text())
    ((known, *_)) = fields["pythons"].values()
    answer = {**known["answer"], "base": str(second)}
    status = first.stat()
    planted = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "answer": answer}
    fields["pythons"][str(first)] = planted
    memory.write_text(json.dumps(fields))
    os.chown(memory, NOBODY, NOBODY)
    shutil.rmtree(store / "envs")
    web("sync", check=True)
    assert not told.exists()


READING = (("list",), ("which", "web"), ("history",), ("verify",), ("verify", "--quick"))


@pytest.mark.parametrize("place", ["pipe", "endless", "large"])
@pytest.mark.parametrize(
    ("file", "codes"),
    [
        ("envbuild-store.json", (0, 0, 5, 5, 5)),
        ("generations/*/manifest.json", (5, 5, 0, 1, 1)),
        ("records/1.json", (0, 0, 0, 1, 1)),
        ("receipts/*.json", (0, 0, 0, 1, 1)),
        ("receipts/*.stat", (0, 0, 0, 0, 1)),
    ],
)
def test_a_pipe_or_a_device_stops_no_reader(
    web: CommandLine, store: Path, file: str, codes: tuple[int, ...], place: str
) -> None:
    """The attacker owns a store, and puts a pipe or a device where root reads; both may never end."""
    web("sync", check=True)
    (path,) = store.glob(file)
    path.unlink()
    if place == "pipe":
        os.mkfifo(path)
    elif place == "endless":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, (64 << 20) + 1)
        if file == "receipts/*.json":  # `verify --quick` opens no receipt
            codes = (*codes[:-1], 0)
    reader = replace(web, timeout=30)
    assert tuple(reader(*argv).code for argv in READING) == codes


@pytest.mark.parametrize("place", ["pipe", "endless"])
def test_a_pipe_or_a_device_stops_no_build(web: CommandLine, store: Path, place: str) -> None:
    """The same for a doctor and a sync: what cannot be read in a cache is made again, settings are refused."""
    web("sync", check=True)
    files = ("trash.json", "cache/stamp", "cache/interpreters.json")
    entries = sorted(store.glob("cache/wheels/*/table")) + sorted(store.glob("cache/*/*/*/stamp"))
    assert len(entries) > 1
    reader = replace(web, timeout=60)
    for path in (*(store / file for file in files), *entries):
        _put(place, path)
    assert reader("doctor").code in (0, 1)
    delete_tree(store / "envs")
    (store / "envs").mkdir()
    done = reader("sync")
    assert done.code == 0, str(done)
    _put(place, store / "settings.toml")
    delete_tree(store / "envs")
    (store / "envs").mkdir()
    assert f"{store}/settings.toml: cannot be read" in reader("sync").stderr


def _put(place: str, path: Path) -> None:
    """Put a pipe, or a link to a device that never ends, into a file's place."""
    path.unlink(missing_ok=True)
    if place == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
