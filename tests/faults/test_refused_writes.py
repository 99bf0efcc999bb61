"""Places that do not take what is written: full, or somebody else's. Whoever is told why can mend it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults import fleet
from tests.support.command_line import ASKS_UV, declare_drivers
from tests.support.disks import tmpfs
from tests.support.folders import remove_tree
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.root

HOST = 5

NOBODY = (
    "setpriv",
    *("--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
"""A user who may read everything, the Python that runs the tests too, and write nothing of root's."""


class Disk:
    """A small file system in memory."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self) -> None:
        """Leave not a single page free."""
        with (self.place / "ballast").open("wb", buffering=0) as stream:
            size = 1 << 16
            while size:
                try:
                    stream.write(b"\0" * size)
                except OSError:
                    size //= 2

    def make_room(self) -> None:
        """Take away what filled it."""
        (self.place / "ballast").unlink()


@pytest.fixture
def disk(scratch: Path) -> Iterator[Disk]:
    """A mounted disk of some megabytes."""
    with tmpfs(scratch / "d", "size=24m,mode=755") as place:
        yield Disk(place)


@pytest.fixture
def declared(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """One driver with a small requirement and one of 8 MB."""
    ballast: dict[str, str | bytes] = {"big/__init__.py": "", "big/data.bin": os.urandom(8 << 20)}
    index.add(command_wheel("web", requires=("base", "big")), Wheel(name="base"))
    index.add(Wheel(name="big", files=ballast))
    run_envbuild.declare(declare_drivers({"web": [f"web{ASKS_UV}"]}, python=python_version))
    return run_envbuild


def _assert_says(result: Result, *words: str) -> None:
    assert result.code == HOST, result
    assert "Traceback" not in result.stderr
    said = " ".join(result.stderr.split())  # uv breaks its lines where a path makes them long
    for part in words:
        assert part in said, result


def _need_setpriv() -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("NOT TESTED: there is no setpriv")


def test_no_room_for_lockfiles(
    declared: CommandLine, index: IndexServer, project: Path, disk: Disk
) -> None:
    """Exit 5 with the file's name; the lockfile that was there is as it was, and nothing beside it."""
    place = disk.place / "p"
    place.mkdir()
    shutil.copy(project / "drivers.toml", place)
    declared("lock", cwd=place, check=True)
    before = (place / "locks/web.toml").read_bytes()
    index.add(command_wheel("web", "1.1", requires=("base", "big")))
    disk.fill()
    result = declared("lock", "--upgrade", cwd=place)
    _assert_says(result, "locks/web.toml: cannot write it: No space left on device")
    assert [path.name for path in (place / "locks").iterdir()] == ["web.toml"]
    assert (place / "locks/web.toml").read_bytes() == before
    disk.make_room()
    declared("lock", "--upgrade", cwd=place, check=True)
    assert (place / "locks/web.toml").read_bytes() != before


def test_no_room_for_the_cache_of_locking(declared: CommandLine, project: Path, disk: Disk) -> None:
    """A full home is the host's failure, not a question of versions; nothing is locked."""
    disk.fill()
    result = declared("lock", env={"XDG_CACHE_HOME": str(disk.place)})
    _assert_says(result, "No space left on device")
    assert not (project / "locks").exists()
    disk.make_room()
    declared("lock", env={"XDG_CACHE_HOME": str(disk.place)}, check=True)


@pytest.mark.parametrize("room", [0, 1, 6])
def test_no_room_for_an_environment(declared: CommandLine, disk: Disk, room: int) -> None:
    """From no room at all to all but the last megabytes: exit 5, the words, no receipt; with room it succeeds."""
    store = disk.place / "s"
    env = {"ENVBUILD_STORE": str(store)}
    declared("lock", check=True)
    subprocess.run(("mount", "-o", f"remount,size={room or 24}m", disk.place), check=True)
    if not room:
        disk.fill()
    result = declared("sync", env=env)
    _assert_says(result, "No space left on device", "hint: ")
    assert re.search("free space on the disk|free disk space", result.stderr), result
    assert not list(store.glob("receipts/*.json"))
    assert not list(store.glob("envs/*"))
    assert not (store / "current").is_symlink()
    if not room:
        disk.make_room()
    subprocess.run(("mount", "-o", "remount,size=64m", disk.place), check=True)
    declared("sync", env=env, check=True)
    fleet.check_valid(store)
    assert not fleet.leftovers(store)
    remove_tree(store)


def test_a_store_of_somebody_else(declared: CommandLine, index: IndexServer, store: Path) -> None:
    """Who may not write it is told so, and by whom it can be; who only looks needs no more."""
    _need_setpriv()
    declared("lock", check=True)
    declared("sync", check=True)
    index.add(command_wheel("web", "1.1", requires=("base", "big")))
    declared("lock", "--upgrade", check=True)
    before = (store / "current").readlink()
    result = declared.wrapped(NOBODY, "sync")
    _assert_says(result, f"cannot write the store: {store}", "hint: run as the user who owns")
    assert (store / "current").readlink() == before
    for words in ("list", "which web"):
        declared.wrapped(NOBODY, *words.split(), check=True)
    python = Path(sys.base_prefix)
    if not all(folder.stat().st_mode & 0o001 for folder in (python, *python.parents)):
        pytest.skip("NOT TESTED: the Python that runs the tests is for nobody else")
    for words in ("run web -- --version", "sync --dry-run"):
        declared.wrapped(NOBODY, *words.split(), check=True)


def test_a_store_where_nothing_can_be_made(declared: CommandLine, scratch: Path) -> None:
    """A folder that the user may not write into gets no store, and the message names it."""
    _need_setpriv()
    declared("lock", check=True)
    result = declared.wrapped(NOBODY, "--store", str(scratch / "new"), "sync")
    _assert_says(result, f"cannot write the store: {scratch / 'new'}", "ermission denied")
    assert not (scratch / "new").exists()


def test_lockfiles_of_somebody_else(declared: CommandLine, project: Path, scratch: Path) -> None:
    """Exit 5 with the file's name, and nothing half written."""
    _need_setpriv()
    cache = scratch / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    result = declared.wrapped(NOBODY, "lock", env={"XDG_CACHE_HOME": str(cache)})
    _assert_says(result, "locks/web.toml: cannot write it: Permission denied")
    assert not (project / "locks").exists()


def test_a_home_of_somebody_else(declared: CommandLine, project: Path) -> None:
    """Locking without a place for its cache is the host's failure, and says which place."""
    _need_setpriv()
    result = declared.wrapped(NOBODY, "lock")
    _assert_says(result, "ermission denied", ".cache/envbuild")
    assert not (project / "locks").exists()


def test_a_disk_that_will_not_do_is_named_beforehand(declared: CommandLine, disk: Disk) -> None:
    """A plan and a sync say what is missing before anything is downloaded; with room nothing is said."""
    store = disk.place / "s"
    declared("lock", check=True)
    env = {"ENVBUILD_STORE": str(store)}
    assert "the wheels to unpack" not in declared("sync", "--dry-run", env=env, check=True).stderr
    disk.fill()
    said = "warning: the wheels to unpack have 8.0 MiB, but the disk of"
    assert said in declared("sync", "--dry-run", env=env, check=True).stderr
    (disk.place / "ballast").write_bytes(bytes(20 << 20))
    refused = declared("sync", env=env)
    assert said in refused.stderr
    assert refused.code == HOST
    disk.make_room()
    assert "the wheels to unpack" not in declared("sync", env=env, check=True).stderr
