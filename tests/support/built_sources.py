"""Two drivers with a package that comes as source, and a file in which each build leaves a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import CommandLine, host_platform
from tests.support.sources import MadeSource, maker
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer


@pytest.fixture
def told(scratch: Path) -> Path:
    """The file in which every build of a wheel leaves a line; any user may write it."""
    path = scratch / "told"
    path.touch(mode=0o666)
    path.chmod(0o666)
    return path


@pytest.fixture
def declared(
    run_envbuild: CommandLine, index: IndexServer, told: Path, python_version: str
) -> CommandLine:
    """Two drivers with one package that comes as source."""
    index.add(maker("1.0"), maker("1.1"), MadeSource(name="svc", requires=("dep",)))
    index.add(Wheel(name="dep"))
    declare(run_envbuild, told, python_version)
    return run_envbuild


def declare(
    run: CommandLine, told: Path, python_version: str, more: str = "", build: str = ""
) -> None:
    """The declaration of the two drivers."""
    rest = f'python = "{python_version}"\nplatforms = ["{host_platform()}"]\nbinary = "svc"\n'
    rest += 'allow-sdist = ["svc"]\n'
    text = f'[drivers.one]\nrequires = ["svc"]\n{rest}'
    text += f'[drivers.two]\nrequires = ["svc", "dep"]\n{rest}{more}\n'
    run.declare(f'{text}[build.svc]\nenv = {{ TELLS = "{told}" }}\n{build}\n')


def builds(told: Path) -> list[str]:
    """What was built so far."""
    return told.read_text().splitlines()
