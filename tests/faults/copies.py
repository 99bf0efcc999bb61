"""A fleet in a store that can be damaged, looked at and put back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.store.store import Store
from envbuild.store.verifier import Verifier
from tests.support.command_line import declare_drivers
from tests.support.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.finding import Finding
    from tests.support.command_line import CommandLine, Result


STRACE = ("strace", "-f", "-qq", "-o")
"""The log's name comes next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fleet:
    """A locked fleet, the command line for it, and its store."""

    run: CommandLine
    store: Path
    python_version: str

    def declare(self, drivers: Mapping[str, Sequence[str]], more: str = "") -> None:
        """Declare and lock other drivers."""
        self.run.declare(declare_drivers(drivers, python=self.python_version, more=more))
        self.run("lock", check=True)

    def sync(self) -> None:
        """Build and switch, undisturbed."""
        self.run("sync", check=True)

    def injected(self, calls: str, fault: str, *argv: str) -> Result:
        """Run envbuild with a fault (`error=EIO:when=3`) in system calls (`clone,fork`) of each of its processes."""
        inject = (f"--trace={calls}", f"--inject={calls}:{fault}")
        return self.run.wrapped((*STRACE, "/dev/null", *inject), *argv)

    def environment(self, driver: str) -> Path:
        """The driver's current environment."""
        return Path(os.path.realpath(self.store / "current" / driver))

    def site_packages(self, driver: str) -> Path:
        """Where the driver's packages lie."""
        return next(self.environment(driver).glob("lib/python3.*/site-packages"))

    def receipt(self, driver: str) -> Path:
        """The receipt of the driver's current environment."""
        return self.store / "receipts" / f"{self.environment(driver).name}.json"

    def findings(self) -> list[dict[str, Any]]:
        """What `envbuild verify` finds; empty where it exits 0."""
        result = self.run("verify", "--format", "json")
        assert result.code in (0, 1), str(result)
        found: list[dict[str, Any]] = result.json["findings"]
        assert bool(found) == bool(result.code)
        return found

    def keep(self, name: str) -> Path:
        """Copy the store, times and links as they are, to be put back later."""
        copy = self.store.with_name(f"{self.store.name}.{name}")
        subprocess.run(("cp", "-a", self.store, copy), check=True)
        return copy

    def put_back(self, copy: Path) -> None:
        """Make the store what it was when it was copied."""
        self.remove()
        subprocess.run(("cp", "-a", copy, self.store), check=True)

    def remove(self) -> None:
        """Remove the store."""
        if self.store.exists():
            remove_tree(self.store)

    def broken(self) -> tuple[Finding, ...]:
        """What is wrong in any environment that has a receipt, whether or not it is in use."""
        store = Store(root=self.store)
        verifier = Verifier(root=str(self.store), workers=1)
        names = [path.stem for path in (self.store / "receipts").glob("*.json")]
        present = [name for name in names if store.environment(name).is_dir()]
        return tuple(f for n in present for f in verifier.verify(n, key=None, recorded=None))

    def assert_current_is_complete(self) -> None:
        """`current`, if there is one, names a generation whose environments are all valid."""
        store = Store(root=self.store)
        if not os.path.lexists(self.store / "current"):
            return
        manifest = store.read_current()
        assert manifest is not None
        for driver in manifest.drivers:
            name = Path(driver.environment).name
            assert store.is_valid(name), name
            assert (self.store / "current" / driver.name / "bin").is_dir()
            for _, shim in driver.shims:
                assert (self.store / "current" / "bin" / shim).exists()

    def result(self) -> dict[str, Any]:
        """What a run came to, such that two runs can be compared: dates and numbers left out."""
        manifest = json.loads((self.store / "current/manifest.json").read_text())
        drivers = {}
        for name, entry in manifest["drivers"].items():
            receipt = self.store / "receipts" / f"{Path(entry['environment']).name}.json"
            contents = json.loads(receipt.read_text())
            drivers[name] = {
                "version": entry["version"],
                "key": entry["key"],
                "packages": entry["packages"],
                "files": contents["files"],
                "links": contents["links"],
            }
        return {"declaration": manifest["declaration"], "drivers": drivers}


def forget_copy(copy: Path) -> None:
    """Remove a copy."""
    if copy.exists():
        remove_tree(copy)


def free_bytes(path: Path) -> int:
    """The bytes free on the path's file system."""
    return shutil.disk_usage(path).free
