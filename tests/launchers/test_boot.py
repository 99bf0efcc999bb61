"""The repository's CPU fleet on a host that boots a real systemd, and follows a release unattended."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from tests.support.boot import Machine, boot_root
from tests.support.command_line import ROOT, CommandLine, child_environment, copy_own_fleet
from tests.support.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.index,
]

PORTS = {"asr": 8701, "embeddings": 8702, "gateway": 8703, "echo": 8704}
_APP = "fastapi.applications:FastAPI --factory --port"
ARGUMENTS = {"asr": f"{_APP} {PORTS['asr']}", "gateway": f"--port {PORTS['gateway']}"}
"""What the administrator writes into /etc/envbuild/DRIVER.env; the others have a `launch`."""

LAUNCH = f"""
[drivers.embeddings.launch]
port = {PORTS["embeddings"]}
after = ["asr"]
arguments = ["fastapi.applications:FastAPI", "--factory", "--port", "{PORTS["embeddings"]}"]
health-path = "/openapi.json?x=1&y"
[drivers.echo.launch]
port = {PORTS["echo"]}
environment-file = "/etc/envbuild/secrets"
arguments = ["--port", "{PORTS["echo"]}"]
"""
RELEASES = "http://127.0.0.1:8700/release"
_SERVER = """\
[Service]
ExecStart=/usr/bin/python3 -m http.server --directory {folder} --bind 127.0.0.1 8700
StandardError=null
"""
_OFTEN = """\
[Timer]
OnCalendar=
OnCalendar=*:*:0/10
RandomizedDelaySec=1s
AccuracySec=100ms
"""
_ALERT = '#!/bin/sh\necho "$1: $2" >/run/alert\n'
_ASK = "import sys, urllib.request as r, urllib.error as e\ntry: r.urlopen(sys.argv[1])\nexcept e.HTTPError: pass"


class Publisher:
    """Where the fleet is locked, built and published; its store's path is the hosts' too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        """Where it is here."""

        self.key = folder / "key"
        argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key)
        subprocess.run(argv, check=True)
        project = folder / "project"
        project.mkdir()
        copy_own_fleet(project)
        self._file = project / "drivers.toml"
        self._file.write_text(self._file.read_text() + LAUNCH)
        home = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
        env = child_environment(ENVBUILD_STORE=str(self.store), **home)
        for name in [name for name in env if name.startswith(("XDG_", "UV_", "PIP_"))]:
            del env[name]
        self.run = CommandLine(cwd=project, env=env, timeout=900)

    def publish(self) -> None:
        """Lock, build and publish; the new release takes the place of the one before."""
        self.run("lock", *PORTS, check=True)
        self.run("sync", *PORTS, check=True)
        place = f"dir:{self.folder}/releases/release"
        self.run("publish", place, *PORTS, "--no-tools", "--sign", str(self.key), check=True)

    def change(self, old: str, new: str) -> None:
        """Edit the declaration."""
        text = self._file.read_text()
        assert old in text
        self._file.write_text(text.replace(old, new))


