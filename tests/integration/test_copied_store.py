"""A store that was copied, restored, or unpacked from an image: other inodes, and times in whole seconds."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from envbuild.environment import hashing
from envbuild.errors import HostError
from envbuild.store.verifier import Verifier
from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

WAYS = {
    "cp": ("cp", "-a", "--no-preserve=links", "{old}", "{new}"),
    "tar": ("sh", "-c", "mkdir {new} && tar --format=gnu -C {old} -cf - . | tar -C {new} -xf -"),
}


@pytest.fixture
def copied(
    request: pytest.FixtureRequest,
    run_envbuild: CommandLine,
    index: IndexServer,
    store: Path,
    python_version: str,
) -> CommandLine:
    """Two generations, whose store was copied and stands at its path again."""
    index.add(Wheel(name="base", files={f"base/m{number}.py": "A = 1\n" for number in range(9)}))
    index.add(command_wheel("web", "1.0", requires=("base",)))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    index.add(command_wheel("web", "2.0", requires=("base",)))
    run_envbuild("lock", "--upgrade", check=True)
    run_envbuild("sync", "--no-cache-keep", check=True)
    old = store.rename(store.with_name("old"))
    way = WAYS[request.param]
    subprocess.run([word.format(old=old, new=store) for word in way], check=True)
    return run_envbuild


@pytest.mark.parametrize(
    "copied", [pytest.param("cp", marks=pytest.mark.slow), "tar"], indirect=True
)
def test_the_quick_comparison_says_the_truth_and_is_quick_again(
    copied: CommandLine, store: Path
) -> None:
    """Every file is read once; a rollback works; wheels that are kept are not downloaded again."""
    rolled = copied("rollback", "1", check=True)
    assert "generation 1 is current again" in rolled.stdout
    first = copied("verify", "--quick", check=True).stdout
    (other,) = (path.name for path in store.glob("envs/web-2.0-*"))
    said = [line for line in first.splitlines() if "was copied since it was built" in line]
    assert said == [f"{other}: was copied since it was built, so all of its files were read"]
    again = copied("verify", "--quick", check=True).stdout
    assert (
        again == "2 environments and 2 generations checked by size, time and inode: all as built\n"
    )

    (store / "receipts" / f"{other}.json").unlink()
    no_index = {"ENVBUILD_INDEX_DEFAULT_URL": "http://127.0.0.1:9/simple"}
    copied("sync", "--offline", env=no_index, check=True)
    assert "all as built" in copied("verify", check=True).stdout


@pytest.mark.parametrize("copied", ["tar"], indirect=True)
def test_a_reader_that_was_killed_is_not_a_fault_of_the_receipt(
    copied: CommandLine, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host has ended a process that reads the copy's files: an error of the host, as without `--quick`."""

    def killed(*_: object) -> list[tuple[str, str | None]]:
        raise ChildProcessError("a process that reads files was killed")

    monkeypatch.setattr(hashing, "changed_files", killed)
    verifier = Verifier(root=str(store), workers=1)
    (name,) = (path.name for path in store.glob("envs/web-2.0-*"))
    with pytest.raises(HostError, match="a process that reads files was killed"):
        verifier.verify_quickly([name])
    with pytest.raises(HostError, match="a process that reads files was killed"):
        verifier.verify(name, key=None, recorded=None)


@pytest.mark.slow
@pytest.mark.parametrize("copied", ["cp"], indirect=True)
def test_what_was_changed_on_the_way_is_found(copied: CommandLine, store: Path) -> None:
    """With the same size and time, too; its record is not renewed."""
    (module,) = store.glob("envs/web-2.0-*/lib/*/site-packages/base/m1.py")
    times = module.stat().st_mtime_ns
    module.chmod(0o644)
    module.write_text("A = 2\n")
    module.chmod(0o444)
    assert module.stat().st_mtime_ns != times
    for _ in range(2):
        found = copied("verify", "--quick")
        assert found.code == 1
        assert "base/m1.py: has other content" in found.stdout
    copied("verify", "--repair", check=True)
    copied("verify", "--quick", check=True)
