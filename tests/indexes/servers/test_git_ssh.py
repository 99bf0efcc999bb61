"""Git sources over ssh: a real sshd on loopback, with its own keys; nobody is ever asked."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.git_sources import declare, lock, locked, refused, repository
from tests.support.programs import Program, free_port, serving
from tests.support.repository import git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.command_line import CommandLine

__all__ = ["lock", "repository"]

pytestmark = pytest.mark.slow

_SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
"""
_CLIENT = """\
Host loop
    HostName 127.0.0.1
    Port {port}
Host *
    IdentityFile {folder}/{key}
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    UpdateHostKeys no
    ConnectTimeout 2
"""
_ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


@dataclass(frozen=True, kw_only=True)
class Sshd:
    """A running server, and what its clients know."""

    folder: Path
    port: int
    settings: Path
    """The user's settings of git, which name the client's configuration."""

    def know(self, key: str) -> None:
        """Let the client know this as the server's host key."""
        kind, text, *_ = (self.folder / f"{key}.pub").read_text().split()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {text}\n")

    def show(self, key: str) -> None:
        """Have the client show this key."""
        text = _CLIENT.format(folder=self.folder, port=self.port, key=key)
        (self.folder / "client").write_text(text)
        self.settings.write_text(f"[core]\n\tsshCommand = ssh -F {self.folder}/client\n")


@pytest.fixture
def sshd(scratch: Path, isolation: Path) -> Iterator[Sshd]:
    """A server that lets the running user in, with one key."""
    program = Program(name="sshd", package="openssh-server").find()
    keygen = Program(name="ssh-keygen", package="openssh-client").find()
    folder = scratch / "sshd"
    folder.mkdir()
    for name in ("host", "other-host", "key", "other"):
        make = (keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
        subprocess.run(make, check=True, timeout=30)
    port = free_port()
    (folder / "config").write_text(_SERVER.format(folder=folder, port=port))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    argv = (program, "-D", "-e", "-f", folder / "config")
    with serving(argv, folder, ("127.0.0.1", port)):
        found = Sshd(folder=folder, port=port, settings=isolation / ".gitconfig")
        found.know("host")
        found.show("key")
        yield found


def address(sshd: Sshd, repository: Path) -> str:
    """The repository's address."""
    return f"ssh://{getpass.getuser()}@127.0.0.1:{sshd.port}{repository}"


def test_both_forms_of_an_address(
    lock: CommandLine, sshd: Sshd, repository: Path, project: Path, python_version: str
) -> None:
    """`ssh://`, and that of scp, by a name of the user's own configuration."""
    for url in (address(sshd, repository), f"{getpass.getuser()}@loop:{repository}"):
        declare(lock, python_version, url)
        lock("lock", check=True)
        assert locked(project)[0] == git(repository, "rev-parse", "HEAD")
    lock("sync", check=True)
    assert str(repository) not in (project / "locks/app.toml").read_text()


def test_who_is_not_known_is_one_message(
    lock: CommandLine, sshd: Sshd, repository: Path, project: Path, python_version: str
) -> None:
    """A host key that is not known, or another one; a key that is refused; no repository; a server that is silent."""
    declare(lock, python_version, address(sshd, repository))
    (sshd.folder / "known_hosts").unlink()
    refused(lock("lock"), 4, "ssh does not know the server's host key", project)
    sshd.know("other-host")
    words = "the host key of the server differs from the one that ssh knows"
    refused(lock("lock"), 4, words, project)
    sshd.know("host")
    sshd.show("other")
    refused(lock("lock"), 4, "the server accepts none of the ssh keys of this user", project)
    sshd.show("key")
    declare(lock, python_version, address(sshd, repository.parent / "none"))
    refused(lock("lock"), 4, "there is no such repository, or you may not read it", project)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        declare(lock, python_version, f"ssh://a@127.0.0.1:{port}/svc")
        refused(lock("lock"), 4, "its server does not answer", project)


def test_nobody_is_asked_at_a_terminal(
    lock: CommandLine, sshd: Sshd, repository: Path, project: Path, python_version: str
) -> None:
    """Whether to trust a host key, or for a key's passphrase: it ends, though ssh is the user's own command."""
    terminal = (sys.executable, "-c", _ON_A_TERMINAL)
    declare(lock, python_version, address(sshd, repository))
    (sshd.folder / "known_hosts").unlink()
    result = lock.wrapped(terminal, "lock", "--no-progress")
    assert result.code == 4, result
    assert "ssh does not know the server's host key" in result.stdout
    assert "yes/no" not in result.stdout
    sshd.know("host")
    phrase = ("ssh-keygen", "-q", "-p", "-N", "secret", "-P", "", "-f", str(sshd.folder / "key"))
    subprocess.run(phrase, check=True, timeout=30)
    result = lock.wrapped(terminal, "lock", "--no-progress")
    assert result.code == 4, result
    assert "the server accepts none of the ssh keys of this user" in result.stdout
    assert "passphrase for" not in result.stdout
