"""The table of a driver's keys."""

from __future__ import annotations

import re

from envbuild.declaration.declaration import HostChange
from envbuild.declaration.driver import Driver
from envbuild.declaration.toml.document import parse_declaration
from envbuild.declaration.toml.keys import DRIVER_TABLE, HOST_ROWS, DriverKey
from envbuild.lockfile.lockfile import Inputs
from envbuild.value import field_names
from tests.support.command_line import ROOT
from tests.support.golden import assert_golden

MADE_FROM_OTHERS = {"name", "line", "extends", "default_binaries", "origins"}
"""Fields of a driver that no key of the table sets alone."""


def test_each_field_of_a_driver_has_its_row() -> None:
    """Neither a field without a key, nor a key without a field."""
    assert {row.field for row in DRIVER_TABLE} == set(field_names(Driver)) - MADE_FROM_OTHERS
    assert len({row.name for row in DRIVER_TABLE}) == len(DRIVER_TABLE)


def test_what_decides_a_lockfile_is_among_its_inputs() -> None:
    """A key that decides the lockfile makes it stale when it changes."""
    deciding = {row.field for row in DRIVER_TABLE if row.decides == "lockfile"}
    assert deciding == set(field_names(Inputs)) | {"torch_backend"}  # by its index, in `indexes`


def test_no_host_changes_what_decides_a_lockfile() -> None:
    """A lockfile is the same on every host."""
    assert all(row.decides != "lockfile" for row in HOST_ROWS)
    assert set(field_names(HostChange)) == {"driver", "line", "env", "given"}


def test_the_page_has_the_table() -> None:
    """docs/declaration.md says of each key what the table says; `ENVBUILD_REGENERATE=1` writes it anew."""
    page = ROOT / "docs/declaration.md"
    shown = page.read_text(encoding="utf-8")
    rows = "".join(f"| {' | '.join(cells(row))} |\n" for row in DRIVER_TABLE)
    assert_golden(
        page, re.sub(r"(?<=\n)\| `requires` \|.*\n(\|.*\n)*", lambda _: rows, shown, count=1)
    )


def cells(row: DriverKey) -> tuple[str, ...]:
    """A key's row of the page."""
    default = row.default_words or in_words(row.default)
    where = ("yes" if there else "no" for there in (row.in_defaults, row.by_host))
    return (f"`{row.name}`", row.about, default, *where, row.decides)


def in_words(default: object) -> str:
    """A default as a declaration would have it."""
    if default in (None, ()):
        return "none"
    (one,) = default if isinstance(default, tuple) else (default,)
    return f'"{one}"' if isinstance(one, str) else str(one).lower()


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
