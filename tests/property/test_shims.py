"""Shim names, for any drivers with any commands."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from envbuild.store.shims import name_shims

NAMES = st.sampled_from(["a", "b", "c", "a-b", "b-c", "a-b-c", "x", "a-x", "b-x", "a-x-2"])
"""Few names, so that they clash in every way."""

COMMANDS = st.dictionaries(NAMES, st.lists(NAMES, max_size=4, unique=True).map(tuple), max_size=5)


@given(COMMANDS)
def test_no_two_shims_share_a_name(commands: dict[str, tuple[str, ...]]) -> None:
    """Every command of every driver has a shim of its own."""
    shims = [shim for pairs in name_shims(commands).values() for _, shim in pairs]
    assert len(shims) == len(set(shims)) == sum(map(len, commands.values()))


@given(COMMANDS)
def test_a_driver_that_is_called_like_its_command_has_that_name(
    commands: dict[str, tuple[str, ...]],
) -> None:
    """`vllm` is always the shim of the driver vllm, whoever else exposes such a command."""
    for driver, pairs in name_shims(commands).items():
        if driver in commands[driver]:
            assert dict(pairs)[driver] == driver


@given(COMMANDS)
@example({"b": ("b", "c", "b-c"), "c": ("a", "c")})
def test_a_name_that_nobody_else_wants_is_kept(commands: dict[str, tuple[str, ...]]) -> None:
    """A shim is called otherwise than its command only where somebody else has that name."""
    found = name_shims(commands)
    owners = {shim: driver for driver, pairs in found.items() for _, shim in pairs}
    for driver, pairs in found.items():
        for command, shim in pairs:
            assert shim == command or owners[command] != driver


@given(COMMANDS, NAMES, st.lists(NAMES, max_size=3, unique=True).map(tuple))
def test_a_driver_that_comes_later_takes_no_name_away(
    commands: dict[str, tuple[str, ...]], late: str, names: tuple[str, ...]
) -> None:
    """Adding a driver at the end moves nobody's shim, unless it is called like its own command."""
    if late in commands or late in names:
        return
    before, after = name_shims(commands), name_shims({**commands, late: names})
    assert {driver: after[driver] for driver in before} == before
