"""Indexes that fail, in every way at once: nothing of it ever reaches a store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.failing_index import assert_failed, environments, through
from tests.support.fault_proxy import (
    Change,
    Fault,
    FaultProxy,
    Hang,
    Redirect,
    Reset,
    Status,
    Truncate,
)
from tests.support.index_server import IndexServer
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.copies import Fleet


PAGES, FILES = "/simple/", r"\.whl$"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One fault, and the words that tell it from the others."""

    fault: Fault
    words: str
    strikes: tuple[str, ...] = (PAGES, FILES)

    def __str__(self) -> str:
        """The name in the test's id."""
        return str(self.fault)


CASES = (
    Case(fault=Status(code=401), words="requires a user and a password (401)"),
    Case(fault=Status(code=403), words="does not permit reading"),
    Case(fault=Status(code=404), words="does not have it (404)", strikes=(FILES,)),
    Case(fault=Status(code=500), words="500 Internal Server Error"),
    Case(fault=Hang(), words="did not answer in time"),
    Case(fault=Truncate(after=10), words="stopped in the middle"),
    Case(fault=Reset(), words="cannot be reached", strikes=(PAGES,)),
    Case(fault=Redirect(), words="redirects endlessly"),
    Case(fault=Change(), words="serves a changed", strikes=(FILES,)),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_failing_index(
    fleet: Fleet, faults: FaultProxy, ledger: Callable[..., None], case: Case
) -> None:
    """The right words, exit 4, no lockfile and nothing in the store; the next run succeeds."""
    if PAGES in case.strikes:
        shutil.rmtree(fleet.run.cwd / "locks")
        faults.inject(PAGES, case.fault)
        assert_failed(fleet.run("lock", env=through(faults)), case.words)
        assert not list(fleet.run.cwd.glob("locks/*"))
        assert not environments(fleet.store)
        faults.clear()
        fleet.run("lock", check=True)
    if FILES in case.strikes:
        faults.inject(FILES, case.fault)
        assert_failed(fleet.run("sync", env=through(faults)), case.words)
        assert not environments(fleet.store)
        faults.clear()
    fleet.run("sync", env=through(faults), check=True)
    assert fleet.findings() == []
    ledger(
        section="Indexes",
        fault=f"the index: {case.words}",
        times=len(case.strikes),
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
        assert "internal" in result.stderr
        assert not (fleet.run.cwd / "locks/acme.toml").exists()
        assert not index.asked("acme-tool")
    ledger(
        section="Indexes",
        fault="401, 403, 404, 500 for a package that is bound to a private index",
        times=len(codes),
        held="exit 3 or 4; the public index never sees the name",
    )
