"""What several attacks are made on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def web(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """The command line, with a driver `web` that is locked."""
    index.add(command_wheel("web"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    return run_envbuild
