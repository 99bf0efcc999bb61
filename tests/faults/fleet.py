"""A fleet of two drivers to be killed while it is built, and what must hold afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.receipt import parse_receipt
from envbuild.system.contents import scan_contents
from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

PACKAGES = 12
"""How many packages `web` needs."""

_MODULES = 20


def declare_fleet(run: CommandLine, index: IndexServer, python_version: str) -> None:
    """Declare `web` and `gate`, and have the index serve what they need."""
    names = [f"pkg{number:02}" for number in range(PACKAGES)]
    index.add(command_wheel("web", "1.0", requires=names))
    index.add(command_wheel("gate", "2.0", requires=names[:3]))
    for name in names:
        files = {f"{name}/part_{n}.py": f"VALUE = {n}\n" for n in range(_MODULES)}
        index.add(Wheel(name=name, files={f"{name}/__init__.py": "", **files}))
    run.declare(declare_drivers({"web": ["web"], "gate": ["gate"]}, python=python_version))


def current_manifest(store: Path) -> Any:
    """The current manifest without what differs from run to run: number and dates."""
    manifest = json.loads((store / "current/manifest.json").read_text())
    del manifest["generation"], manifest["created"]
    for driver in manifest["drivers"].values():
        del driver["since"]
    return manifest


def receipts(store: Path) -> dict[str, Any]:
    """Every receipt by environment, without its date."""
    found = {}
    for path in sorted((store / "receipts").glob("*.json")):
        found[path.stem] = json.loads(path.read_text())
        del found[path.stem]["created"]
    return found


def check_valid(store: Path) -> None:
    """Every environment with a receipt is what the receipt says, and `current` names only such."""
    for path in (store / "receipts").glob("*.json"):
        environment = store / "envs" / path.stem
        if environment.is_dir():
            assert (
                scan_contents(environment)
                == parse_receipt(path.read_text(), file=str(path)).contents
            )
    if (store / "current").exists():
        manifest = json.loads((store / "current/manifest.json").read_text())
        for driver in manifest["drivers"].values():
            assert (store / "receipts" / f"{Path(driver['environment']).name}.json").is_file()
            assert Path(driver["binary"]).is_file()


def leftovers(store: Path) -> list[Path]:
    """What a killed run left and the next one should have swept away."""
    names = {path.stem for path in (store / "receipts").glob("*.json")}
    halves = [path for path in (store / "envs").iterdir() if path.name not in names]
    scratch = [path for path in store.rglob(".*.tmp") if "cache" not in path.parts]
    return halves + scratch
