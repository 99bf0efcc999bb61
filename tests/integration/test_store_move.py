"""`envbuild store move` with real environments: to another folder, after a kill, and to another disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.disks import tmpfs
from tests.support.python_mirror import mirror
from tests.support.small_store import make_store
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["mirror"]

NO_NETWORK = {"ENVBUILD_INDEX_DEFAULT_URL": "http://127.0.0.1:9/simple"}


class TwoGenerations:
    """A store with a driver in two versions, and the one that it is moved to."""

    def __init__(self, run: CommandLine, old: Path, new: Path) -> None:
        self.run = run
        self.old = old
        self.new = new

    def move(self, *words: str, code: int = 0) -> str:
        """Move it, with no index to ask; what was printed."""
        result = self.run("store", "move", str(self.new), *words, env=NO_NETWORK)
        assert result.code == code, result
        return result.stdout + result.stderr

    def moved(self, *words: str) -> str:
        """Run a command with the new store."""
        return self.run("--store", str(self.new), *words, env=NO_NETWORK, check=True).stdout

    def assert_moved(self) -> None:
        """The new store is sound, names the old one nowhere, and its commands start."""
        assert "all as built" in self.moved("verify")
        assert "all as built" in self.moved("verify", "--quick")
        binary = self.moved("which", "web").strip()
        assert binary.startswith(f"{self.new}/envs/web-2.0-")
        done = subprocess.run((binary,), capture_output=True, text=True, check=True)
        assert done.stdout
        for folder in ("envs", "generations", "receipts", "records"):
            grep = ("grep", "-rlF", f"{self.old}/", self.new / folder)
            assert subprocess.run(grep, capture_output=True, text=True).stdout == ""


@pytest.fixture
def two(
    run_envbuild: CommandLine, index: IndexServer, store: Path, scratch: Path, python_version: str
) -> TwoGenerations:
    """Generation 2 is current; the paths of the two stores differ in length."""
    index.add(Wheel(name="base", files={"base/a.py": "A = 1\n", "base/b.py": "B = 2\n"}))
    index.add(command_wheel("web", "1.0", requires=("base",)))
    declared = declare_drivers({"web": ["web"]}, python=python_version)
    run_envbuild.declare(declared + 'env = { WEB_HOME = "{env}/share" }\n')
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    index.add(command_wheel("web", "2.0", requires=("base",)))
    run_envbuild("lock", "--upgrade", check=True)
    run_envbuild("sync", check=True)
    return TwoGenerations(run_envbuild, store, scratch / "another/disk")


def test_a_store_is_moved_without_a_network(two: TwoGenerations) -> None:
    """Generations get the next numbers and can be rolled back to; settings come along, the old store is gone."""
    (two.old / "settings.toml").write_text('build = "never"\n')
    planned = two.move("--dry-run")
    assert "generation 2 would be generation 4" in planned
    assert not two.new.exists()

    said = two.move()
    assert f"generation 2 is generation 4 in {two.new}, and is current" in said
    assert f"removed {two.old}" in said
    assert not two.old.exists()
    two.assert_moved()
    manifest = json.loads((two.new / "current/manifest.json").read_text())
    entry = manifest["drivers"]["web"]
    assert entry["stable_binary"] == f"{two.new}/current/web/bin/web"
    assert entry["env"] == {"WEB_HOME": f"{entry['environment']}/share"}
    assert (two.new / "settings.toml").read_text() == 'build = "never"\n'
    assert not (two.new / "moved-from.json").exists()
    assert "generation 3 is current again" in two.moved("rollback")
    assert "generation 5 is current" in two.moved("sync", "--offline")


@pytest.mark.slow
def test_what_runs_and_what_was_exported_keeps_the_old_store(
    two: TwoGenerations, scratch: Path
) -> None:
    """Processes are named and nothing is made; with files that name the old store it stays until they are renewed."""
    code = "import time; print('up', flush=True); time.sleep(60)"
    python = two.run("which", "web", "--python", check=True).stdout.strip()
    with subprocess.Popen((python, "-c", code), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert f"in use by pid {process.pid}" in two.move(code=1)
        process.kill()
    assert not two.new.exists()

    two.run("export", "env", "--out", str(scratch / "etc"), check=True)
    file = scratch / "etc/envbuild.env"
    said = two.move(code=1)
    assert f"{file}: it names {two.old}" in said
    assert two.run("verify", check=True).code == 0
    said = two.move("--refresh-exports", "--leave-link")
    assert f"{file}: written again" in said
    assert f"{two.new}/envs/web-2.0-" in file.read_text()
    assert two.old.readlink() == two.new
    two.assert_moved()
    assert "all as built" in two.run("verify", "--quick", check=True).stdout


@pytest.mark.parametrize(
    "after", ["moved-from.json", pytest.param("receipts/web-1.0-*.json", marks=pytest.mark.slow)]
)
def test_a_killed_move_goes_on(two: TwoGenerations, after: str) -> None:
    """The old store is as it was, the new one has no generation yet; the second run needs no other words."""
    before = two.run("history", check=True).stdout
    process = two.run.start("store", "move", str(two.new), env=NO_NETWORK)
    while process.poll() is None and not list(two.new.glob(after)):
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert two.run("history", check=True).stdout == before
    assert "all as built" in two.run("verify", check=True).stdout
    assert not (two.new / "current").exists()
    two.move()
    assert not two.old.exists()
    two.assert_moved()


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["all", "one"])
def test_wheels_that_are_not_kept_come_from_the_environments(
    two: TwoGenerations, lost: str
) -> None:
    """The cache may be deleted at any time, or be damaged; but a changed environment gives nothing."""
    if lost == "all":
        shutil.rmtree(two.old / "cache")
    else:
        for entry in (two.old / "cache/wheels").glob("*/0"):
            entry.rename(entry.with_name("9"))
    module = next((two.old / "current/web").resolve().glob("lib/*/site-packages/base/b.py"))
    content = module.read_bytes()
    module.chmod(0o644)
    module.write_text("B = 3\n")
    assert "are not kept, and it was changed" in two.move(code=1)
    module.write_bytes(content)
    module.chmod(0o444)
    two.move("--keep", "1")
    two.assert_moved()
    assert "generation 3 " not in two.moved("history")


@pytest.mark.slow
def test_a_python_of_the_store_moves_too(
    two: TwoGenerations, mirror: dict[str, str | None], python_version: str
) -> None:
    """It starts at the new path, its files name it, and a sync finds nothing to do."""
    declared = (two.run.cwd / "drivers.toml").read_text()
    two.run.declare(f'{declared}python-source = "store"\n')
    two.run("sync", env=mirror, check=True)
    (python,) = (path for path in (two.old / "pythons").glob("cpython-*") if not path.is_symlink())
    config = python / f"lib/python{python_version}/where.pc"
    config.parent.chmod(0o755)
    config.write_text(f"prefix={python}/lib\n")
    two.move("--keep", "1")
    two.assert_moved()
    binary = (two.new / "current/web/bin/python").resolve()
    assert binary.is_relative_to(two.new / "pythons")
    moved = two.new / "pythons" / python.name
    assert (moved / config.relative_to(python)).read_text() == f"prefix={moved}/lib\n"
    assert two.moved("sync").startswith("nothing to do")


@pytest.fixture
def disk(scratch: Path) -> Iterator[Path]:
    """A small disk of its own."""
    with tmpfs(scratch / "disk", "size=64m") as place:
        yield place


@pytest.mark.slow
@pytest.mark.root
def test_to_another_disk_and_back(two: TwoGenerations, disk: Path) -> None:
    """Also to its uppermost folder, which has a folder of the file system; too small a disk is said beforehand."""
    (disk / "lost+found").mkdir()
    ballast = disk / "lost+found/x"
    ballast.write_bytes(bytes(56 << 20))
    here, two.new = two.new, disk
    assert "MiB free" in two.move(code=5)
    ballast.unlink()
    two.move()
    assert not two.old.exists()
    two.assert_moved()
    two.run, two.old, two.new = two.run, disk, here
    result = two.run("--store", str(disk), "store", "move", str(here), env=NO_NETWORK)
    assert "kept 1 name there that envbuild did not create: lost+found" in result.stdout
    assert disk.is_mount()
    two.assert_moved()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("move",), 2, "name the folder to move the store to"),
        (("move", "{store}"), 2, "is the same folder as"),
        (("move", "{store}/in"), 2, "is inside the other"),
        (("move", "/"), 2, "is inside the other"),
        (("move", "{scratch}/a b"), 2, "characters that unit files cannot carry"),
        (("move", "{scratch}/other"), 5, "has other files and is not a store"),
        (("move", "{scratch}/third"), 5, "is a store already"),
        (("move", "{scratch}/n", "--keep", "0"), 2, "--keep"),
        (("move", "{scratch}/n", "--keep-old", "--leave-link"), 2, "--leave-link"),
        (("move", "{scratch}/n", "--yes"), 2, "is for `store remove`"),
        (("remove", "{scratch}/n"), 2, "is for `store move`"),
        (("info", "--keep-old"), 2, "is for `store move`"),
        (("move", "{scratch}/n"), 1, "web-1.0-0 cannot be built again"),
    ],
)
def test_bad_input(
    run_envbuild: CommandLine,
    store: Path,
    scratch: Path,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """One message, and nothing is made or removed."""
    make_store(store, [("web", "1.0")])
    make_store(scratch / "third", [("web", "1.0")])
    (scratch / "other").mkdir()
    (scratch / "other/file").touch()
    before = sorted(store.rglob("*"))
    result = run_envbuild("store", *(word.format(store=store, scratch=scratch) for word in words))
    assert (result.code, said in result.stderr) == (code, True), result
    assert result.stderr.count("error:") == 1
    assert [path for path in sorted(store.rglob("*")) if path.name != "cache.lock"] == before
    assert not (scratch / "n").exists()


def test_an_empty_store_has_nothing_to_move(run_envbuild: CommandLine, scratch: Path) -> None:
    """Exit 1, as for every verb that needs a generation."""
    result = run_envbuild("store", "move", str(scratch / "n"))
    assert (result.code, "nothing has been synced" in result.stderr) == (1, True)
