"""The real command line as a process of its own, and what it is given."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.lockfile.parse import parse_lockfile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.lockfile.lockfile import Lockfile

ROOT = Path(__file__).parents[2]
"""The repository."""


NOWHERE = "http://127.0.0.1:9/simple"
"""An index that answers nobody: what tests get as the default index unless they ask for another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a finished command left."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.stdout)

    def __str__(self) -> str:
        """Everything, for a failed assertion: `assert result.code == 0, result`."""
        return f"exit {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandLine:
    """`python -m envbuild` with a settled folder, store and environment."""

    cwd: Path
    """Where `drivers.toml` and `locks/` are."""

    env: Mapping[str, str]
    """The whole environment of the process."""

    timeout: float = 120.0
    """Seconds after which the process is killed and the test fails."""

    def __call__(
        self,
        *argv: str,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        check: bool = False,
    ) -> Result:
        """Run to the end; `env` adds variables, and takes away those that are None."""
        return self.wrapped((), *argv, cwd=cwd, env=env, check=check)

    def wrapped(
        self,
        wrapper: Sequence[str],
        *argv: str,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        check: bool = False,
    ) -> Result:
        """The same below another program, such as `strace`, whose arguments are `wrapper`."""
        done = subprocess.run(
            (*wrapper, sys.executable, "-m", "envbuild", *argv),
            cwd=cwd or self.cwd,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.timeout,
        )
        result = Result(code=done.returncode, stdout=done.stdout, stderr=done.stderr)
        assert not check or result.code == 0, str(result)
        return result

    def start(
        self, *argv: str, env: Mapping[str, str | None] | None = None
    ) -> subprocess.Popen[str]:
        """Start and do not wait, in a process group of its own; the caller ends it.

        It heeds hang-ups, also where `nohup` has started the tests.
        """
        return subprocess.Popen(
            ("env", "--default-signal=HUP", sys.executable, "-m", "envbuild", *argv),
            cwd=self.cwd,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def environment(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The process's environment with these changes."""
        merged = {**self.env, **(changes or {})}
        return {name: value for name, value in merged.items() if value is not None}

    def lockfile(self, driver: str) -> Lockfile:
        """A driver's lockfile."""
        path = self.cwd / "locks" / f"{driver}.toml"
        return parse_lockfile(path.read_text(), file=str(path))

    def content_digests(self) -> dict[str, str]:
        """The content digest of each driver's environment, as `verify` prints it."""
        found = self("verify", "--format", "json", check=True).json
        return {item["drivers"][0]: item["content"] for item in found["environments"]}

    def declare(self, text: str) -> Path:
        """Write `drivers.toml`; `version = 1` stands at the top where the text does not say it."""
        path = self.cwd / "drivers.toml"
        path.write_text(text if "version =" in text else f"version = 1\n{text}")
        return path


def copy_own_fleet(folder: Path, *, locks: bool = True) -> None:
    """Copy the repository's own declaration into a folder, with the folder of its source, and its lockfiles."""
    shutil.copy(ROOT / "drivers.toml", folder)
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=leave)
    if locks:
        shutil.copytree(ROOT / "locks", folder / "locks")


def child_environment(**more: str) -> dict[str, str]:
    """The test's own environment, such that `-m envbuild` finds the package under test."""
    env = {**os.environ, **more}
    if not _installed():
        env["PYTHONPATH"] = str(ROOT)
    return env


def _installed() -> bool:
    try:
        importlib.metadata.distribution("envbuild")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def declare_drivers(drivers: Mapping[str, Sequence[str]], *, python: str, more: str = "") -> str:
    """`drivers.toml` for these drivers (name → requirements), one Python and this host alone.

    The platform is the oldest that every Linux of this processor runs; `more` is put at the end.
    """
    head = f'version = 1\n\n[defaults]\npython = "{python}"\nplatforms = ["{host_platform()}"]\n'
    tables = (f"\n[drivers.{k}]\nrequires = {json.dumps(list(v))}\n" for k, v in drivers.items())
    return "".join((head, *tables, f"\n{more}" if more else ""))


ASKS_UV = ">=0.dev0"
"""A range for which uv is always asked, as `envbuild.index.newest_choices` judges no pre-releases."""


def host_platform() -> str:
    """A platform that this host runs, as `drivers.toml` spells it."""
    machine = os.uname().machine
    return f"{machine}-macosx_14_0" if sys.platform == "darwin" else f"{machine}-manylinux_2_28"
