"""Shim names, for any drivers with any commands."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from envbuild.store.manifest import own_command
from envbuild.store.shims import name_shims

NAMES = st.sampled_from(["a", "b", "c", "a-b", "b-c", "a-b-c", "x", "a-x", "b-x", "a-x-2"])
"""Few names, so that they clash in every way."""


class Exposed(NamedTuple):
    """A driver with its commands, one of which is its binary."""

    name: str
    commands: tuple[str, ...]
    binary: str


def exposed(name: str, commands: list[str], binary: int) -> Exposed:
    """A driver of one or more commands."""
    return Exposed(name, tuple(commands), commands[binary % len(commands)])


COMMANDS = st.lists(NAMES, min_size=1, max_size=4, unique=True)
DRIVERS = st.lists(
    st.builds(exposed, NAMES, COMMANDS, st.integers(0, 3)), max_size=5, unique_by=lambda one: one[0]
)


def links(drivers: list[Exposed]) -> dict[str, tuple[str, str]]:
    """Every shim with its driver and command, the driver's own shim among them; no shim has two."""
    found: dict[str, tuple[str, str]] = {}
    named = name_shims(drivers)
    for driver in drivers:
        own = own_command(driver.name, driver.commands, driver.binary)
        for command, shim in ((own, driver.name), *named[driver.name]):
            assert found.setdefault(shim, (driver.name, command)) == (driver.name, command)
    return found


@given(DRIVERS)
def test_no_two_shims_share_a_name(drivers: list[Exposed]) -> None:
    """Every command of every driver has a shim of its own."""
    named = name_shims(drivers)
    shims = [shim for pairs in named.values() for _, shim in pairs]
    assert len(shims) == len(set(shims)) == sum(len(one.commands) for one in drivers)
    assert [tuple(command for command, _ in pairs) for pairs in named.values()] == [
        one.commands for one in drivers
    ]
    assert set(shims) <= links(drivers).keys()


@given(DRIVERS)
def test_every_driver_has_a_shim_of_its_own_name(drivers: list[Exposed]) -> None:
    """`vllm` is always the driver vllm, whoever else exposes such a command: its own of this name, or its binary."""
    found = links(drivers)
    for driver in drivers:
        command = driver.name if driver.name in driver.commands else driver.binary
        assert found[driver.name] == (driver.name, command)
        if driver.name in driver.commands:
            assert dict(name_shims(drivers)[driver.name])[driver.name] == driver.name


@given(DRIVERS)
@example(
    [Exposed("b", ("b", "c", "b-c"), "b"), Exposed("c", ("a", "c"), "a")],
)
def test_a_name_that_nobody_else_wants_is_kept(drivers: list[Exposed]) -> None:
    """A shim is called otherwise than its command only where somebody else has that name."""
    found = links(drivers)
    for driver, pairs in name_shims(drivers).items():
        for command, shim in pairs:
            assert shim == command or found[command][0] != driver


@given(DRIVERS, NAMES, COMMANDS)
def test_a_driver_that_comes_later_takes_no_name_away(
    drivers: list[Exposed], late: str, names: list[str]
) -> None:
    """Adding a driver at the end moves nobody's shim, unless a shim has its name."""
    before = links(drivers)
    if late in before:
        return
    after = links([*drivers, exposed(late, names, 0)])
    assert {shim: after[shim] for shim in before} == before
