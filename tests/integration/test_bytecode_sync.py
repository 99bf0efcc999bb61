"""Bytecode as users meet it: through `envbuild sync`, over a real index."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Sdist, Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

BASE = Wheel(name="base", files={"base/__init__.py": "x = 1\n", "base/other.py": "y = 2\n"})


@pytest.fixture
def locked(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """Two drivers that share the wheel `base`, locked."""
    index.add(
        command_wheel("web", "1.0", requires=("base",)),
        command_wheel("gate", "2.0", requires=("base",)),
        BASE,
    )
    run_envbuild.declare(declare_drivers({"web": ["web"], "gate": ["gate"]}, python=python_version))
    run_envbuild("lock", check=True)
    return run_envbuild


def _environments(store: Path) -> list[Path]:
    return sorted((store / "envs").iterdir())


def _bytecode(environment: Path, module: str) -> Path:
    folder, _, name = module.rpartition("/")
    (found,) = environment.glob(f"lib/*/site-packages/{folder}/__pycache__/{name}.*.pyc")
    return found


def test_drivers_share_the_bytecode_of_a_shared_wheel(locked: CommandLine, store: Path) -> None:
    """Every module has its bytecode, the activation too, and what two drivers share is one inode."""
    locked("sync", check=True)
    gate, web = _environments(store)
    assert _bytecode(gate, "base/other").samefile(_bytecode(web, "base/other"))
    assert _bytecode(gate, "_envbuild_activation").is_file()
    for environment in (gate, web):
        modules = list(environment.glob("lib/*/site-packages/**/*.py"))
        assert len(list(environment.glob("lib/*/site-packages/**/*.pyc"))) == len(modules)
    receipt = json.loads((store / "receipts" / f"{web.name}.json").read_text())
    assert any(
        row[0].endswith("base/__pycache__/" + _bytecode(web, "base/other").name)
        for row in receipt["files"]
    )


@pytest.mark.usefixtures("bytecode")
def test_a_running_driver_has_nothing_to_write(locked: CommandLine, store: Path) -> None:
    """Even root, whom no mode holds back, leaves an environment as it was built."""
    locked("sync", check=True)
    command = str(store / "current/bin/web")
    subprocess.run([command], check=True, capture_output=True)
    locked("verify", check=True)


def test_a_rebuild_compiles_nothing_again(
    locked: CommandLine, index: IndexServer, store: Path
) -> None:
    """After one package has moved, the others' bytecode is the very same files."""
    locked("sync", check=True)
    before = {_bytecode(path, "base/other").stat().st_ino for path in _environments(store)}
    index.add(command_wheel("web", "1.1", requires=("base",)))
    locked("lock", "--upgrade", check=True)
    locked("sync", check=True)
    assert len(_environments(store)) == 3
    assert {_bytecode(path, "base/other").stat().st_ino for path in _environments(store)} == before
    locked("verify", check=True)


def test_forged_bytecode_goes_no_further(
    locked: CommandLine, index: IndexServer, store: Path
) -> None:
    """What somebody put into an environment's bytecode is told by verify, and never gets into another."""
    locked("sync", check=True)
    forged = _bytecode(_environments(store)[1], "base/other")
    content = forged.read_bytes()
    forged.chmod(0o644)
    forged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    forged.chmod(0o444)
    assert "base/__pycache__/other" in locked("verify").stdout
    index.add(command_wheel("web", "1.1", requires=("base",)))
    locked("lock", "--upgrade-package", "web", check=True)
    locked("sync", check=True)
    newest = next(path for path in _environments(store) if path.name.startswith("web-1.1"))
    assert _bytecode(newest, "base/other").read_bytes() == content


def test_bytecode_can_be_left_out(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """`bytecode = false` is another environment, without compiled modules; the lockfile stays fresh."""
    index.add(command_wheel("web", "1.0"))
    text = declare_drivers({"web": ["web"]}, python=python_version)
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    assert "[defaults]\n" in text
    run_envbuild.declare(text.replace("[defaults]\n", "[defaults]\nbytecode = false\n"))
    run_envbuild("lock", "--check", check=True)
    run_envbuild("sync", check=True)
    counts = sorted(
        len(list(path.glob("lib/*/site-packages/**/*.pyc"))) for path in _environments(store)
    )
    assert counts[0] == 0
    assert counts[1] > 0
    assert len(counts) == 2


def test_what_was_built_from_source_is_kept_as_well(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """A built wheel is a wheel: its modules are compiled once, and environments share them."""
    wheel = command_wheel("web", "1.0")
    index.add(Sdist(wheel=wheel))
    text = declare_drivers({"web": ["web"]}, python=python_version)
    run_envbuild.declare(text + '\nallow-sdist = ["web"]\n')
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    (environment,) = _environments(store)
    assert _bytecode(environment, "web/cli").stat().st_nlink == 2


def test_a_broken_cache_does_not_stop_a_sync(locked: CommandLine, store: Path) -> None:
    """A cache that cannot be written, or holds rubbish, costs time alone."""
    (store / "cache").mkdir(parents=True)
    (store / "envbuild-store.json").write_text('{"format": 1}\n')
    (store / "cache/bytecode").write_text("no folder")
    (store / "cache/wheels").write_text("no folder")
    locked("sync", check=True)
    assert _bytecode(_environments(store)[0], "base/other").is_file()
    locked("verify", check=True)


def test_gc_takes_the_bytecode_that_nobody_has(
    locked: CommandLine, index: IndexServer, store: Path
) -> None:
    """`gc --cache` keeps what current environments link; a sync after it works."""
    locked("sync", check=True)
    entries = {path for path in store.glob("cache/bytecode/*/*") if path.name != "locks"}
    assert len(entries) == 3
    locked("gc", "--cache", check=True)
    assert {path for path in store.glob("cache/bytecode/*/*") if path.name != "locks"} == entries
    index.add(command_wheel("web", "1.1", requires=("base",)))
    locked("lock", "--upgrade-package", "web", check=True)
    locked("sync", check=True)
    locked("gc", "--cache", "--keep", "1", check=True)
    locked("verify", check=True)
