"""Linking in two processes comes to what one does, and whoever is killed costs time alone."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.posix.folder_walk import walk_folders
from envbuild.posix.process import SystemRunner
from envbuild.wheelcache import linker as module
from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.linker import Linker, Linking, LinkingDiedError
from envbuild.wheelcache.share import Share, as_plain, from_plain, link_share
from envbuild.wheelcache.unpacked_wheel import Script, WheelFacts
from tests.support.command_line import declare_drivers
from tests.support.process_tree import (
    descendants,
    is_alive,
    wait_for_descendant,
    wait_until,
)
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.wheelcache.wheels import LinkedWheel
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

WHEELS = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
_SECONDS = 60.0
"""After which a test gives up."""


class Cache:
    """Kept wheels with their bytecode, and environments that link them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in WHEELS:
            facts = WheelFacts(
                dist_info=f"{name[0]}-1.dist-info",
                minor="",
                scripts=(Script(path=f"../bin/{name[0]}", mode=0o755, parts=("#!", "/x\n")),),
                record=(f"{name[0]}/__init__.py,,", 0),
            )
            files = {f"{name[0]}/__init__.py": b"x = 1\n", f"{name[0]}/\udcff.py": name.encode()}
            self._make("wheels", name, files, facts.as_json())
            compiled = {f"{name[0]}/__pycache__/__init__.pyc": b"compiled"}
            self._make("bytecode", name, compiled, {"failed": [], "absent": [f"{name[0]}/gone.py"]})

    def share(self, environment: str, names: tuple[str, ...] = WHEELS) -> Share:
        """All of it, into an environment of this name."""
        site_packages = self.root / environment / "lib"
        site_packages.mkdir(parents=True)
        return Share(
            wheels=str(self.root / "wheels"),
            bytecode=str(self.root / "bytecode"),
            site_packages=str(site_packages),
            environment="/its/own/path",
            minor="3.12",
            names=names,
        )

    def content(self, environment: str) -> dict[str, tuple[int, bytes]]:
        """Inode (0 for what is written anew) and content by path."""
        folder = self.root / environment
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): _look(path) for path in files}

    def _make(
        self, cache: str, name: str, files: Mapping[str, bytes], facts: Mapping[str, object]
    ) -> None:
        entries = Entries(self.root / cache)
        assert entries.is_usable()
        with entries.making(name):
            scratch = entries.begin(name)
            for number, content in enumerate(files.values()):
                (scratch / str(number)).write_bytes(content)
            entries.publish(name, scratch, [(path, "0" * 64) for path in files], facts)


def _look(path: Path) -> tuple[int, bytes]:
    status = path.stat()
    return (status.st_ino if status.st_nlink > 1 else 0), path.read_bytes()


@pytest.fixture
def cache(project: Path) -> Cache:
    """Four wheels."""
    return Cache(project)