class Host:
    """A booted host, whose store is empty at first."""

    def __init__(self, machine: Machine, publisher: Publisher) -> None:
        self.machine = machine
        self.publisher = publisher

    def systemctl(self, *words: str) -> str:
        """What systemctl says; the test fails where it does."""
        return self.machine.run("systemctl", *words, check=True).strip()

    def current(self) -> str:
        """The link of the current generation; empty where there is none."""
        return self.machine.run("readlink", f"{self.publisher.store}/current").strip()

    def answers(self, driver: str) -> bool:
        """Whether something speaks HTTP on the driver's port."""
        url = f"http://127.0.0.1:{PORTS[driver]}/"
        return self.machine.succeeds("/usr/bin/python3", "-c", _ASK, url)

    def programs(self, driver: str) -> str:
        """The folder of the environment whose Python the driver's service runs."""
        pid = self.systemctl("show", "--value", "--property=MainPID", f"envbuild@{driver}")
        command = self.machine.run("cat", f"/proc/{pid}/cmdline", check=True).split("\0")
        return command[0].rpartition("/bin/")[0]

    def wait(self, what: str, answer: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + 300
        while not answer():
            log = self.machine.run("journalctl", "--no-pager", "--lines=200")
            assert time.monotonic() < deadline, f"{what} never came\n{log}"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A host that follows the release, once it has it; its network is its own, without any index."""
    root = boot_root()
    for program in (_python(), "usr/bin/ssh-keygen"):
        if not (root / program).exists():
            pytest.skip(f"NOT TESTED: the system that boots has no {program}")
    folder = Path(tempfile.mkdtemp(prefix="eb-boot-", dir="/srv"))
    folder.chmod(0o755)
    try:
        publisher = Publisher(folder)
        publisher.publish()
        _install_envbuild(folder / "envbuild")
        with Machine(root, publisher.store, {}, binds=_binds(publisher)) as machine:
            found = Host(machine, publisher)
            found.systemctl("start", "releases.service", "envbuild-pull.timer")
            found.wait("the first release", lambda: found.current() != "")
            yield found
    finally:
        remove_tree(folder)


def _python() -> str:
    return os.path.realpath("/usr/bin/python3").lstrip("/")


def _install_envbuild(folder: Path) -> None:
    """Install this envbuild for the system's Python, as administrators do."""
    uv = find_uv_bin()
    subprocess.run((uv, "venv", "--quiet", "--python=/usr/bin/python3", folder), check=True)
    argv = (uv, "pip", "install", "--quiet", f"--python={folder}/bin/python", ROOT)
    subprocess.run(argv, check=True)


def _binds(publisher: Publisher) -> dict[str, Path]:
    """What the host has of its own: an empty store, the exported units, its settings."""
    folder = publisher.folder
    empty, units, settings = (folder / name for name in ("host", "units", "settings"))
    for one in (empty, settings, units / "envbuild-pull.timer.d"):
        one.mkdir(parents=True)
    publisher.run("export", "systemd", *PORTS, "--out", str(units), check=True)
    program = ("--envbuild", f"{folder}/envbuild/bin/envbuild")
    pull = ("export", "systemd-pull", "--from", RELEASES, *program)
    publisher.run(*pull, "--out", str(units), check=True)
    trusted = publisher.key.with_suffix(".pub").read_text().strip()
    (empty / "settings.toml").write_text(f'[trust]\nkeys = ["{trusted}"]\n')
    (units / "envbuild-pull.timer.d/often.conf").write_text(_OFTEN)
    (units / "releases.service").write_text(_SERVER.format(folder=folder / "releases"))
    for driver, arguments in ARGUMENTS.items():
        text = f'ARGUMENTS="{arguments}"\nLITELLM_MASTER_KEY=sk-of-this-test\n'
        (settings / f"{driver}.env").write_text(text)
    (settings / "pull.env").write_text("RESTART=envbuild@*.service\n")
    (settings / "secrets").write_text("SECRET=found\n")
    (settings / "alert").write_text(_ALERT)
    (settings / "alert").chmod(0o755)
    return {
        str(publisher.store): empty,
        "/usr/local/lib/systemd/system": units,
        "/etc/envbuild": settings,
        str(folder / "releases"): folder / "releases",
        str(folder / "envbuild"): folder / "envbuild",
    }


@pytest.mark.parametrize("driver", PORTS)
def test_the_template_starts_each_driver(host: Host, driver: str) -> None:
    """`systemctl start envbuild@DRIVER` is all: the service answers, from its environment, as nobody's user."""
    unit = f"envbuild@{driver}.service"
    host.machine.run("systemd-analyze", "verify", "--man=no", unit, check=True)
    assert "envbuild@" not in host.machine.transcript[-1].partition("\n")[2]
    host.systemctl("start", unit)
    if driver != "embeddings":  # whose start is over when its health path answers
        host.wait(f"an answer of {driver}", lambda: host.answers(driver))
    assert host.answers(driver)
    assert host.systemctl("is-active", unit) == "active"
    assert host.systemctl("show", "--value", "--property=NRestarts", unit) == "0"
    assert f"/{driver}-" in host.programs(driver).removeprefix(str(host.publisher.store))
    pid = host.systemctl("show", "--value", "--property=MainPID", unit)
    status = host.machine.run("cat", f"/proc/{pid}/status", check=True)
    user = re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE)
    assert user is not None
    assert int(user[1]) >= 61184, "DynamicUser= takes its users from 61184 on"


def test_a_driver_starts_after_others(host: Host) -> None:
    """`after` in `launch` has the other driver started first, and `environment-file` is read."""
    host.systemctl("stop", "envbuild@asr", "envbuild@embeddings", "envbuild@echo")
    host.systemctl("start", "envbuild@embeddings", "envbuild@echo")
    host.wait("an answer of asr", lambda: host.answers("asr"))
    started = [
        int(host.systemctl("show", "--value", f"--property={moment}", f"envbuild@{driver}"))
        for driver, moment in (
            ("asr", "ExecMainStartTimestampMonotonic"),
            ("embeddings", "ExecMainStartTimestampMonotonic"),
        )
    ]
    assert started == sorted(started)
    pid = host.systemctl("show", "--value", "--property=MainPID", "envbuild@echo")
    environment = host.machine.run("cat", f"/proc/{pid}/environ", check=True).split("\0")
    assert "SECRET=found" in environment


def test_the_timer_follows_the_release(host: Host) -> None:
    """A release that is published anew comes by itself, and its services are restarted, each once."""
    units = [f"envbuild@{driver}" for driver in PORTS]
    host.systemctl("start", *units)
    before, old = host.current(), {driver: host.programs(driver) for driver in PORTS}
    host.publisher.change("env = { LITELLM", 'env = { MOVED = "yes", LITELLM')
    host.publisher.publish()
    host.wait("the second release", lambda: host.current() not in ("", before))
    host.wait("a restart", lambda: host.programs("gateway") != old["gateway"])
    for driver in PORTS:
        host.wait(f"an answer of {driver}", partial(host.answers, driver))
    now = {driver: host.programs(driver) for driver in PORTS}
    assert now == {**old, "gateway": now["gateway"]}, "only gateway was built anew"


def test_a_release_that_cannot_be_followed_is_told(host: Host) -> None:
    """The exit code and its meaning reach the log and the administrator's program; services go on."""
    release = host.publisher.folder / "releases/release"
    host.systemctl("start", "envbuild@echo")
    before = host.current()
    hidden = release.rename(release.with_name("hidden"))
    host.wait("an alert", lambda: host.machine.succeeds("test", "-s", "/run/alert"))
    said = host.machine.run("cat", "/run/alert", check=True)
    assert said.startswith("4: no source has the release")
    log = host.machine.run("journalctl", "--no-pager", "--identifier=envbuild-pull")
    assert "exit code 4: no source has the release" in log
    assert host.current() == before
    assert host.answers("echo")
    hidden.rename(release)
    host.systemctl("reset-failed", "envbuild-pull.service")
    host.wait(
        "a pull that succeeds",
        lambda: "success" in host.systemctl("show", "--property=Result", "envbuild-pull.service"),
    )
