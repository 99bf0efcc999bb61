"""An environment's kept wheels: what one process links of them, each with its bytecode."""

from __future__ import annotations

import marshal
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from envbuild.value import tuples_of
from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.entry import EntryFile, parse_entry, render_entry
from envbuild.wheelcache.linking import Linked, Target
from envbuild.wheelcache.wheels import LinkedWheel, WheelCache

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any


_LENGTH = 8
"""Bytes of a message's length."""

_PIECE = 1 << 18
"""Bytes that are read at once, at most; a pipe seldom holds as many."""

_NUMBER = 2
"""Bytes of a number in a queue: a pipe that holds many of them gives a reader whole ones."""

MOST = 4096 // _NUMBER
"""Numbers that every pipe takes at once: one of a user who has many holds a page."""


class Share(NamedTuple):
    """Kept wheels, and where they go; plain values, as it crosses to another process."""

    wheels: str
    """The folder of the kept wheels."""

    bytecode: str
    """The folder of what is compiled for the environment's interpreter; empty where none is wanted."""

    site_packages: str
    environment: str
    """The path that the environment will have, for scripts to name."""

    minor: str
    """Its Python, such as `3.12`."""

    names: tuple[str, ...]
    """The sha256 of each wheel."""


def link_share(share: Share, numbers: Iterable[int]) -> dict[str, LinkedWheel | None]:
    """Put wheels of the share into the environment, with the bytecode that is kept of them; by sha256.

    `numbers` are their positions in `names`.
    None for a wheel that is not kept, or not for this Python; OSError as in `Entries.link`.
    """
    wheels = WheelCache(Path(share.wheels))
    bytecode = Entries(Path(share.bytecode)) if share.bytecode else None
    target = Target(Path(share.site_packages))
    environment = os.fsencode(share.environment)
    found: dict[str, LinkedWheel | None] = {}
    for number in numbers:
        name = share.names[number]
        linked = wheels.link(name, target, environment=environment, minor=share.minor)
        if linked is not None and bytecode is not None and bytecode.has(name):
            linked = linked._replace(bytecode=bytecode.link(name, target))
        found[name] = linked
    return found


def queue_of(count: int) -> bytes:
    """What a pipe holds from which several processes take the numbers below `count`, each when it is free."""
    return b"".join(number.to_bytes(_NUMBER, "big") for number in range(count))


def taken_from(queue: int) -> Iterator[int]:
    """The numbers that this process gets from such a pipe, whose other end is closed."""
    while number := os.read(queue, _NUMBER):
        yield int.from_bytes(number, "big")


def send(descriptor: int, content: Any) -> None:
    """Write plain values to a pipe."""
    message = marshal.dumps(content)
    left = memoryview(len(message).to_bytes(_LENGTH, "big") + message)
    while left:
        left = left[os.write(descriptor, left) :]


def receive(descriptor: int) -> Any:
    """The next values that a pipe gives; EOFError where it ends before."""
    length = int.from_bytes(_read(descriptor, _LENGTH), "big")
    return marshal.loads(_read(descriptor, length))  # noqa: S302  (of envbuild's own process)


def _read(descriptor: int, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        piece = os.read(descriptor, min(length - len(content), _PIECE))
        if not piece:
            raise EOFError
        content += piece
    return bytes(content)


def as_plain(found: dict[str, LinkedWheel | None]) -> dict[str, object]:
    """The same as values that `marshal` knows."""
    return {
        name: wheel
        and (
            wheel.dist_info,
            _plain_linked(wheel.linked),
            wheel.scripts,
            wheel.met,
            wheel.bytecode and _plain_linked(wheel.bytecode),
        )
        for name, wheel in found.items()
    }


def from_plain(rows: dict[str, Any]) -> dict[str, LinkedWheel | None]:
    """What `as_plain` was given."""
    return {
        name: row
        and LinkedWheel(
            dist_info=row[0],
            linked=_linked(row[1]),
            scripts=row[2],
            met=row[3],
            bytecode=row[4] and _linked(row[4]),
        )
        for name, row in rows.items()
    }


def _plain_linked(linked: Linked) -> tuple[object, ...]:
    files = linked.entry.files
    same = linked.files == files
    return (
        render_entry(linked.entry),
        None if same else _rows(linked.files),
        _rows(linked.met),
    )


def _linked(row: tuple[Any, ...]) -> Linked:
    table, other, met = row
    entry = parse_entry(table)
    if entry is None:
        raise ValueError("what was linked has no table")
    return Linked(
        entry=entry,
        files=entry.files if other is None else _files(other),
        met=_files(met),
    )


def _rows(files: Sequence[EntryFile]) -> list[tuple[object, ...]]:
    """`marshal` takes tuples, and none of their subclasses."""
    return list(map(tuple, files))


def _files(rows: Sequence[Any]) -> tuple[EntryFile, ...]:
    return tuples_of(EntryFile, rows)
