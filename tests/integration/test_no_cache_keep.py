"""`sync --no-cache-keep`: a store as small as it can be, for a layer of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def test_environments_need_no_cache(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """What uv downloaded is gone, the environments are whole, and the next sync goes on from there."""
    index.add(Wheel(name="base"), command_wheel("web", requires=["base"]))
    index.add(command_wheel("gate", requires=["base"]))
    text = declare_drivers({"web": ["web"]}, python=python_version)
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    assert any(path.is_file() for path in store.glob("cache/uv/**/*"))
    run_envbuild("sync", "--no-cache-keep", check=True)
    assert not any(path.is_file() for path in store.glob("cache/uv/**/*"))
    run_envbuild("verify", check=True)
    run_envbuild.declare(f'{text}[drivers.gate]\nrequires = ["gate"]\n')
    run_envbuild("lock", check=True)
    run_envbuild("sync", "--no-cache-keep", check=True)
    assert not any(path.is_file() for path in store.glob("cache/uv/**/*"))
    run_envbuild("verify", check=True)
    assert run_envbuild("run", "gate", "--", "--version", check=True).stdout == "gate 1.0\n"
