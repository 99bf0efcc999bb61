"""From any generation to the next, by any sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.store.generation import next_manifest, says_the_same
from envbuild.store.plan import Plan, Wanted, plan_sync
from envbuild.value import replace
from tests.support.values import CREATED, STORE, make_driver, make_package, make_wanted

if TYPE_CHECKING:
    from envbuild.store.manifest import Manifest

VARIANTS = {
    (name, version, command): make_wanted(
        make_driver(name, binary=command), make_package(name, version)
    )
    for name in ("a", "b", "c", "d")
    for version in ("1.0", "2.0")
    for command in (name, "serve")
}
"""Drivers that clash in their commands, in two versions each."""


Sync = tuple[tuple[Wanted, ...], bool, frozenset[str], str]
"""The wanted drivers, whether they were named, which of them fail, and the declaration."""


@st.composite
def syncs(draw: st.DrawFn) -> Sync:
    """Any sync of some of the drivers."""
    order = draw(st.permutations(["a", "b", "c", "d"]))
    count = draw(st.integers(0, 4))
    wanted = tuple(
        VARIANTS[
            name, draw(st.sampled_from(["1.0", "2.0"])), draw(st.sampled_from([name, "serve"]))
        ]
        for name in order[:count]
    )
    named = draw(st.booleans()) if wanted else False
    failed = draw(st.frozensets(st.sampled_from(order[:count]))) if wanted else frozenset()
    return wanted, named, failed, draw(st.sampled_from(["sha256:1", "sha256:2"]))


def plan(
    current: Manifest | None, wanted: tuple[Wanted, ...], named: bool, declaration: str
) -> Plan:
    """The plan where every environment is valid already."""
    return plan_sync(
        wanted=wanted,
        skips=(),
        named=named,
        declaration=declaration,
        current=current,
        valid={item.environment for item in wanted},
    )


def step(current: Manifest | None, sync: Sync) -> Manifest:
    """The manifest that a sync leads to."""
    wanted, named, failed, declaration = sync
    return next_manifest(
        plan=plan(current, wanted, named, declaration),
        built=tuple(item for item in wanted if item.driver.name not in failed),
        failed=failed,
        current=current,
        number=1 if current is None else current.generation + 1,
        created=CREATED,
        store=STORE,
        size_of=len,
    )


def after(history: list[Sync]) -> Manifest:
    """The manifest that syncs lead to, one after the other."""
    current: Manifest | None = None
    for sync in history:
        current = step(current, sync)
    assert current is not None
    return current


HISTORIES = st.lists(syncs(), min_size=1, max_size=3)


@settings(deadline=None)
@given(HISTORIES)
def test_no_shim_is_overwritten(history: list[Sync]) -> None:
    """In no generation do two commands share a shim, and no driver stands twice."""
    current: Manifest | None = None
    for sync in history:
        current = step(current, sync)
        shims = [shim for driver in current.drivers for _, shim in driver.shims]
        assert len(shims) == len(set(shims))
        assert len({driver.name for driver in current.drivers}) == len(current.drivers)
        for driver in current.drivers:
            assert tuple(command for command, _ in driver.shims) == driver.commands


@settings(deadline=None)
@given(HISTORIES, syncs())
def test_a_sync_touches_what_it_was_asked_for_alone(history: list[Sync], sync: Sync) -> None:
    """Named drivers leave the others; without names nothing else is left; what failed is as before."""
    current = after(history)
    wanted, named, failed, declaration = sync
    manifest = step(current, sync)
    before = {driver.name: replace(driver, shims=()) for driver in current.drivers}
    now = {driver.name: replace(driver, shims=()) for driver in manifest.drivers}
    done = {item.driver.name: item for item in wanted if item.driver.name not in failed}
    stays = set(before) - set(done) if named else failed & set(before)
    assert set(now) == set(done) | stays
    assert {name: now[name] for name in stays} == {name: before[name] for name in stays}
    assert all(now[name].key == item.key for name, item in done.items())
    whole = not named and not failed
    assert manifest.declaration == (declaration if whole else current.declaration)


@settings(deadline=None)
@given(HISTORIES, syncs())
def test_a_plan_is_empty_exactly_when_nothing_would_differ(history: list[Sync], sync: Sync) -> None:
    """A switch is planned if and only if the next manifest would say something else."""
    current = after(history)
    wanted, named, _, declaration = sync
    found = plan(current, wanted, named, declaration)
    following = step(current, (wanted, named, frozenset(), declaration))
    assert found.is_empty == says_the_same(following, current)


@settings(deadline=None)
@given(HISTORIES)
def test_the_same_sync_again_is_nothing_to_do(
    history: list[Sync],
) -> None:
    """What a sync without failures has done needs no second one."""
    current: Manifest | None = None
    for sync in history:
        wanted, named, _, declaration = sync
        current = step(current, (wanted, named, frozenset(), declaration))
        assert plan(current, wanted, named, declaration).is_empty
