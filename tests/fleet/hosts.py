"""Four hosts with sshd, each with a network, a name and a store of its own, on one machine."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fleet.registries import LIFETIME, need

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMES = ("alpha", "bravo", "charlie", "delta")
_NETWORK = f"10.213.{os.getpid() % 250}"
_BRIDGE = f"eb{os.getpid() % 100000}"
_CONFIG = """\
Port 22
ListenAddress {address}
HostKey {folder}/hostkey
AuthorizedKeysFile {folder}/../key.pub
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
"""
_ENVBUILD = """\
#!/bin/sh
# envbuild on this host; where the file `dies` is, the module that starts it is killed after a switch
env -i {environment} {python} -m envbuild "$@"
code=$?
case "$*" in *--fetch*|*--dry-run*) exit $code ;; *" sync "*) ;; *) exit $code ;; esac
test ! -e {folder}/$(hostname)/dies || kill -9 $PPID
exit $code
"""
_RESTART = """\
#!/bin/sh
# notes what it starts; where the file `loses` is, the connection breaks off once
own={folder}/$(hostname)
readlink {store}/current >>$own/restarted
test -e $own/loses || exit 0
rm $own/loses
pid=$$
until grep -q ^sshd /proc/$pid/comm; do
    pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status)
done
kill -9 $pid
"""
_HEALTH = "#!/bin/sh\nexec {store}/current/web/bin/web\n"


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The hosts, and how Ansible finds them."""

    folder: Path
    """It has a folder for each host, with its `store`."""

    store: Path
    """Where each host sees its own store."""

    def current(self) -> list[int]:
        """Each host's current generation, in the order of the names; 0 for none."""
        links = [self.folder / name / "store" / "current" for name in NAMES]
        return [int(link.readlink().name) if link.is_symlink() else 0 for link in links]

    def restarts(self, name: str) -> list[int]:
        """The generations that a host's services were started from."""
        file = self.folder / name / "restarted"
        lines = file.read_text().splitlines() if file.exists() else []
        return [int(Path(line).name) for line in lines]


@contextmanager
def sshd_hosts(folder: Path, store: Path, environment: Mapping[str, str]) -> Iterator[Hosts]:
    """Start them; `environment` is what envbuild sees there. They reach nothing but this machine."""
    sshd, ip = need("sshd"), need("ip")
    need("unshare")
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: hosts in namespaces need root")
    _write_files(folder, store, environment)
    Path("/run/sshd").mkdir(exist_ok=True)
    _run(ip, "link", "add", _BRIDGE, "type", "bridge")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        _run(ip, "address", "add", f"{_NETWORK}.254/24", "dev", _BRIDGE)
        _run(ip, "link", "set", _BRIDGE, "up")
        for number, name in enumerate(NAMES, 1):
            _connect(ip, number)
            processes.append(_start(ip, sshd, folder / name, store, number))
        for number in range(1, len(NAMES) + 1):
            _wait_for(f"{_NETWORK}.{number}")
        yield Hosts(folder=folder, store=store)
    finally:
        for process in processes:
            process.terminate()
            process.wait(20)
        for number in range(1, len(NAMES) + 1):
            _disconnect(ip, number)
        _run(ip, "link", "delete", _BRIDGE)


def _write_files(folder: Path, store: Path, environment: Mapping[str, str]) -> None:
    folder.mkdir()
    _run(need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/key")
    shown = shlex.join(f"{name}={value}" for name, value in environment.items())
    texts = {"envbuild": _ENVBUILD, "restart": _RESTART, "health": _HEALTH}
    for name, text in texts.items():
        file = folder / name
        file.write_text(
            text.format(
                environment=shown, python=shlex.quote(sys.executable), folder=folder, store=store
            )
        )
        file.chmod(0o755)
    arguments = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10"
    lines = ["[all]"]
    for number, name in enumerate(NAMES, 1):
        own = folder / name
        (own / "store").mkdir(parents=True)
        _run(need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", f"{own}/hostkey")
        (own / "sshd").write_text(_CONFIG.format(address=f"{_NETWORK}.{number}", folder=own))
        lines.append(f"{name} ansible_host={_NETWORK}.{number} ansible_remote_tmp={own}/tmp")
    lines += [
        "[all:vars]",
        "ansible_user=root",
        f"ansible_python_interpreter={sys.executable}",
        f"ansible_ssh_private_key_file={folder}/key",
        f"ansible_ssh_common_args='{arguments}'",
    ]
    (folder / "inventory").write_text("".join(f"{line}\n" for line in lines))


def _connect(ip: str, number: int) -> None:
    """A network namespace with one cable to the bridge."""
    space, cable = f"{_BRIDGE}-{number}", f"{_BRIDGE}.{number}"
    _run(ip, "netns", "add", space)
    _run(ip, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
    _run(ip, "link", "set", cable, "master", _BRIDGE, "up")
    inside = (ip, "-n", space)
    _run(*inside, "address", "add", f"{_NETWORK}.{number}/24", "dev", "eth0")
    _run(*inside, "link", "set", "lo", "up")
    _run(*inside, "link", "set", "eth0", "up")


def _disconnect(ip: str, number: int) -> None:
    """End what still runs in the namespace, such as connections that Ansible keeps, and remove it."""
    space = f"{_BRIDGE}-{number}"
    listed = subprocess.run((ip, "netns", "pids", space), capture_output=True, text=True)
    for pid in listed.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    _run(ip, "link", "delete", f"{_BRIDGE}.{number}", check=False)
    _run(ip, "netns", "delete", space, check=False)


def _start(ip: str, sshd: str, own: Path, store: Path, number: int) -> subprocess.Popen[bytes]:
    inner = f"hostname {own.name} && mount --bind {own}/store {store} && exec {sshd} -D -e -f {own}/sshd"
    argv = (
        *("timeout", str(2 * LIFETIME), ip, "netns", "exec", f"{_BRIDGE}-{number}"),
        *("unshare", "--mount", "--uts", "sh", "-c", inner),
    )
    with (own / "log").open("wb") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _wait_for(address: str) -> None:
    for _ in range(200):
        with socket.socket() as tried:
            tried.settimeout(1)
            if tried.connect_ex((address, 22)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"the sshd of {address} does not listen")


def _run(*argv: str, check: bool = True) -> None:
    subprocess.run(argv, check=check, capture_output=True, timeout=30)
