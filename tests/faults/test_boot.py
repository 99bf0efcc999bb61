"""The CPU fleet's units, started by a real systemd, moved forth by a sync and back by a rollback."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.boot import Machine, boot_root
from tests.support.command_line import copy_own_fleet
from tests.support.ledger import keep_transcript

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import CommandLine

_UNIT = """\
[Unit]
Description={name}, whichever generation is current when it starts

[Service]
ExecStart={store}/current/{name}/bin/{command}
User=daemon
Environment=HOME=/run/{name}
RuntimeDirectory={name}
WorkingDirectory=/run/{name}
ProtectSystem=strict
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
"""

_APP = "uvicorn fastapi.applications:FastAPI --factory --host 127.0.0.1 --port"
_COMMANDS = {
    "asr": f"{_APP} 8701",
    "embeddings": f"{_APP} 8702",
    "gateway": "litellm --host 127.0.0.1 --port 8703",
}


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.index
def test_units_move_with_the_generations(
    run_envbuild_online: CommandLine, project: Path, store: Path, ledger: Callable[..., None]
) -> None:
    """A restart is all it takes to go to the next generation, and to go back; `ps` tells which it is."""
    root, run = boot_root(), run_envbuild_online
    copy_own_fleet(project)
    declaration = (project / "drivers.toml").read_text()
    run("sync", *_COMMANDS, check=True)
    units = {
        f"{name}.service": _UNIT.format(name=name, store=store, command=command)
        for name, command in _COMMANDS.items()
    }
    with Machine(root, store, units) as machine:
        _wait_for(machine, generation=1, current=3)
        machine.envbuild("list")
        changed = declaration.replace("env = { LITELLM", 'env = { MOVED = "yes", LITELLM')
        assert changed != declaration
        (project / "drivers.toml").write_text(changed)
        said = run("sync", *_COMMANDS, check=True).stdout.rstrip()
        machine.transcript.append(f"# envbuild sync {' '.join(_COMMANDS)}\n{said}")
        _wait_for(machine, generation=2, current=2)
        machine.run("systemctl", "restart", "gateway")
        _wait_for(machine, generation=2, current=3)
        machine.envbuild("rollback")
        _wait_for(machine, generation=1, current=2)
        machine.run("systemctl", "restart", "gateway")
        _wait_for(machine, generation=1, current=3)
        machine.envbuild("gc", "--dry-run")
        states = machine.run("systemctl", "is-active", *_COMMANDS)
        assert states.split() == ["active"] * 3
        transcript = "\n\n".join(machine.transcript).replace(str(store), "<store>")
        keep_transcript("A real boot", transcript)
    ledger(
        section="A real boot",
        fault="the CPU fleet's units under a real systemd: sync, restart, rollback, restart",
        times=1,
        held="each restart starts the current environment; `ps` shows what still uses the other generation",
    )


def _wait_for(machine: Machine, *, generation: int, current: int) -> None:
    """Wait until every unit has its process, and so many of them run the current generation."""
    deadline = time.monotonic() + 60
    while True:
        said = machine.envbuild("ps")
        processes = re.findall(r"^\S+ .*? (yes|no) ", said, re.MULTILINE)
        if len(processes) == len(_COMMANDS) and processes.count("yes") == current:
            break
        machine.transcript.pop()
        assert time.monotonic() < deadline, f"generation {generation}: {said}"
        time.sleep(0.5)
