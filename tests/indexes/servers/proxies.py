"""Forward proxies that others wrote; each sends from 127.0.0.3 and alone knows where its made-up names are."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.support.programs import (
    Program,
    crypted,
    free_port,
    knowing_hosts,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SQUID = Program(name="squid", package="squid", asks_version="-v")
TINYPROXY = Program(name="tinyproxy", package="tinyproxy-bin", asks_version="-v")
MICROSOCKS = Program(name="microsocks", package="microsocks", asks_version="")
DANTE = Program(name="danted", package="dante-server", asks_version="-v")
OUTSIDE = "127.0.0.3"
"""Where proxies send from, so that a server sees who came through one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    """A running proxy."""

    port: int
    log: Path
    login: tuple[str, str] | None = None

    def address(self, scheme: str) -> str:
        """What `$ALL_PROXY` and its like say of it."""
        login = ":".join(quote(part, safe="") for part in self.login or ())
        return f"{scheme}://{login}{'@' if login else ''}127.0.0.1:{self.port}"


_SQUID = """\
http_port 127.0.0.1:{port}
auth_param basic program {helper} {folder}/squid.users
auth_param basic realm proxy
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
hosts_file {folder}/hosts
tcp_outgoing_address {outside}
cache deny all
cache_log {folder}/squid.cache.log
pid_filename none
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
logformat seen %rm %ru %>Hs "%{{User-Agent}}>h" %un
access_log stdio:{folder}/squid.log seen
"""
_SQUID_HELPERS = ("/usr/lib/squid", "/usr/lib64/squid", "/usr/libexec/squid")


@contextlib.contextmanager
def run_squid(folder: Path, hosts: dict[str, str], login: tuple[str, str]) -> Iterator[Proxy]:
    """squid, for those with a password."""
    program, port = SQUID.find(), free_port()
    user, password = login
    helper = shutil.which("basic_ncsa_auth", path=":".join(_SQUID_HELPERS))
    (folder / "squid.users").write_text(f"{user}:{crypted(password)}\n")
    (folder / "hosts").write_text("".join(f"{place} {name}\n" for name, place in hosts.items()))
    config = folder / "squid.conf"
    config.write_text(_SQUID.format(port=port, helper=helper, folder=folder, outside=OUTSIDE))
    folder.chmod(0o777)  # squid gives root away before it opens its logs
    argv = (program, "-N", "-f", config)
    with serving(argv, folder, ("127.0.0.1", port), log="squid.output.log"):
        yield Proxy(port=port, log=folder / "squid.log", login=login)


_TINYPROXY = """\
Port {port}
Listen 127.0.0.1
Bind {outside}
Timeout 60
MaxClients 100
LogFile "{folder}/tinyproxy.log"
LogLevel Connect
BasicAuth {user} {password}
"""


@contextlib.contextmanager
def run_tinyproxy(folder: Path, hosts: dict[str, str], login: tuple[str, str]) -> Iterator[Proxy]:
    """tinyproxy, for those with a password."""
    program, port = TINYPROXY.find(), free_port()
    user, password = login
    config = folder / "tinyproxy.conf"
    config.write_text(
        _TINYPROXY.format(port=port, outside=OUTSIDE, folder=folder, user=user, password=password)
    )
    argv: tuple[str | Path, ...] = (*knowing_hosts(folder, hosts), program, "-d", "-c", config)
    with serving(argv, folder, ("127.0.0.1", port), log="tinyproxy.output.log"):
        yield Proxy(port=port, log=folder / "tinyproxy.log", login=login)


@contextlib.contextmanager
def run_microsocks(folder: Path, hosts: dict[str, str], login: tuple[str, str]) -> Iterator[Proxy]:
    """microsocks, a SOCKS5 server, for those with a password."""
    program, port = MICROSOCKS.find(), free_port()
    user, password = login
    options = ("-i", "127.0.0.1", "-p", str(port), "-b", OUTSIDE, "-u", user, "-P", password)
    argv: tuple[str | Path, ...] = (*knowing_hosts(folder, hosts), program, *options)
    with serving(argv, folder, ("127.0.0.1", port), log="microsocks.log"):
        yield Proxy(port=port, log=folder / "microsocks.log", login=login)


_DANTE = """\
logoutput: {folder}/dante.log
internal: 127.0.0.1 port = {port}
external: {outside}
clientmethod: none
socksmethod: none
user.notprivileged: {user}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 log: connect }}
"""


@contextlib.contextmanager
def run_dante(folder: Path, hosts: dict[str, str]) -> Iterator[Proxy]:
    """dante, a SOCKS5 server, for everybody: its passwords are those of the system's users."""
    program, port = DANTE.find(), free_port()
    config = folder / "dante.conf"
    config.write_text(_DANTE.format(port=port, outside=OUTSIDE, folder=folder, user=folder.owner()))
    argv: tuple[str | Path, ...] = (*knowing_hosts(folder, hosts), program, "-f", config)
    with serving(argv, folder, ("127.0.0.1", port), log="dante.output.log"):
        yield Proxy(port=port, log=folder / "dante.log")
