"""Several places of one index."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.indexes.sides.identity import require_login
from tests.indexes.sides.places import GONE
from tests.indexes.sides.world import FILE, PAGE, Case, World
from tests.support.fault_proxy import Hang, Reset, Status
from tests.support.index_server import IndexServer
from tests.support.indexes import BASE, LOGIN

if TYPE_CHECKING:
    from tests.support.fault_proxy import Fault


NOWHERE = "http://127.0.0.1:9/simple"


def _mirrors(world: World, *first: str, last: str | None = None) -> None:
    """Further places go before the index, or before another one."""
    world.url = " ".join((*first, last or world.index.url))


def _mirror_that(world: World, pattern: str, fault: Fault, **env: str) -> None:
    """The first place does this, and the second one is well."""
    world.env |= env
    world.inject(pattern, fault, None)
    _mirrors(world, world.faults.url)


def _mirror_with_login(world: World) -> None:
    require_login(world)
    _mirrors(world, NOWHERE, last=world.index.url_with_login)


def _mirror_without_it(world: World) -> None:
    other = world.stack.enter_context(IndexServer([BASE]))
    _mirrors(world, other.url)


def _flat_mirror(world: World) -> None:
    world.form = "flat"
    _mirrors(world, "http://127.0.0.1:9/wheels", last=f"{world.index.origin}/wheels")


def _all_down(world: World) -> None:
    world.inject("/", Status(code=503), None)
    user, password = (quote(part, safe="") for part in LOGIN)
    _mirrors(world, f"http://{user}:{password}@127.0.0.1:9/simple", last=world.faults.url)
    world.env["ENVBUILD_HTTP_RETRIES"] = "0"


HASTE = {"ENVBUILD_HTTP_TIMEOUT": "1", "ENVBUILD_HTTP_RETRIES": "0"}
MIRRORS = (
    Case(name="mirror refuses connections", prepare=lambda world: _mirrors(world, NOWHERE)),
    Case(name="mirror 503", prepare=lambda w: _mirror_that(w, "/", Status(code=503))),
    Case(name="mirror is silent", prepare=lambda w: _mirror_that(w, "/", Hang(), **HASTE)),
    Case(name="mirror resets, files alone", prepare=lambda w: _mirror_that(w, "/files/", Reset())),
    Case(
        name="mirror 500, files alone",
        prepare=lambda w: _mirror_that(w, FILE, Status(code=500), ENVBUILD_HTTP_RETRIES="0"),
    ),
    Case(name="mirror with a password of its own", prepare=_mirror_with_login),
    Case(name="mirror of a flat index", prepare=_flat_mirror),
    Case(name="mirror 404 is an answer", prepare=_mirror_without_it, words=GONE),
    Case(
        name="mirror 403 is an answer",
        prepare=lambda w: _mirror_that(w, PAGE, Status(code=403)),
        words="does not permit reading",
    ),
    Case(
        name="all mirrors are down",
        prepare=_all_down,
        words=r"failed to serve .*503 Service Unavailable\); tried before: 127\.0\.0\.1:9 \(",
    ),
)
