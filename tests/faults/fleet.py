"""A fleet that takes long enough to be killed in the middle, and what a good store of it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envbuild.environment.receipt import parse_receipt
from envbuild.environment.survey import scan_contents
from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

PACKAGES = 40
MODULES = 10
_DATES = ("created", "since", "generation")


def declare_fleet(run: CommandLine, index: IndexServer, python_version: str) -> None:
    """Two drivers that share half of 40 packages of 10 modules each."""
    wheels = tuple(_wheels())
    names = [wheel.name for wheel in wheels]
    index.add(*wheels)
    index.add(command_wheel("web", "1.0", requires=names))
    index.add(command_wheel("gate", "2.0", requires=names[::2]))
    run.declare(declare_drivers({"web": ["web"], "gate": ["gate"]}, python=python_version))


def _wheels() -> Iterator[Wheel]:
    for number in range(PACKAGES):
        name = f"pkg{number:02}"
        files = {f"{name}/m{module:02}.py": f"here = {module}\n" for module in range(MODULES)}
        yield Wheel(name=name, files=files)


def undated(table: Any) -> Any:
    """JSON without what differs from one good run to the next."""
    if isinstance(table, dict):
        return {key: undated(value) for key, value in table.items() if key not in _DATES}
    return table


def current_manifest(store: Path) -> Any:
    """The current manifest without generation number and dates."""
    return undated(json.loads((store / "current/manifest.json").read_text()))


def receipts(store: Path) -> dict[str, Any]:
    """Every receipt without its date, by its environment's name."""
    found = {path.stem: json.loads(path.read_text()) for path in store.glob("receipts/*.json")}
    return {name: undated(table) for name, table in found.items()}


def check_valid(store: Path) -> None:
    """Every environment with a receipt holds exactly what the receipt says."""
    for path in store.glob("receipts/*.json"):
        receipt = parse_receipt(path.read_text(), file=str(path))
        assert scan_contents(store / "envs" / receipt.environment) == receipt.contents, path.stem


def leftovers(store: Path) -> list[str]:
    """What no finished sync leaves behind: scratch files, and environments without a receipt."""
    folders = (store, *(store / name for name in ("receipts", "records", "generations", "cache")))
    scratch = [path for folder in folders for path in folder.glob(".*.tmp")]
    valid = {path.stem for path in store.glob("receipts/*.json")}
    halves = [path for path in store.glob("envs/*") if path.name not in valid]
    return [str(path) for path in (*scratch, *halves)]
