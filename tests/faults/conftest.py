"""What the fault suite gets: a small fleet that is locked, a store that can be put back, a ledger."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.copies import Fleet
from tests.support.command_line import declare_drivers
from tests.support.index_server import IndexServer
from tests.support.ledger import Row, keep_row, read_rows, render_document
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.command_line import CommandLine

FULL = os.environ.get("ENVBUILD_FAULTS") == "full"
"""Whether every fault is tried as often as `docs/reliability.md` says, or a sample of each."""

_ROW = pytest.StashKey[Row]()
_REPORT = "ENVBUILD_FAULTS_REPORT"


@pytest.fixture
def amount() -> Callable[[int, int], int]:
    """`amount(sample, full)`: how often a fault is tried in this run."""
    return lambda sample, full: full if FULL else sample


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`ledger(section=…, fault=…, times=…, held=…)` says what the test has shown once it has passed."""

    def record(*, section: str, fault: str, times: int, held: str) -> None:
        request.node.stash[_ROW] = Row(section=section, fault=fault, times=times, held=held)

    return record


@pytest.fixture(autouse=True)
def _keep_row(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    row = request.node.stash.get(_ROW, None)
    if row is not None and FULL:
        failed = request.node.stash.get(_FAILED, False)
        keep_row(
            replace(
                row,
                outcome="FAILED" if failed else "held",
                test=request.node.nodeid,
                date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
            )
        )


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Iterator[None]:
    """Let the ledger know what failed."""
    report = yield
    if report.when == "call":  # type: ignore[attr-defined]
        item.stash[_FAILED] = report.failed  # type: ignore[attr-defined]
    return report


def pytest_sessionfinish() -> None:
    """Write the document where the run was asked to."""
    path = os.environ.get(_REPORT)
    if path and FULL:
        rows = read_rows()
        if rows:
            Path(path).write_text(render_document(rows), encoding="utf-8")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    """A running, empty index that outlives the longest of these tests."""
    with IndexServer(lifetime=2 * 3600) as server:
        yield server


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str) -> Fleet:
    """Two drivers, `web` and `gate`, which share `base`; declared and locked, not built."""
    index.add(
        command_wheel("web", "1.0", requires=("base",)),
        command_wheel("web", "1.1", requires=("base",)),
        command_wheel("gate", "2.0", requires=("base",)),
        base_wheel(),
    )
    drivers = {"web": ["web==1.0"], "gate": ["gate"]}
    run_envbuild.declare(declare_drivers(drivers, python=python_version))
    run_envbuild("lock", check=True)
    return Fleet(run=run_envbuild, store=store, python_version=python_version)


def base_wheel(modules: int = 12) -> Wheel:
    """A package with a few modules, data, and a script of its own."""
    files: dict[str, str | bytes] = {
        f"base/part_{number}.py": f"'''Part {number}.'''\nVALUE = {number}\n"
        for number in range(modules)
    }
    files["base/__init__.py"] = "__version__ = '1.0'\n"
    files["base/data.bin"] = bytes(range(256)) * 64
    return Wheel(name="base", files=files, scripts={"base-tool": "#!python\nprint('base')\n"})
