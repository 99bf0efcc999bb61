"""The table of a driver's keys."""

from __future__ import annotations

import pytest

from envbuild.declaration.declaration import Driver, HostChange
from envbuild.declaration.toml.document import parse_declaration
from envbuild.declaration.toml.keys import DRIVER_KEYS, DRIVER_TABLE, HOST_ROWS, DriverKey
from envbuild.lockfile.lockfile import Inputs
from tests.support.command_line import ROOT

MADE_FROM_OTHERS = {"name", "line", "extends", "default_binaries", "origins"}
"""Fields of a driver that no key of the table sets alone."""

DOCUMENT = (ROOT / "docs" / "declaration.md").read_text(encoding="utf-8")


def fields(of: type) -> set[str]:
    """The fields of a class of values."""
    return set(of.__annotations__)


def test_each_field_of_a_driver_has_its_row() -> None:
    """Neither a field without a key, nor a key without a field."""
    assert {row.field for row in DRIVER_TABLE} == fields(Driver) - MADE_FROM_OTHERS
    assert len({row.name for row in DRIVER_TABLE}) == len(DRIVER_TABLE)


def test_what_decides_a_lockfile_is_among_its_inputs() -> None:
    """A key that decides the lockfile makes it stale when it changes."""
    deciding = {row.field for row in DRIVER_TABLE if row.decides == "lockfile"}
    assert deciding == fields(Inputs) - {"indexes"}


def test_no_host_changes_what_decides_a_lockfile() -> None:
    """A lockfile is the same on every host."""
    assert all(row.decides != "lockfile" for row in HOST_ROWS)
    assert fields(HostChange) == {"driver", "line", "env", "given"}


@pytest.mark.parametrize("key", [key.name for key in DRIVER_KEYS])
def test_the_page_has_each_key(key: str) -> None:
    """The table in docs/declaration.md names every key."""
    assert f"\n| `{key}` |" in DOCUMENT


@pytest.mark.parametrize("row", DRIVER_TABLE, ids=lambda row: row.name)
def test_the_page_says_what_the_table_says(row: DriverKey) -> None:
    """Where a key can stand, and what it decides."""
    (line,) = (line for line in DOCUMENT.split("\n") if line.startswith(f"| `{row.name}` |"))
    _, _, _, defaults, host, decides, _ = (cell.strip() for cell in line.split("|"))
    assert (defaults == "yes", host == "yes") == (row.in_defaults, row.by_host)
    assert decides == row.decides


def test_defaults_that_are_built_in() -> None:
    """A driver that says nothing has the defaults of the table."""
    text = 'version = 1\n[drivers.a]\nrequires = ["a"]\n'
    (driver,) = parse_declaration(text, file="drivers.toml").drivers
    for row in DRIVER_TABLE:
        if row.merge is not None:
            assert getattr(driver, row.field) == row.default, row.name


def test_a_constraint_of_the_defaults_holds_once() -> None:
    """A list that is added to has nothing twice, also where the driver adds nothing."""
    text = 'version = 1\n[defaults]\nconstraints = ["b<2", "b<2"]\n[drivers.a]\nrequires = ["a"]\n'
    (driver,) = parse_declaration(text, file="drivers.toml").drivers
    assert driver.constraints == ("b<2",)
