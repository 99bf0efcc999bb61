"""Platforms that uv has no name of its own for, resolved by real uv over a real index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

OFFERED = {
    "x86_64-manylinux_2_12": ("manylinux_2_5", "manylinux_2_12", "manylinux_2_17"),
    "x86_64-manylinux_2_22": ("manylinux_2_17", "manylinux_2_22", "manylinux_2_24"),
    "x86_64-manylinux_2_30": ("manylinux_2_28", "manylinux_2_30", "manylinux_2_31"),
    "aarch64-manylinux_2_27": ("manylinux_2_17", "manylinux_2_27", "manylinux_2_28"),
    "x86_64-musllinux_1_1": ("musllinux_1_0", "musllinux_1_1", "musllinux_1_2"),
}
"""Platform → the tags of an older wheel, of one just for it, and of one that is too new."""


def declare(platform: str, requirement: str = "one") -> str:
    """A driver for one platform."""
    return f'[drivers.app]\nrequires = ["{requirement}"]\nplatforms = ["{platform}"]\n'


@pytest.mark.parametrize("platform", OFFERED)
def test_a_minor_is_resolved_for_exactly_that_library(
    run_envbuild: CommandLine, index: IndexServer, project: Path, platform: str
) -> None:
    """The newest version with a wheel that the library runs is locked, never one that is too new."""
    arch = platform.partition("-")[0]
    older, exact, newer = (f"py3-none-{tag}_{arch}" for tag in OFFERED[platform])
    index.add(
        Wheel(name="one", version="1.0", tag=older),
        Wheel(name="one", version="2.0", tag=older),
        Wheel(name="one", version="2.0", tag=exact),
        Wheel(name="one", version="2.0", tag=newer),
        Wheel(name="one", version="3.0", tag=newer),
        Wheel(name="one", version="4.0", tag=newer),
    )
    run_envbuild.declare(declare(platform))
    run_envbuild("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    assert f'name = "one-2.0-{exact}.whl"' in text
    assert text.count(".whl") == 1


def test_where_every_wheel_is_too_new_the_platform_to_declare_is_named(
    run_envbuild: CommandLine, index: IndexServer
) -> None:
    """Unsatisfiable is 3, and says what the declaration can change."""
    tag = "py3-none-manylinux_2_28_x86_64"
    index.add(Wheel(name="one", version="1.0", tag=tag), Wheel(name="one", version="2.0", tag=tag))
    run_envbuild.declare(declare("x86_64-manylinux_2_20"))
    result = run_envbuild("lock")
    assert result.code == 3, result
    assert "declare x86_64-manylinux_2_28 if every host has it" in result.stderr
