"""A small Debian that boots with a real systemd in a container, a store bound into it."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ROOT = Path(os.environ.get("ENVBUILD_BOOT_ROOT") or ROOT / "build" / "boot-root")
"""Made once by debootstrap, or there already; read when tests are collected, before they are isolated."""

_PACKAGES = "systemd,systemd-sysv,dbus,python3,ca-certificates,openssh-client"


def boot_root() -> Path:
    """A folder with a Debian in it; the test is skipped where none can be had."""
    for tool in ("systemd-nspawn", "nsenter"):
        if shutil.which(tool) is None:
            pytest.skip(f"NOT TESTED: there is no {tool}")
    root = _ROOT
    if not (root / "usr/lib/systemd/systemd").exists():
        if shutil.which("debootstrap") is None:
            pytest.skip("NOT TESTED: there is no debootstrap to make a system with")
        root.parent.mkdir(parents=True, exist_ok=True)
        made = subprocess.run(
            ("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", root),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            shutil.rmtree(root, ignore_errors=True)
            pytest.skip(f"NOT TESTED: debootstrap failed: {made.stdout[-200:]}")
    return root


class Machine:
    """A booted system; `with Machine(...) as machine:` powers it off at the end."""

    def __init__(
        self,
        root: Path,
        store: Path,
        units: Mapping[str, str],
        *,
        binds: Mapping[str, Path] | None = None,
    ) -> None:
        """`units` start with it; `binds` are folders by their paths in it, the store's own by default."""
        self._root = root
        self._store = store
        self._units = units
        self._binds = {str(store): store} if binds is None else binds
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self.transcript: list[str] = []
        """Every command that was run in it, with what it said."""

    def __enter__(self) -> Machine:
        folder = self._root / "etc/systemd/system"
        wants = folder / "multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        for name, text in self._units.items():
            (folder / name).write_text(text)
            (wants / name).unlink(missing_ok=True)
            (wants / name).symlink_to(f"../{name}")
        (self._root / "etc/machine-id").write_text("")
        binds = (
            *(f"--bind={folder}:{path}" for path, folder in self._binds.items()),
            *(f"--bind-ro={path}" for path in _code()),
        )
        self._process = subprocess.Popen(
            (
                "systemd-nspawn",
                "-D",
                self._root,
                "-M",
                f"eb{os.getpid()}",
                "--boot",
                *_OPTIONS,
                *binds,
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._leader = self._find_leader()
        self._wait_for(("systemctl", "is-system-running"), ("running", "degraded"))
        return self

    def __exit__(self, *_: object) -> None:
        self._enter(("systemctl", "poweroff"))
        assert self._process is not None
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for name in self._units:
            (self._root / "etc/systemd/system" / name).unlink()
            (self._root / "etc/systemd/system/multi-user.target.wants" / name).unlink()

    def run(self, *argv: str, check: bool = False) -> str:
        """Run a command in it; what it said, which goes into the transcript."""
        done = self._enter(argv)
        self.transcript.append(f"# {' '.join(argv)}\n{done.stdout}{done.stderr}".rstrip())
        assert not check or done.returncode == 0, self.transcript[-1]
        return done.stdout

    def succeeds(self, *argv: str) -> bool:
        """Whether a command ends with 0 in it."""
        return self._enter(argv).returncode == 0

    def envbuild(self, *argv: str) -> str:
        """Run envbuild in it; what it said, which goes into the transcript."""
        path = ":".join(_code())
        env = (f"PYTHONPATH={path}", f"ENVBUILD_STORE={self._store}")
        done = self._enter(("env", *env, "/usr/bin/python3", "-m", "envbuild", *argv))
        assert done.returncode == 0, done.stderr
        self.transcript.append(f"# envbuild {' '.join(argv)}\n{done.stdout}".rstrip())
        return done.stdout

    def _enter(self, argv: Iterable[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ("nsenter", "-t", str(self._leader), "-a", *argv),
            capture_output=True,
            text=True,
            check=False,
        )

    def _find_leader(self) -> int:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                pytest.skip("NOT TESTED: systemd-nspawn cannot boot a container here")
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                    return int(pid)
            time.sleep(0.1)
        pytest.skip("NOT TESTED: no systemd came up in the container")

    def _wait_for(self, argv: tuple[str, ...], answers: tuple[str, ...]) -> None:
        deadline = time.monotonic() + 60
        while self._enter(argv).stdout.strip() not in answers:
            assert time.monotonic() < deadline, f"{' '.join(argv)} never said {answers}"
            time.sleep(0.2)


_OPTIONS = (
    *("--register=no", "--keep-unit", "--quiet", "--console=pipe"),
    *("--private-network", "--volatile=overlay"),
)
"""It has a network of its own, only loopback, and forgets what it wrote into its own system."""


def _code() -> tuple[str, ...]:
    """The package under test, and what it imports."""
    # Debian's Python names folders that are not there
    return (str(ROOT), *filter(os.path.isdir, site.getsitepackages()))
