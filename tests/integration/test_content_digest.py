"""Two hosts that build the same at one path have the same content digests; so has a repaired environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.command_line import declare_drivers
from tests.support.folders import remove_tree
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def test_hosts_and_orders_of_work_are_equal(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """Another order, more jobs, a warm cache and a repair change nothing; the uv is named nowhere."""
    index.add(
        *(command_wheel(name, "1.0", requires=("base",)) for name in ("web", "gate")),
        Wheel(name="base", files={"base.py": "VALUE = 1\n"}),
    )
    names = {"web": ["web"], "gate": ["gate"]}
    run_envbuild.declare(declare_drivers(names, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("sync", "--jobs", "1", check=True)
    first = run_envbuild.content_digests()
    assert all(content.startswith("sha256:") for content in first.values())

    remove_tree(store)
    run_envbuild("sync", "gate", check=True)
    run_envbuild("sync", "--jobs", "4", check=True)
    assert run_envbuild.content_digests() == first

    environment = (store / "current/web").resolve()
    (file,) = environment.glob("lib/python3.*/site-packages/base.py")
    file.chmod(0o644)
    file.write_text("VALUE = 2\n")
    run_envbuild("verify", "--repair", check=True)
    assert run_envbuild.content_digests() == first

    receipt = json.loads((store / f"receipts/{environment.name}.json").read_text())
    assert receipt["content"] == first["web"]
    assert "uv" not in (environment / "pyvenv.cfg").read_text()
