"""Many commands at once on one store: each comes to its end, and nothing is done twice."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults import fleet
from tests.support.process_tree import kill_tree

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

MANY = 8
_BUILT = re.compile(r"^\w+: built (\S+), [0-9.]+ s$", re.MULTILINE)


@pytest.fixture
def locked(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """The fleet, locked."""
    fleet.declare_fleet(run_envbuild, index, python_version)
    run_envbuild("lock", check=True)
    return run_envbuild


def _outcomes(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Exit code and stderr of each, once all have ended."""
    said = [process.communicate(timeout=120)[1] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def _check_store(store: Path, drivers: set[str]) -> None:
    assert set(fleet.current_manifest(store)["drivers"]) == drivers
    assert len(list((store / "envs").iterdir())) == len(drivers)
    fleet.check_valid(store)
    assert not fleet.leftovers(store)


def test_eight_syncs_build_each_environment_once(locked: CommandLine, store: Path) -> None:
    """All exit 0 on a store that was not there; one of them builds, and one generation comes of it."""
    outcomes = _outcomes([locked.start("sync") for _ in range(MANY)])
    assert [code for code, _ in outcomes] == [0] * MANY, outcomes
    built = sorted(name for _, said in outcomes for name in _BUILT.findall(said))
    assert built == sorted(path.name for path in (store / "envs").iterdir())
    assert [path.name for path in (store / "generations").iterdir()] == ["1"]
    _check_store(store, {"web", "gate"})


def test_syncs_of_single_drivers_do_not_undo_one_another(locked: CommandLine, store: Path) -> None:
    """Each adds its driver to the generation that is current when it switches, not when it began."""
    names = ("web", "gate") * (MANY // 2)
    outcomes = _outcomes([locked.start("sync", name) for name in names])
    assert [code for code, _ in outcomes] == [0] * MANY, outcomes
    _check_store(store, {"web", "gate"})
    assert len(list((store / "generations").iterdir())) == 2


def test_one_that_is_killed_does_not_harm_the_others(locked: CommandLine, store: Path) -> None:
    """Whoever waits for the killed one's lock takes over its work."""
    seed = int(os.environ.get("ENVBUILD_TEST_SEED") or random.randrange(1 << 32))
    print(f"ENVBUILD_TEST_SEED={seed}")
    processes = [locked.start("sync") for _ in range(MANY)]
    time.sleep(random.Random(seed).uniform(0.3, 2.0))
    for victim in processes[:2]:
        kill_tree(victim.pid)
    outcomes = _outcomes(processes)
    assert {code for code, _ in outcomes[:2]} <= {0, -signal.SIGKILL}
    assert [code for code, _ in outcomes[2:]] == [0] * (MANY - 2), outcomes
    locked("sync", check=True)
    _check_store(store, {"web", "gate"})


def test_eight_locks_write_what_one_writes(locked: CommandLine, project: Path) -> None:
    """All exit 0, and the lockfiles are those of a single one."""
    alone = {path.name: path.read_bytes() for path in (project / "locks").iterdir()}
    for path in (project / "locks").iterdir():
        path.unlink()
    outcomes = _outcomes([locked.start("lock") for _ in range(MANY)])
    assert [code for code, _ in outcomes] == [0] * MANY, outcomes
    assert {path.name: path.read_bytes() for path in (project / "locks").iterdir()} == alone
