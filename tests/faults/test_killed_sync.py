"""`kill -9` at random moments: a killed build never happened, and the next one is as good as the first."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults import fleet
from tests.support.command_line import declare_drivers
from tests.support.fault_proxy import Trickle
from tests.support.folders import remove_tree
from tests.support.process_tree import descendants, is_alive, kill_tree, wait_for_end, wait_until
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import FaultProxy
    from tests.support.index_server import IndexServer

    Way = tuple[bool, Callable[[int], None]]

KEPT_WARM = ("cache", "envbuild-store.json")
SAMPLE, MANY = 2, 10
"""Kills of each kind, with a cold and with a warm cache."""


def kill_alone(pid: int) -> None:
    """SIGKILL envbuild and leave the programs that it started running, as the kernel's OOM killer does."""
    os.kill(pid, signal.SIGKILL)


KILLS = (kill_tree, kill_alone)
WAYS = tuple(itertools.product((False, True), KILLS))
"""Whether the cache is warm, and how the sync is killed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undisturbed:
    """What a sync that nobody kills comes to, and in what time."""

    run: CommandLine
    store: Path
    manifest: Any
    receipts: dict[str, Any]
    cold: float
    """Seconds."""

    warm: float

    def clear(self, *, warm: bool) -> None:
        """Take the store away, or all of it but its cache."""
        for path in self.store.iterdir():
            if warm and path.name in KEPT_WARM:
                continue
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink()

    def check(self) -> None:
        """The store is as if nobody had been killed."""
        assert fleet.current_manifest(self.store) == self.manifest
        assert fleet.receipts(self.store) == self.receipts
        fleet.check_valid(self.store)
        assert not fleet.leftovers(self.store)


@pytest.fixture
def undisturbed(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> Undisturbed:
    """A locked fleet, synced once cold and once warm."""
    fleet.declare_fleet(run_envbuild, index, python_version)
    run_envbuild("lock", check=True)
    seconds = []
    for warm in (False, True):
        begun = time.monotonic()
        run_envbuild("sync", check=True)
        seconds.append(time.monotonic() - begun)
        good = Undisturbed(
            run=run_envbuild,
            store=store,
            manifest=fleet.current_manifest(store),
            receipts=fleet.receipts(store),
            cold=seconds[0],
            warm=seconds[-1],
        )
        fleet.check_valid(store)
        good.clear(warm=not warm)
    return good


def _seeded() -> random.Random:
    """Moments by chance; `ENVBUILD_TEST_SEED` brings a failed run's back."""
    seed = int(os.environ.get("ENVBUILD_TEST_SEED") or random.randrange(1 << 32))
    print(f"ENVBUILD_TEST_SEED={seed}")  # pytest shows it where the test fails
    return random.Random(seed)


def _kill_and_sync(good: Undisturbed, ways: Iterable[Way], times: int) -> None:
    """Kill `times` syncs in each of the ways, and sync after each."""
    chance = _seeded()
    killed = 0
    for warm, kill in ways:
        for _ in range(times):
            good.clear(warm=warm)
            moment = chance.uniform(0.15, good.warm if warm else good.cold)
            said = f"{'warm' if warm else 'cold'}, {kill.__name__} after {moment:.3f} s"
            process = good.run.start("sync")
            time.sleep(moment)
            kill(process.pid)
            process.communicate(timeout=60)
            killed += process.returncode == -signal.SIGKILL
            if good.store.exists():
                fleet.check_valid(good.store)  # what has a receipt is whole, at every moment
            result = good.run("sync")
            assert result.code == 0, f"{said}\n{result}"
            good.check()
    assert killed, "no sync was still running when it was to be killed"


def test_a_killed_sync(undisturbed: Undisturbed) -> None:
    """A few kills in every run of the tests; `-m slow` does many."""
    _kill_and_sync(undisturbed, WAYS, SAMPLE)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=["cold-tree", "cold-alone", "warm-tree", "warm-alone"])
def test_many_killed_syncs(undisturbed: Undisturbed, way: Way) -> None:
    """Each next sync ends with the manifest, receipts and files of an undisturbed one."""
    _kill_and_sync(undisturbed, (way,), MANY)