@pytest.fixture
def lock(project: Path) -> Iterator[int]:
    """The descriptor of an environment's lock."""
    descriptor = os.open(project / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    yield descriptor
    os.close(descriptor)


HEAVY = dict.fromkeys(WHEELS, 1_000_000)
"""Weights at which a second process is worth while."""


def linker(jobs: int = 2) -> Linker:
    """One that really starts processes."""
    return Linker(runner=SystemRunner(), jobs=jobs)


def linked(linking: Linking, share: Share) -> dict[str, LinkedWheel | None]:
    """What came of each wheel."""
    return {name: wheel for found in linking.link(share) for name, wheel in found.items()}


def test_two_processes_come_to_what_one_does(cache: Cache, lock: int) -> None:
    """The same files, the same scripts, the same answer for each wheel."""
    alone = link_share(cache.share("one"), range(len(WHEELS)))
    with linker().linking(HEAVY, lock) as linking:
        together = linked(linking, cache.share("two"))
    assert together == alone
    assert cache.content("two") == cache.content("one")
    assert len(cache.content("two")) == 5 * len(WHEELS)


def test_what_crosses_is_what_was_sent(cache: Cache) -> None:
    """Every field of an answer survives the way between two processes, paths that stood already too."""
    share = cache.share("env")
    standing = Path(share.site_packages, "a/__init__.py")
    standing.parent.mkdir()
    standing.write_text("somebody's")
    found = link_share(share._replace(names=(*WHEELS, "e" * 64)), range(len(WHEELS) + 1))
    assert found["e" * 64] is None
    first = found[WHEELS[0]]
    assert first is not None
    assert [file.path for file in first.linked.met] == ["a/__init__.py"]
    assert from_plain(as_plain(found)) == found


@pytest.mark.parametrize(
    ("jobs", "weights"), [(1, HEAVY), (2, dict.fromkeys(WHEELS, 10))], ids=["one job", "few files"]
)
def test_no_process_is_started_for_nothing(
    cache: Cache, lock: int, monkeypatch: pytest.MonkeyPatch, jobs: int, weights: Mapping[str, int]
) -> None:
    """One job is one process, and few files are linked before a Python has started."""
    monkeypatch.setattr(SystemRunner, "run", None)
    with linker(jobs).linking(weights, lock) as linking:
        assert None not in linked(linking, cache.share("env")).values()


def test_each_wheel_is_linked_by_whoever_is_free(cache: Cache, lock: int) -> None:
    """What one process takes, the other does not, and together they take everything."""
    share = cache.share("env")
    with linker().linking(HEAVY, lock) as linking:
        assert linking._other is not None
        numbers = linking._other.begin(tuple(share), len(WHEELS))
        mine = link_share(share, islice(numbers, 1))
        theirs = from_plain(linking._other.result())
    assert not mine.keys() & theirs.keys()
    assert mine.keys() | theirs.keys() == set(WHEELS)


def test_builds_share_the_processes(cache: Cache, lock: int) -> None:
    """Where all jobs are at work, a build links by itself; afterwards they are free again."""
    both = linker()
    with both.linking(HEAVY, lock) as first, both.linking(HEAVY, lock) as second:
        assert second._other is None
        linked(second, cache.share("second"))
        assert first._other is not None
        linked(first, cache.share("first"))
    with both.linking(HEAVY, lock) as third:
        assert third._other is not None
    assert cache.content("first") == cache.content("second")


@pytest.mark.parametrize(
    "program", ["import os; os.kill(os.getpid(), 9)", "import sys; sys.exit('no')", "pass"]
)
def test_a_process_that_ends_early_is_an_error(
    cache: Cache, lock: int, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """Killed, failed, or silent: what it has linked is not known, and nobody waits for it."""
    monkeypatch.setattr(module, "_PROGRAM", program)
    with (
        pytest.raises(LinkingDiedError, match="the process that links files ended"),
        linker().linking(HEAVY, lock) as linking,
    ):
        linked(linking, cache.share("env"))


def test_a_process_that_cannot_be_started_is_an_error(
    cache: Cache, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host without room for it says so, and the build can go on alone."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with (
        pytest.raises(LinkingDiedError, match="cannot start"),
        linker().linking(HEAVY, lock) as linking,
    ):
        linked(linking, cache.share("env"))


def test_what_the_system_refuses_is_raised_here(cache: Cache, lock: int) -> None:
    """What fails in the other process fails the build, with its number and its path."""
    share = cache.share("env")
    with linker().linking(HEAVY, lock) as linking:
        assert linking._other is not None
        elsewhere = share._replace(site_packages="/proc/nowhere")
        linking._other.begin(tuple(elsewhere), len(WHEELS))
        with pytest.raises(OSError, match="/proc/nowhere") as raised:
            linking._other.result()
    assert raised.value.errno in (errno.ENOENT, errno.EACCES)


def _tree(root: Path) -> Path:
    """An environment of some folders, one of which holds a link and one nothing; what packages lie in."""
    inner = root / "lib" / "packages"
    for number in range(9):
        (inner / f"p{number}" / "sub").mkdir(parents=True)
        (inner / f"p{number}" / "sub" / f"\udcff{number}.py").write_text("")
    (inner / "p0" / "link").symlink_to("nowhere")
    (inner / "single.py").write_text("")
    (root / "bin").mkdir()
    time.sleep(0.02)  # longer than a tick of the clock, so that all have settled
    return inner


@pytest.mark.parametrize("jobs", [1, 2])
def test_two_processes_list_what_one_lists(
    cache: Cache, lock: int, project: Path, jobs: int
) -> None:
    """Every folder once, given its mode unless it is the root, with what is in it and how it looks."""
    root = os.fsencode(project / "tree")
    inner = os.fsencode(_tree(project / "tree"))
    (project / "tree").chmod(0o700)
    with linker(jobs).linking(HEAVY, lock) as linking:
        linked(linking, cache.share("env"))
        together = sorted(linking.walk(root, 0o555, inner))
    assert together == sorted(walk_folders([root]))
    assert len(together) == 4 + 2 * 9
    assert {visit.mode & 0o7777 for visit in together if visit.folder != root} == {0o555}
    assert [visit.mode & 0o7777 for visit in together if visit.folder == root] == [0o700]
    assert [visit.folder for visit in together if not visit.regular] == [inner + b"/p0"]


def test_who_has_not_linked_does_not_list(cache: Cache, lock: int, project: Path) -> None:
    """Jobs come in their order: a process that was given no wheels is given no folders."""
    root = os.fsencode(project / "tree")
    inner = os.fsencode(_tree(project / "tree"))
    with linker().linking(HEAVY, lock) as linking:
        assert sorted(linking.walk(root, None, inner)) == sorted(walk_folders([root]))


def test_a_process_that_is_killed_between_its_jobs_is_an_error(
    cache: Cache, lock: int, project: Path
) -> None:
    """What it would have listed is not known; nobody waits for it."""
    inner = os.fsencode(_tree(project / "tree"))
    with linker().linking(HEAVY, lock) as linking:
        linked(linking, cache.share("env"))
        (pid,) = descendants(os.getpid())
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), "it has ended")
        with pytest.raises(LinkingDiedError, match="the process that links files ended"):
            list(linking.walk(os.fsencode(project / "tree"), None, inner))


