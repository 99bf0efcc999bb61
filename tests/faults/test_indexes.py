"""Indexes that fail, in every way at once: nothing of it ever reaches a store."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.indexes.test_failures import FILES, PAGES, assert_failed, environments, through
from tests.support.command_line import declare_drivers
from tests.support.fault_proxy import FaultProxy, Status
from tests.support.index_server import IndexServer
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.copies import Fleet
    from tests.indexes.test_failures import Case


@pytest.mark.parametrize("case", FILES, ids=lambda case: str(case.fault))
def test_a_failing_index(
    fleet: Fleet, faults: FaultProxy, ledger: Callable[..., None], case: Case
) -> None:
    """The right words, exit 4, no lockfile and nothing in the store."""
    tried = 0
    if case in PAGES:
        shutil.rmtree(fleet.run.cwd / "locks")
        faults.inject("/simple/", case.fault)
        assert_failed(fleet.run("lock", env=through(faults)), case.words)
        assert not list(fleet.run.cwd.glob("locks/*"))
        faults.clear()
        fleet.run("lock", check=True)
        tried += 1
    faults.inject(r"\.whl$", case.fault)
    assert_failed(fleet.run("sync", env=through(faults)), case.words)
    assert not environments(fleet.store)
    faults.clear()
    fleet.run("sync", env=through(faults), check=True)
    assert fleet.findings() == []
    ledger(
        section="Indexes",
        fault=f"the index: {case.words}",
        times=tried + 1,
        held="exit 4 with these words; no lockfile, nothing in the store; the next run succeeds",
    )


def test_a_bound_name_is_asked_for_nowhere_else(
    fleet: Fleet, index: IndexServer, ledger: Callable[..., None]
) -> None:
    """Whatever its own index does, the public one is never asked for a bound name."""
    index.add(command_wheel("acme-tool"))
    codes = (401, 403, 404, 500)
    for code in codes:
        with IndexServer() as internal, FaultProxy(internal.url) as proxy:
            proxy.inject("/simple/", Status(code=code))
            bound = f'[[index]]\nname = "internal"\nurl = "{proxy.url}"\npackages = ["acme-*"]\n'
            drivers = {"acme": ["acme-tool"]}
            fleet.run.declare(declare_drivers(drivers, python=fleet.python_version, more=bound))
            result = fleet.run("lock")
        assert result.code in (3, 4), str(result)
        assert not index.asked("acme-tool")
    ledger(
        section="Indexes",
        fault="401, 403, 404, 500 for a package that is bound to a private index",
        times=len(codes),
        held="exit 3 or 4; the public index never sees the name",
    )
