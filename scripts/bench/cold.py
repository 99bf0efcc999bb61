"""The CPU fleet of this repository, from nothing, and what it takes on the disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.bench.fleets import Project
from scripts.bench.large import uv_script
from scripts.bench.pipx import install_fleet
from scripts.bench.rounds import Sample, compete, shell
from scripts.bench.rows import Row, compare
from tests.support.command_line import copy_own_fleet, host_platform
from tests.support.folders import remove_tree
from tests.support.pythons import MINOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.bench.place import Place

DRIVERS = ("asr", "gateway", "embeddings")
PACKAGES = {"asr": "uvicorn", "gateway": "litellm[proxy]", "embeddings": "uvicorn"}
"""The package that brings each driver's command."""

VARIANTS = {"asr": "@cpu"}
"""What a target's name has at its end for a driver with variants, on a host without an accelerator."""

_CHAPTER = "A host from nothing"


def measure_cold(place: Place, rounds: int) -> Iterator[Row]:
    """`sync` with empty caches, and the fleet's disk."""
    project = Project(place=place, folder=place.folder("fleet"), more={})
    copy_own_fleet(project.folder)
    requirements = {}
    for driver in DRIVERS:
        requirements[driver] = project.folder / f"{driver}.txt"
        options = ("--target", f"{MINOR}-{host_platform()}{VARIANTS.get(driver, '')}")
        text = project.envbuild("export", "requirements", driver, *options)
        requirements[driver].write_text(text)
    by_uv = place.root / "fleet-by-uv"

    def sync(number: int) -> Sample:
        remove_tree(project.store)
        return project.call("sync", *DRIVERS, watch=True)(number)

    def uv(number: int) -> Sample:
        remove_tree(by_uv)
        lines = (
            uv_script(
                place, by_uv / driver, requirements[driver], by_uv / "cache", "--compile-bytecode"
            )
            for driver in DRIVERS
        )
        return shell(place, " && ".join(lines))(number)

    contest = compete(rounds, {"envbuild": sync, "uv": uv})
    yield compare(
        contest,
        "envbuild",
        "uv",
        chapter=_CHAPTER,
        what="`sync` of the CPU fleet, caches empty, downloads included",
        target=0.8,
        called="`uv pip install --compile-bytecode`, one driver after the other",
        note="downloads come from the host's index: both include the network",
    )
    remove_tree(by_uv)
    ours = _bytes_once(project.store / "envs")
    distinct = _bytes_of_contents(project)
    yield _disk(ours, distinct, "bytes of their distinct contents", 1.05)
    commands = {driver: (PACKAGES[driver], requirements[driver]) for driver in DRIVERS}
    for backend in ("pip", "uv"):
        theirs = _bytes_once(install_fleet(place, commands, backend))
        note = (
            "pipx's uv writes no bytecode, envbuild's environments contain it"
            if backend == "uv"
            else ""
        )
        yield _disk(ours, theirs, f"the same fleet with pipx and {backend}", None, note)


def _bytes_once(root: Path) -> int:
    """Bytes of all files, shared inodes once."""
    inodes: dict[tuple[int, int], int] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            status = Path(folder, name).lstat()
            inodes[status.st_dev, status.st_ino] = status.st_size
    return sum(inodes.values())


def _bytes_of_contents(project: Project) -> int:
    """Bytes of the environments' distinct contents, as their receipts tell."""
    contents: dict[str, int] = {}
    for receipt in (project.store / "receipts").glob("*.json"):
        rows = json.loads(receipt.read_text())["files"]
        contents |= {sha256: size for _, _, size, sha256 in rows}
    return sum(contents.values())


def _disk(ours: int, theirs: int, peer: str, target: float | None, note: str = "") -> Row:
    return Row(
        chapter=_CHAPTER,
        what="bytes of the CPU fleet's environments, each inode once",
        peer=peer,
        target=target,
        ratio=ours / theirs,
        low=ours / theirs,
        high=ours / theirs,
        cpu=0,
        ours=float(ours),
        theirs=float(theirs),
        peak=0,
        rounds=1,
        note=note,
    )