def test_what_the_system_refuses_to_list_is_raised_here(
    cache: Cache, lock: int, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with links: the number and the path."""
    monkeypatch.setattr(module, "folders_in", lambda _: [b"/proc/nowhere"] * 2000)
    inner = os.fsencode(_tree(project / "tree"))
    with linker().linking(HEAVY, lock) as linking:
        linked(linking, cache.share("env"))
        with pytest.raises(FileNotFoundError, match="/proc/nowhere"):
            list(linking.walk(os.fsencode(project / "tree"), None, inner))


def test_the_lock_is_held_until_the_other_process_has_ended(cache: Cache, project: Path) -> None:
    """A killed envbuild lets go of the environment's lock; what it has started does not."""
    lock = os.open(project / "held", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with linker().linking(HEAVY, lock) as linking, (project / "held").open() as another:
        assert linking._other is not None
        wait_until(lambda: descendants(os.getpid()), "the other process has started")
        os.close(lock)
        with pytest.raises(BlockingIOError):
            fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        linked(linking, cache.share("env"))
    with (project / "held").open() as another:
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_build_that_fails_meanwhile_leaves_no_process(cache: Cache, lock: int) -> None:
    """The other process has ended before the caller goes on to take the environment away."""

    def fail() -> None:
        with linker().linking(HEAVY, lock) as linking:
            assert linking._other is not None
            linking._other.begin(tuple(cache.share("env")), len(WHEELS))
            wait_until(lambda: descendants(os.getpid()), "the other process has started")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not descendants(os.getpid())


class Fleet:
    """Drivers that share a wheel of some thousand files, which is kept already."""

    def __init__(self, run: CommandLine, index: IndexServer, store: Path, python: str) -> None:
        self.run = run
        self.store = store
        self.python = python
        files = {f"many/p{number // 100}/module_{number}.py": "" for number in range(3_000)}
        index.add(Wheel(name="many", files=files), command_wheel("runner"))
        self.add("one")
        run("sync", check=True)

    def add(self, *drivers: str) -> None:
        """Declare and lock one driver more."""
        requires = {key: ["runner", "many"] for key in ("one", *drivers)}
        text = declare_drivers(requires, python=self.python)
        for name in requires:
            text = text.replace(f"[drivers.{name}]\n", f'[drivers.{name}]\nbinary = "runner"\n')
        self.run.declare(text)
        self.run("lock", check=True)

    def receipt(self, driver: str) -> Any:
        """What the receipt says of files, links and folders."""
        name = (self.store / "current" / driver).resolve().name
        table = json.loads((self.store / f"receipts/{name}.json").read_text())
        return {key: table[key] for key in ("files", "links", "folders")}


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str) -> Fleet:
    """A driver that is built, so that the next one is linked."""
    return Fleet(run_envbuild, index, store, python_version)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_link_process_costs_time_alone(fleet: Fleet, how: signal.Signals) -> None:
    """The build begins again without it, and comes to the same."""
    fleet.add("two")
    process = fleet.run.start("sync")
    try:
        os.kill(wait_for_descendant(process.pid, "link_program"), how)
        _, said = process.communicate(timeout=_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert _without_scripts(fleet.receipt("two")) == _without_scripts(fleet.receipt("one"))
    fleet.run("verify", check=True)


def test_a_killed_envbuild_costs_time_alone(fleet: Fleet) -> None:
    """Whatever the other process was at, nobody builds beside it, and the next sync is as good as any."""
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2):
        driver = f"after-{round(delay * 1000)}"
        fleet.add(driver)
        process = fleet.run.start("sync")
        other = wait_for_descendant(process.pid, "link_program")
        time.sleep(delay)
        process.kill()
        process.communicate(timeout=_SECONDS)
        fleet.run("sync", check=True)
        assert not is_alive(other)
        assert _without_scripts(fleet.receipt(driver)) == _without_scripts(fleet.receipt("one"))
    fleet.run("verify", check=True)


def _without_scripts(receipt: Any) -> Any:
    """What does not name its environment."""
    files = [row for row in receipt["files"] if row[0].endswith((".py", ".pyc"))]
    return {**receipt, "files": [row for row in files if "_envbuild" not in row[0]]}
