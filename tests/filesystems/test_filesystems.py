"""Every verb with the store on other file systems, and what a file system cannot do said at `sync`."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.disks import mounted
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.root

SLOW = pytest.mark.slow


class Fleet:
    """A driver in three versions, and a store somewhere."""

    def __init__(self, run: CommandLine, python_version: str) -> None:
        self.run = run
        self._python_version = python_version
        self.store = Path("/nowhere")
        self.wrapper: tuple[str, ...] = ()

    def __call__(self, *argv: str, code: int | None = 0) -> Result:
        """Run a command with the store."""
        result = self.run.wrapped(self.wrapper, "--store", str(self.store), *argv)
        assert code in (None, result.code), result
        return result

    def lock(self, version: str) -> None:
        """Lock another version."""
        declared = declare_drivers({"web": [f"web=={version}"]}, python=self._python_version)
        self.run.declare(declared)
        self("lock")

    @property
    def module(self) -> Path:
        """A file of the current environment."""
        environment = (self.store / "current/web").resolve()
        return next(environment.glob("lib/*/site-packages/base/a.py"))

    def assert_sound(self) -> None:
        """Both ways of `verify` find nothing."""
        self("verify", "--quick")
        self("verify")

    def assert_everything_works(self) -> None:
        """The store is sound, goes back a generation, gives up what nothing uses, and is sound again."""
        self.assert_sound()
        self("rollback")
        self("gc", "--keep", "1", "--wait", "--cache")
        self.assert_sound()


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> Fleet:
    """Versions 1.0 to 1.2 of a driver, each with a package in common."""
    index.add(Wheel(name="base", files={"base/a.py": "A = 1\n", "base/b.py": "B = 2\n"}))
    index.add(*(command_wheel("web", f"1.{number}", requires=("base",)) for number in range(3)))
    return Fleet(run_envbuild, python_version)


@pytest.fixture
def mounts(scratch: Path) -> Iterator[ExitStack]:
    """What is mounted for the test."""
    with ExitStack() as stack:
        yield stack
        subprocess.run(("rm", "-rf", scratch / "disk/s"), check=False)


KINDS = {
    "tmpfs": ("tmpfs", ""),
    "ext4": ("ext4", ""),
    "ext4 without fractions of seconds": ("ext4", "keeps times in whole seconds"),
    "xfs": ("xfs", ""),
    "xfs of any case": ("xfs", "does not distinguish capital letters"),
    "btrfs": ("btrfs", ""),
    "overlay": ("overlay", ""),
    "fuse-overlayfs": ("fuse.fuse-overlayfs", ""),
}
"""Each kind with its name in the kernel, and what is said at `sync`."""


@pytest.mark.parametrize("kind", ["tmpfs", *(pytest.param(k, marks=SLOW) for k in [*KINDS][1:])])
def test_every_verb(fleet: Fleet, mounts: ExitStack, scratch: Path, kind: str) -> None:
    """sync, verify, rollback, repair, run, ps, gc with a process that runs, and doctor."""
    fleet.store = mounts.enter_context(mounted(kind, scratch)) / "s"
    name, said = KINDS[kind]
    fleet.lock("1.0")
    first = fleet("sync").stderr
    assert (said in first) if said else ("the file system of" not in first)
    fleet.lock("1.1")
    fleet("sync")
    fleet.assert_sound()
    fleet("rollback")
    fleet("rollback", "2")
    assert fleet("store", "info", "--format", "json").json["file_system"] == name

    fleet.module.chmod(0o644)
    fleet.module.write_text("A = 2\n")
    assert fleet("verify", code=1).stdout
    fleet("verify", "--repair")
    fleet.assert_sound()

    code = "import time; print('up', flush=True); time.sleep(60)"
    python = fleet.store / "current/web/bin/python"
    with subprocess.Popen((python, "-c", code), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert str(process.pid) in fleet("ps").stdout
        fleet.lock("1.2")
        fleet("sync")
        kept = fleet("gc", "--keep", "1", "--wait").stdout
        assert f"lease held by pid {process.pid}" in kept
        process.kill()
    assert "removed web-1.1" in fleet("gc", "--keep", "1", "--wait", "--cache").stdout
    fleet.assert_sound()
    warned = fleet("doctor", "--format", "json", code=None).json["warnings"]
    assert [one["code"] for one in warned] == (["file-system"] if said else [])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param("noexec", "is mounted noexec", marks=SLOW),
        pytest.param("exfat", "has no symbolic links", marks=SLOW),
    ],
)
def test_what_no_environment_can_be_built_on(
    fleet: Fleet, mounts: ExitStack, scratch: Path, kind: str, said: str
) -> None:
    """Exit 5 before anything is built, and no store is left there; noexec also in a store that is there already."""
    place = mounts.enter_context(mounted(kind, scratch))
    fleet.store = place / "s"
    fleet.lock("1.0")
    assert said in fleet("sync", code=5).stderr
    assert list(fleet.store.iterdir()) == []
    if kind == "noexec":
        subprocess.run(("mount", "-o", "remount,exec", place), check=True)
        fleet("sync")
        subprocess.run(("mount", "-o", "remount,noexec", place), check=True)
        fleet.lock("1.1")
        assert said in fleet("sync", code=5).stderr
        assert "noexec" in [one["code"] for one in _findings(fleet)]


def _findings(fleet: Fleet) -> list[dict[str, str]]:
    found: list[dict[str, str]] = fleet("doctor", "--format", "json", code=1).json["findings"]
    return found


@SLOW
@pytest.mark.parametrize(
    ("calls", "error", "said"),
    [
        ("link,linkat", "EPERM", "has no hard links"),
        ("link,linkat", "EOPNOTSUPP", "has no hard links"),
    ],
)
def test_without_hard_links(fleet: Fleet, scratch: Path, calls: str, error: str, said: str) -> None:
    """It is said at `sync`; everything works, and nothing is shared."""
    if shutil.which("strace") is None:
        pytest.skip("NOT TESTED: there is no strace here")
    fleet.store = scratch / "s"
    fleet.lock("1.0")
    fleet.wrapper = (
        *("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}"),
        *("-e", f"inject={calls}:error={error}"),
    )
    assert said in fleet("sync").stderr
    assert fleet.module.stat().st_nlink == 1
    fleet.lock("1.1")
    fleet("sync")
    fleet.assert_everything_works()


@SLOW
def test_a_cache_on_another_disk(fleet: Fleet, mounts: ExitStack, scratch: Path) -> None:
    """As with a cache mount of a container build: nothing can be linked, and everything works."""
    disk = mounts.enter_context(mounted("tmpfs", scratch))
    fleet.store = scratch / "s"
    fleet.store.mkdir()
    (fleet.store / "cache").mkdir(mode=0o700)
    subprocess.run(("mount", "--bind", disk, fleet.store / "cache"), check=True)
    mounts.callback(subprocess.run, ("umount", "-l", fleet.store / "cache"), check=False)
    for version in ("1.0", "1.1"):
        fleet.lock(version)
        fleet("sync")
    fleet.assert_everything_works()


@SLOW
def test_a_store_that_stands_elsewhere(fleet: Fleet, mounts: ExitStack, scratch: Path) -> None:
    """Mounted at a second path it works; where its own path is gone, every verb says so, and a move is the way out."""
    made = scratch / "s"
    fleet.store = made
    fleet.lock("1.0")
    fleet("sync")
    place = scratch / "mounted"
    place.mkdir()
    subprocess.run(("mount", "--bind", made, place), check=True)
    mounts.callback(subprocess.run, ("umount", "-l", place), check=False)
    fleet.store = place
    fleet("verify", "--quick")
    assert fleet("sync").stdout.startswith("nothing to do")
    made.rename(scratch / "away")

    said = f"the environments were built for a store at {made}"
    for words, code in (
        (("verify",), 1),
        (("verify", "--quick"), 1),
        (("sync",), 5),
        (("rollback", "1"), 1),
    ):
        result = fleet(*words, code=code)
        assert said in result.stdout + result.stderr, result
    assert "elsewhere" in [one["code"] for one in _findings(fleet)]
    assert "all as built" not in fleet("verify", "--repair", code=1).stdout
    fleet("gc", "--wait")
    fleet("store", "move", str(scratch / "new"))
    fleet.store = scratch / "new"
    fleet.assert_sound()
    assert fleet("sync").stdout.startswith("nothing to do")
