"""Certificates of servers and of clients."""

from __future__ import annotations

import ssl

import trustme

from tests.indexes.sides.world import Case, World
from tests.support.https import Secure
from tests.support.index_server import IndexServer
from tests.support.indexes import BASE, TOP


def drop(_: object) -> None:
    """Take a value that a case does not need."""


def secure(world: World, *names: str, client: bool = False) -> trustme.CA:
    """Serve the index over https, with a certificate of an authority of our own, for these names too."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", *names).configure_cert(context)
    if client:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    server = SecureIndex([TOP, BASE])
    server.context = context
    world.stack.enter_context(server)
    world.url = server.url
    return authority


class SecureIndex(Secure, IndexServer):
    """The index over https."""


def cert_file(world: World) -> None:
    file = world.folder / "ca.pem"
    secure(world).cert_pem.write_to_path(file)
    world.env["SSL_CERT_FILE"] = str(file)


def _cert_folder(world: World, *, hashed: bool) -> None:
    folder = world.folder / "ca"
    folder.mkdir()
    authority = secure(world)
    authority.cert_pem.write_to_path(folder / "ours.pem")
    if hashed:
        import subprocess

        argv = ("openssl", "x509", "-hash", "-noout", "-in", str(folder / "ours.pem"))
        digest = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
        (folder / f"{digest}.0").symlink_to("ours.pem")
    world.env["SSL_CERT_DIR"] = str(folder)


def _cert_file_and_folders(world: World) -> None:
    """A file with another authority, an empty folder, and the folder with the right one."""
    _cert_folder(world, hashed=False)
    other = world.folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    (world.folder / "empty").mkdir()
    world.env["SSL_CERT_FILE"] = str(other)
    world.env["SSL_CERT_DIR"] = f"{world.folder / 'empty'}:{world.env['SSL_CERT_DIR']}"


def _client_cert(world: World) -> None:
    authority = secure(world, client=True)
    file, own = world.folder / "ca.pem", world.folder / "client.pem"
    authority.cert_pem.write_to_path(file)
    authority.issue_cert("kim@example.com").private_key_and_cert_chain_pem.write_to_path(own)
    world.env |= {"SSL_CERT_FILE": str(file), "SSL_CLIENT_CERT": str(own)}


def _no_client_cert(world: World) -> None:
    _client_cert(world)
    del world.env["SSL_CLIENT_CERT"]


def _https_said(world: World) -> None:
    world.url = world.url.replace("http:", "https:")


def unreadable_cert(world: World) -> None:
    secure(world)
    file = world.folder / "ca.pem"
    file.write_text("no certificate\n")
    world.env["SSL_CERT_FILE"] = str(file)


UNREADABLE = (
    r"no certificate can be read in \$SSL_CERT_FILE\s+hint: set the variable to a file in PEM form"
)
CERTIFICATES = (
    Case(name="SSL_CERT_FILE", prepare=cert_file),
    Case(name="SSL_CERT_DIR, hashed", prepare=lambda world: _cert_folder(world, hashed=True)),
    Case(name="SSL_CERT_DIR, not hashed", prepare=lambda world: _cert_folder(world, hashed=False)),
    Case(name="SSL_CERT_FILE and two folders", prepare=_cert_file_and_folders),
    Case(name="SSL_CLIENT_CERT", prepare=_client_cert),
    Case(name="unknown authority", prepare=lambda w: drop(secure(w)), words="certificate"),
    Case(
        name="https said of an index on http",
        prepare=_https_said,
        words=r"it does not speak TLS\s+hint: check the network, or set",
    ),
    Case(
        name="client certificate wanted", prepare=_no_client_cert, words=r"hint: .*SSL_CLIENT_CERT"
    ),
    Case(name="unreadable certificate", prepare=unreadable_cert, words=UNREADABLE),
)
