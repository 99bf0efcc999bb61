"""In which order drivers start, and when a start is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.declaration.driver import Launch
    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet

START_LIMIT = "1h"
"""How long a start may take: models are downloaded and loaded in it."""

_NO_PORT = 65536


def earlier(fleet: BuiltFleet) -> dict[str, tuple[str, ...]]:
    """For each driver those whose start is over before its own begins, because they use the same devices.

    Servers measure the free memory of a GPU when they start, and take too much of it if two start at once.
    Lower ports go first, except where `after` says otherwise; drivers without a port are left out.
    """
    numbered = [one for one in _in_order(fleet) if _port(one) != _NO_PORT]
    found: dict[str, tuple[str, ...]] = {}
    before: dict[str, set[str]] = {}
    for place, one in enumerate(numbered):
        direct: list[str] = []
        known: set[str] = set()
        for other in reversed(numbered[:place]):
            name = other.entry.name
            if name not in known and _same_devices(one, other):
                direct.append(name)
                known |= {name, *before[name]}
        found[one.entry.name] = tuple(sorted(direct))
        before[one.entry.name] = known
    return found


def health_check(python: str, launch: Launch) -> tuple[str, ...]:
    """The command that ends with 0 if the health path answers; empty if there is none.

    It is the environment's own Python, as an image may have no curl.
    """
    if launch.health_path is None:
        return ()
    code = "import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5)"
    return python, "-I", "-c", code, f"http://127.0.0.1:{launch.port}{launch.health_path}"


def _in_order(fleet: BuiltFleet) -> list[BuiltDriver]:
    """The drivers such that `after` is kept, else by port, else by name."""
    from graphlib import TopologicalSorter

    subjects = {one.entry.name: one for one in fleet.subjects}
    after = {
        name: [other for other in one.launch(None, None).after if other in subjects]
        for name, one in subjects.items()
    }
    sorter = TopologicalSorter(after)
    sorter.prepare()
    ready: list[str] = []
    order: list[BuiltDriver] = []
    while sorter.is_active():
        ready += sorter.get_ready()
        first = min(ready, key=lambda name: (_port(subjects[name]), name))
        ready.remove(first)
        sorter.done(first)
        order.append(subjects[first])
    return order


def _port(subject: BuiltDriver) -> int:
    return subject.launch(None, None).port or _NO_PORT


def _same_devices(one: BuiltDriver, other: BuiltDriver) -> bool:
    kind = one.accelerator
    if kind is None or kind.devices_variable is None or kind != other.accelerator:
        return False
    mine, theirs = (_devices(each, kind.devices_variable) for each in (one, other))
    return not mine or not theirs or not mine.isdisjoint(theirs)


def _devices(subject: BuiltDriver, variable: str) -> set[str]:
    """The devices that the declaration binds a driver to; empty for any."""
    declared = dict(subject.declared.env) if subject.declared is not None else {}
    return {word.strip() for word in declared.get(variable, "").split(",")} - {""}
