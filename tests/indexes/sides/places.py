"""Pages of links, folders, and trees of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.indexes.sides.certificates import unreadable_cert
from tests.indexes.sides.identity import netrc, netrc_of_another
from tests.indexes.sides.proxies import dead_proxy, socks
from tests.indexes.sides.world import Case, World
from tests.support.fault_proxy import Status, Truncate
from tests.support.index_server import Offer
from tests.support.indexes import BASE, TOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.fault_proxy import Fault


def _flat(world: World, **keys: object) -> None:
    """One page on the index has the links to all files."""
    world.index.offer = Offer(**keys)  # type: ignore[arg-type] # each case names its own
    world.url = world.url.replace("/simple", "/wheels")
    world.form = "flat"


def _flat_with_login(world: World) -> None:
    netrc(world)
    world.url = world.url.replace("/simple", "/wheels")
    world.form = "flat"


def _flat_that(world: World, fault: Fault, times: int | None = None) -> None:
    _flat(world)
    world.inject("/wheels", fault, times)


def _nested(world: World) -> None:
    """Wheels in folders within a folder, among what is none."""
    place = world.folder / "our wheels"
    TOP.write(place / "a" / "b")
    BASE.write(place / "c+d")
    (place / "a" / "notes.txt").touch()
    (place / "base-9.0-py3-none-any.whl").mkdir()
    (place / "loop").symlink_to(place)
    world.url = str(place)


def _as_file_url(world: World) -> None:
    _nested(world)
    world.url = (world.folder / "our wheels").as_uri()


def _links_file(world: World) -> None:
    """A page of links that is a file, beside the folder of its wheels."""
    links = [TOP.write(world.folder / "w+1"), BASE.write(world.folder / "w+1")]
    page = world.folder / "links.html"
    page.write_text("<html>" + "".join(f'<a href="w%2B1/{x.name}">x</a>' for x in links))
    world.url = page.as_uri()
    world.form = "flat"


def _tree(world: World) -> None:
    """Pages on disk as PEP 503 has them, with the files in a folder beside."""
    for wheel in (TOP, BASE):
        wheel.write(world.folder / "tree" / "packages")
        page = world.folder / "tree" / "simple" / wheel.name / "index.html"
        page.parent.mkdir(parents=True)
        link = f"../../packages/{wheel.filename}#sha256={wheel.sha256}"
        page.write_text(f'<!DOCTYPE html><html><a href="{link}">{wheel.filename}</a></html>')
    world.url = (world.folder / "tree" / "simple").as_uri()


def _tree_alone(world: World) -> None:
    _tree(world)
    world.form = "simple"


def _without_top(world: World, prepare: Callable[[World], None]) -> None:
    prepare(world)
    world.index.remove(TOP.filename)
    for file in world.folder.rglob(TOP.filename):
        file.unlink()
    shutil.rmtree(world.folder / "tree" / "simple" / "top", ignore_errors=True)


def _as_flat(world: World, prepare: Callable[[World], None]) -> None:
    """The same of a flat page."""
    prepare(world)
    world.url = world.url.replace("/simple", "/wheels")
    world.form = "flat"


GONE = "index '(own|default)' has no package 'top'"
PLACES = (
    Case(name="flat page", prepare=_flat),
    Case(name="flat page without digests", prepare=lambda world: _flat(world, hashes=False)),
    Case(name="flat page, password in netrc", prepare=_flat_with_login),
    Case(name="flat page 503", prepare=lambda world: _flat_that(world, Status(code=503), 1)),
    Case(name="flat page broken off", prepare=lambda w: _flat_that(w, Truncate(after=50), 1)),
    Case(
        name="flat page 404",
        prepare=lambda world: _flat_that(world, Status(code=404)),
        words=GONE,
    ),
    Case(
        name="flat page 403",
        prepare=lambda world: _flat_that(world, Status(code=403)),
        words="does not permit reading",
    ),
    Case(name="flat page that lacks it", prepare=lambda w: _without_top(w, _flat), words=GONE),
    Case(
        name="flat page, certificate unreadable",
        prepare=lambda world: _as_flat(world, unreadable_cert),
        words="SSL_CERT_FILE",
    ),
    Case(
        name="flat page, proxy is down",
        prepare=lambda world: _as_flat(world, dead_proxy),
        words="cannot be reached",
    ),
    Case(name="flat page, SOCKS", prepare=lambda w: _as_flat(w, lambda v: socks(v, "socks5h"))),
    Case(
        name="flat page, netrc cannot be parsed",
        prepare=lambda world: _as_flat(
            world, lambda one: one.write_netrc("machine 127.0.0.1", "passwort x")
        ),
        words="netrc",
    ),
    Case(
        name="flat page, other password",
        prepare=lambda world: _as_flat(world, netrc_of_another),
        words=r"requires a user and a password \(401\)",
    ),
    Case(name="folders within a folder", prepare=_nested),
    Case(name="folder as a file: URL", prepare=_as_file_url),
    Case(name="folder that lacks it", prepare=lambda w: _without_top(w, _nested), words=GONE),
    Case(name="page of links on disk", prepare=_links_file),
    Case(name="tree of pages on disk", prepare=_tree),
    Case(name="tree of pages on disk, format simple", prepare=_tree_alone),
    Case(name="tree that lacks it", prepare=lambda w: _without_top(w, _tree_alone), words=GONE),
)
