"""Who envbuild says it is, and to whom."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from tests.indexes.sides.world import BOUND, Case, World
from tests.support.index_server import IndexServer, Offer
from tests.support.indexes import BASE, LOGIN, TOP

if TYPE_CHECKING:
    from tests.support.fault_proxy import ProxyHandler


def require_login(world: World) -> None:
    world.index.offer = Offer(login=LOGIN)


def netrc(world: World) -> None:
    require_login(world)
    user, password = LOGIN
    world.write_netrc(f"machine 127.0.0.1 login {user} password {password}")


def _user_in_url(world: World) -> None:
    require_login(world)
    user, password = LOGIN
    world.url = world.url.replace("://", f"://{user}@")
    world.write_netrc(f"machine 127.0.0.1 login {user} password {password}")


def _keyring(world: World) -> None:
    require_login(world)
    folder = world.folder / "bin"
    folder.mkdir()
    program = folder / "keyring"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$PYTHON_KEYRING_BACKEND" = ours ] || exit 1\n'
        f'[ "$1" = get ] || exit 1\n[ "$3" = {LOGIN[0]} ] || exit 1\nprintf "%s\\n" \'{LOGIN[1]}\'\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    world.url = world.url.replace("://", f"://{LOGIN[0]}@")
    world.env |= {"ENVBUILD_KEYRING": "subprocess", "PATH+": str(folder)}
    world.env["PYTHON_KEYRING_BACKEND"] = "ours"


def _another(world: World, *, login: bool) -> str:
    """An index on another host, which wants a password or must not hear one → its origin."""
    other = world.stack.enter_context(
        IndexServer([TOP, BASE], Offer(login=LOGIN if login else None))
    )
    world.stranger = None if login else other
    return f"http://localhost:{urlsplit(other.url).port}"


def _known_at(world: World, *hosts: str) -> None:
    user, password = LOGIN
    world.write_netrc(*(f"machine {host} login {user} password {password}" for host in hosts))


def _files_elsewhere(world: World, *, linked: bool, login: bool) -> None:
    """Files lie on another host: pages have links to there, or the index redirects there."""
    origin = _another(world, login=login)
    require_login(world)
    _known_at(world, "127.0.0.1", *(("localhost",) if login else ()))
    if linked:
        world.inject(r"/simple/", _Linked(origin), None)
    else:
        world.inject(r"/files/", _Elsewhere(origin), None)


def _page_elsewhere(world: World, *, login: bool) -> None:
    """The index redirects to another host's pages."""
    world.inject(r"/simple/", _Elsewhere(_another(world, login=login)), None)
    _known_at(world, "localhost" if login else "127.0.0.1")


def _url_of_another_port(world: World) -> None:
    """Who is in the URL is meant for its port alone."""
    other = world.stack.enter_context(IndexServer([TOP, BASE]))
    world.stranger = other
    require_login(world)
    world.inject(r"/files/", _Elsewhere(other.origin), None)
    user, password = (quote(part, safe="") for part in LOGIN)
    world.url = world.url.replace("://", f"://{user}:{password}@")


def _netrc_of_all_others(world: World) -> None:
    """netrc's `default` is for indexes alone, not for where they lead."""
    require_login(world)
    world.inject(r"/simple/", _Linked(_another(world, login=True)), None)
    user, password = LOGIN
    world.write_netrc(f"default login {user} password {password}")


def netrc_of_another(world: World) -> None:
    """netrc knows another host than the index."""
    require_login(world)
    _known_at(world, "localhost", "0.0.0.1")
    world.stranger = world.index


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    origin: str

    def strike(self, handler: ProxyHandler) -> None:
        """Lead to the same path of another host."""
        handler.answer(302, Location=self.origin + handler.path)


@dataclass(frozen=True, slots=True)
class _Linked:
    origin: str

    def strike(self, handler: ProxyHandler) -> None:
        """Give the page with its links to another host."""
        reply = handler.fetch()
        body = reply.body.replace(b"../../files", f"{self.origin}/files".encode())
        kind = {"Content_Type": reply.headers["Content-Type"]} if reply.status == 200 else {}
        who = {"WWW_Authenticate": 'Basic realm="index"'} if reply.status == 401 else {}
        handler.answer(reply.status, body, **kind, **who)


IDENTITY = (
    Case(name="password in netrc", prepare=netrc),
    Case(name="user in the URL, password in netrc", prepare=_user_in_url),
    Case(name="user in the URL, password in keyring", prepare=_keyring),
    *(
        Case(
            name=f"files {how} elsewhere, {'netrc knows it' if login else 'no password for it'}",
            prepare=partial(_files_elsewhere, linked=how == "linked", login=login),
        )
        for how in ("linked", "redirected")
        for login in (True, False)
    ),
    Case(
        name="page redirected elsewhere, netrc knows it",
        prepare=partial(_page_elsewhere, login=True),
        sides=("default",),
    ),
    Case(
        name="page redirected elsewhere, no password for it",
        prepare=partial(_page_elsewhere, login=False),
        sides=("default",),
    ),
    Case(
        name="page of a bound package redirected elsewhere",
        prepare=partial(_page_elsewhere, login=True),
        words=r"does not serve .* itself: it redirects to localhost:",
        sides=BOUND,
    ),
    Case(
        name="files redirected to this host's disk",
        prepare=lambda world: world.inject(r"/files/", _Elsewhere("file:///etc"), None),
        words="it leads to a file address",
    ),
    Case(name="password in the URL, files at another port", prepare=_url_of_another_port),
    Case(
        name="netrc of another host",
        prepare=netrc_of_another,
        words=r"requires a user and a password \(401\)",
    ),
    Case(
        name="netrc that cannot be parsed",
        prepare=lambda world: world.write_netrc("machine 127.0.0.1", "passwort x"),
        words=r"\.netrc:\d: the netrc file, which index '(default|own)' \(127\.0\.0\.1:\d+\) needs",
    ),
    Case(
        name="no password", prepare=require_login, words=r"requires a user and a password \(401\)"
    ),
)
