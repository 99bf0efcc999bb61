"""pip's resolver judges the CPU fleet of this repository: what is committed, and what uv would lock today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import copy_own_fleet

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine

pytestmark = [pytest.mark.index, pytest.mark.slow]

CPU_FLEET = ("asr", "gateway", "embeddings", "echo")


@pytest.mark.parametrize("upgrade", [(), ("--upgrade",)], ids=["committed", "of-today"])
def test_the_cpu_fleet(upgrade: tuple[str, ...], run_envbuild_online: CommandLine) -> None:
    """Both resolvers have the same versions of every package, on every target that this host can run."""
    pytest.importorskip("piptools")
    copy_own_fleet(run_envbuild_online.cwd)
    result = run_envbuild_online(
        *("lock", *CPU_FLEET, *upgrade, "--check", "--cross-check", "--format", "json")
    )
    print(result.stdout)
    checks = {check["driver"]: check for check in result.json["cross_check"]}
    assert {*checks} == {*CPU_FLEET}
    for check in checks.values():
        assert check["agreed"]
        assert not check["differences"]
        assert not check["unsatisfied"]
