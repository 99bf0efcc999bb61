"""`check --host cuda=…`: what a host with that NVIDIA driver could not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.commands.sync import Planner
from envbuild.errors import UsageError
from envbuild.lockfile.folder import LockFolder
from envbuild.lockfile.host_check import check_host, parse_host
from envbuild.target.accelerator import Accelerator, FoundAccelerator
from envbuild.value import replace
from tests.support.values import (
    HOST,
    PYTHON,
    make_declaration,
    make_driver,
    make_lockfile,
    make_package,
)

if TYPE_CHECKING:
    from pathlib import Path


def findings(cuda: str, *, needs: str | None, torch: str = "2.8.0+cu128") -> list[tuple[str, str]]:
    """Code and level of what is found for one driver."""
    accelerator = Accelerator(kind="cuda", versions=needs) if needs is not None else None
    driver = make_driver("vllm", "torch", accelerator=accelerator)
    lockfile = make_lockfile(driver, make_package("torch", torch))
    found = check_host(make_declaration(driver), {"vllm": lockfile}, parse_host(f"cuda={cuda}"))
    return [(finding.code, finding.level) for finding in found]


@pytest.mark.parametrize(
    ("cuda", "needs", "expected"),
    [
        ("12.8", ">=12.4", []),
        ("12.4", ">=12.4", [("host-accelerator", "warning")]),
        ("11.8", ">=11.0", [("host-accelerator", "error")]),
        ("12.2", ">=12.4", [("host-skips", "note")]),
        ("11.8", None, []),
    ],
)
def test_what_a_host_cannot_do(
    cuda: str, needs: str | None, expected: list[tuple[str, str]]
) -> None:
    """An error where nothing runs, a warning within a major version, a note where it is skipped."""
    assert findings(cuda, needs=needs) == expected


def test_host_is_read() -> None:
    """`cuda=12.4`, with what else is known, is a host; anything else is a mistake of the command line."""
    absent = "`--host` names none"
    assert parse_host("cuda=12.4,compute=8.6,cpu=avx2+avx512f") == (
        FoundAccelerator(kind="cpu", features=("avx2", "avx512f")),
        FoundAccelerator(kind="cuda", version="12.4", compute="8.6"),
        FoundAccelerator(kind="rocm", absent=absent),
        FoundAccelerator(kind="xpu", absent=absent),
    )
    assert {found.version for found in parse_host("cpu")} == {None}
    for text in (
        *("12.4", "cuda=12", "cuda>=12.4", "boat=1.0", "compute=8.6", "rocm=7.1,compute=9.4"),
        *("cuda=12.4,cuda=13.0", "cpu=", "cpu=A;B", "", ","),
    ):
        with pytest.raises(UsageError, match=r"--host"):
            parse_host(text)


@pytest.mark.parametrize(("cuda", "skipped"), [("11.8", True), ("12.4", False), ("12.8", False)])
def test_sync_skips_what_cannot_run(tmp_path: Path, cuda: str, skipped: bool) -> None:
    """Before anything is built: a driver whose wheels are a major version ahead is skipped, and why."""
    driver = make_driver("vllm", "torch", accelerator=Accelerator(kind="cuda", versions=">=11.0"))
    folder = LockFolder(path=tmp_path, shown="locks")
    folder.write(make_lockfile(driver, make_package("torch", "2.8.0+cu128")))
    planner = Planner(
        declaration=make_declaration(driver),
        folder=folder,
        host=replace(HOST, accelerators=parse_host(f"cuda={cuda}")),
        host_packages=lambda _: None,
        interpreter_for=lambda *_: PYTHON,
        current=None,
        is_valid=lambda _: False,
    )
    plan = planner.plan(())
    assert [skip.driver for skip in plan.skips] == (["vllm"] if skipped else [])
    assert [item.driver.name for item in plan.wanted] == ([] if skipped else ["vllm"])
    assert all("is built for CUDA 12.8" in skip.reason for skip in plan.skips)
    assert [item.driver.name for item in planner.plan(("vllm",)).wanted] == ["vllm"]
