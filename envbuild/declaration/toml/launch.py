"""`[drivers.NAME.launch]`: what a service needs when it is started, for the exports that start it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration.driver import Launch
from envbuild.declaration.toml.table import (
    Key,
    NumberReader,
    Place,
    TextError,
    list_of,
    read_table,
    text,
)
from envbuild.nearest_name import no_driver

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from envbuild.declaration.driver import Driver

_MOST_ARGUMENTS = 500
_FILE = re.compile(r"/[A-Za-z0-9._/+-]+")
_HEALTH = re.compile(r"/[A-Za-z0-9._~/%?=&+-]*")


def _file(written: str) -> str:
    if _FILE.fullmatch(written) is None or ".." in written.split("/"):
        hint = "write an absolute path with letters, digits and . _ / + -"
        raise TextError(f"{written!r} is not a path that every launcher can read", hint=hint)
    return written


def _argument(written: str) -> str:
    if not written.isprintable():
        raise TextError(f"{written!r} has control characters")
    return written


def _health(written: str) -> str:
    if _HEALTH.fullmatch(written) is None:
        raise TextError(f"{written!r} is not the path of an address", hint='such as "/health"')
    return written


PORT = Key("port", NumberReader(most=65535, what="a port", hint="such as 8000"))
AFTER = Key("after", list_of(text(str), filled=True, unique=True))
ARGUMENTS = Key("arguments", list_of(text(_argument)))
HEALTH_PATH = Key("health-path", text(_health))
LAUNCH_KEYS: tuple[Key[object], ...] = (
    PORT,
    AFTER,
    Key("environment-file", text(_file)),
    ARGUMENTS,
    HEALTH_PATH,
)
"""Each has the name of its field of `Launch`."""


def read_launch(value: object, place: Place) -> Launch | None:
    """Read `{ port = 8000, after = ["gateway"], arguments = ["serve", "MODEL"] }`."""
    table = read_table(value, place, LAUNCH_KEYS)
    if table is None:
        return None
    if len(table.get(ARGUMENTS) or ()) > _MOST_ARGUMENTS:
        place.at(ARGUMENTS.name).wrong(f"has more than {_MOST_ARGUMENTS} arguments")
        return None
    if table.has(HEALTH_PATH) and not table.has(PORT):
        hint = "add the port that the service listens on"
        place.at(HEALTH_PATH.name).wrong("needs `port`: health is checked there", hint=hint)
    return Launch(**table.given(LAUNCH_KEYS))


LAUNCH = Key("launch", read_launch)


def check_launch(drivers: Iterable[Driver], names: Collection[str], place: Place) -> None:
    """Report unknown drivers and circles in `after`, and ports that two enabled drivers have.

    `names` are those of all drivers in the file, whose tables are at `place`.
    """
    after: dict[str, tuple[str, ...]] = {}
    ports: dict[int, str] = {}
    for driver in drivers:
        if driver.launch is None:
            continue
        own = place.at(driver.name, LAUNCH.name)
        after[driver.name] = driver.launch.after
        for number, name in enumerate(driver.launch.after):
            if name not in names:
                message, hint = no_driver(name, list(names))
                own.at(AFTER.name, number).wrong(f"{message} to start after", hint=hint)
        port = driver.launch.port
        if (
            port is not None
            and driver.enabled
            and ports.setdefault(port, driver.name) != driver.name
        ):
            message = f"{port} is the port of {ports[port]} too"
            own.at(PORT.name).wrong(message, hint="give one of them another port")
    circle = find_circle(after)
    if circle:
        words = " → ".join((*circle, circle[0]))
        at = place.at(circle[0], LAUNCH.name, AFTER.name)
        at.wrong(f"the driver starts after itself: {words}", hint="break the circle")


def find_circle(after: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The names of one circle, each before one that it starts after; empty if there is none."""
    if not after:
        return ()
    from graphlib import CycleError, TopologicalSorter

    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        names: list[str] = error.args[1][:0:-1]
        first = names.index(next(name for name in after if name in names))
        return (*names[first:], *names[:first])
    return ()
