"""How indexes hand out files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.indexes.sides.world import FILE, METADATA, Case, World, failed, retried
from tests.support.fault_proxy import Change, Status
from tests.support.index_server import Offer

if TYPE_CHECKING:
    from tests.support.fault_proxy import ProxyHandler


def _offer(world: World, **keys: object) -> None:
    world.index.offer = Offer(**keys)  # type: ignore[arg-type] # each case names its own


@dataclass(frozen=True, slots=True)
class _RefuseRanges:
    code: int

    def strike(self, handler: ProxyHandler) -> None:
        """Refuse who asks for a part; whole files are given."""
        if "Range" in handler.headers:
            handler.answer(self.code, b"no parts here\n")
        else:
            reply = handler.fetch()
            handler.begin(reply)
            handler.send(reply.body)


def _without_ranges(world: World, code: int) -> None:
    _offer(world, metadata=False)
    world.inject(FILE, _RefuseRanges(code), None)


FILES = (
    failed("metadata 403", METADATA, Status(code=403), "does not permit reading"),
    failed("metadata 500", METADATA, Status(code=500), "500 Internal Server Error"),
    failed("metadata changed", METADATA, Change(at=3), "changed"),
    retried("metadata 404", METADATA, Status(code=404), 9),
    failed(
        "file 404", "/files/base", Status(code=404), r"lists base.* but does not have it \(404\)"
    ),
    Case(name="ranges 416", prepare=lambda world: _without_ranges(world, 416)),
    Case(name="ranges 501", prepare=lambda world: _without_ranges(world, 501)),
    Case(name="no ranges", prepare=lambda world: _offer(world, metadata=False, ranges=False)),
    Case(name="compressed files", prepare=lambda world: _offer(world, compressed=True)),
    Case(name="HTML alone", prepare=lambda world: _offer(world, json=False)),
)