def test_a_renewal_that_is_killed_keeps_the_generation(
    undisturbed: Undisturbed, index: IndexServer
) -> None:
    """Until the very switch, `current` is the old generation, whole; then it is the new one, whole."""
    good, chance = undisturbed, _seeded()
    good.run("sync", check=True)
    index.add(command_wheel("web", "1.1", requires=[f"pkg{n:02}" for n in range(fleet.PACKAGES)]))
    good.run("lock", "--upgrade", check=True)
    for _ in range(SAMPLE):
        process = good.run.start("sync")
        time.sleep(chance.uniform(0.15, good.warm))
        kill_tree(process.pid)
        process.communicate(timeout=60)
        fleet.check_valid(good.store)
        drivers = fleet.current_manifest(good.store)["drivers"]
        assert drivers["web"]["version"] in ("1.0", "1.1")
        for driver in drivers.values():
            assert (good.store / "receipts" / f"{_name(driver)}.json").exists()
    good.run("sync", check=True)
    assert fleet.current_manifest(good.store)["drivers"]["web"]["version"] == "1.1"
    assert not fleet.leftovers(good.store)


def _name(driver: dict[str, str]) -> str:
    return driver["environment"].rpartition("/")[2]


def test_an_orphaned_uv_keeps_the_lock(
    run_envbuild: CommandLine,
    index: IndexServer,
    faults: FaultProxy,
    store: Path,
    python_version: str,
) -> None:
    """envbuild is killed alone while uv installs: nobody builds there before that uv has ended.

    uv would soon end by itself, as it has its files from envbuild; so it is stopped for a while.
    """
    padding = os.urandom(20_000).hex()
    index.add(command_wheel("web", requires=("slow",)))
    index.add(Wheel(name="slow", files={"slow.py": f"padding = {padding!r}\n"}))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    more = {"ENVBUILD_INDEX_DEFAULT_URL": faults.url}
    for _ in range(10):
        killed, uv = _orphaned(run_envbuild, faults, more)
        if uv:
            break
        killed.communicate(timeout=60)
    assert uv, "each uv ended with envbuild: this tests nothing"
    following = run_envbuild.start("sync", env=more)
    wait_until(lambda: list(store.glob("locks/web-*.claim")), "the next sync has come to the lock")
    begun = {path: path.stat().st_ino for path in store.glob("envs/web-*")}
    for turn in itertools.count():
        found = {path: path.stat().st_ino for path in store.glob("envs/web-*")}
        if not any(map(is_alive, uv)):
            break
        assert found == begun
        for pid in uv if turn == 25 else ():
            _signal(pid, signal.SIGCONT)
        time.sleep(0.02)
    stderr = following.communicate(timeout=60)[1]
    assert following.returncode == 0, stderr
    killed.communicate(timeout=60)
    fleet.check_valid(store)
    assert not fleet.leftovers(store)


def _orphaned(
    run_envbuild: CommandLine, faults: FaultProxy, env: dict[str, str]
) -> tuple[subprocess.Popen[str], list[int]]:
    """A sync that was killed while uv downloaded, and what is left of it, which is stopped."""
    struck = faults.inject(r"/slow-.*whl$", Trickle(pause=0.05, piece=512), times=1)
    killed = run_envbuild.start("sync", env=env)
    wait_until(lambda: struck.hits, "uv downloads")
    orphans = descendants(killed.pid)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    for pid in orphans:  # only now: the kernel hangs up who is stopped while his parent ends
        _signal(pid, signal.SIGSTOP)
    return killed, [pid for pid in orphans if is_alive(pid)]


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@pytest.mark.parametrize("kill", KILLS)
def test_a_killed_lock(
    run_envbuild: CommandLine,
    index: IndexServer,
    isolation: Path,
    project: Path,
    python_version: str,
    kill: Callable[[int], None],
) -> None:
    """Lockfiles are whole or absent, and the next lock writes the bytes of an undisturbed one."""
    fleet.declare_fleet(run_envbuild, index, python_version)
    begun = time.monotonic()
    run_envbuild("lock", check=True)
    seconds = time.monotonic() - begun
    good = {path.name: path.read_bytes() for path in (project / "locks").iterdir()}
    chance = _seeded()
    for number in range(SAMPLE):
        shutil.rmtree(project / "locks")
        if number % 2 == 0:
            shutil.rmtree(isolation / ".cache")
        process = run_envbuild.start("lock")
        time.sleep(chance.uniform(0.15, seconds))
        children = descendants(process.pid)
        kill(process.pid)
        process.communicate(timeout=60)
        for path in project.glob("locks/[!.]*"):
            assert path.read_bytes() == good[path.name]
        run_envbuild("lock", check=True)
        assert {path.name: path.read_bytes() for path in (project / "locks").iterdir()} == good
        wait_for_end(*children)
