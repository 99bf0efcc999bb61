"""The front door of `verify --quick`: whether all is as it was built, and no more than that.

Whatever is not just as it should be is left to `commands.verify`, which says what it is.
Everything that looks at environments is what that uses too; generations are compared
as they were recorded, without making values of them.
"""

from __future__ import annotations

import os

from envbuild.cli.lean_json import read_json
from envbuild.digest import json_sha256
from envbuild.environment.stat_check import are_as_recorded
from envbuild.report.looked import all_as_built
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from envbuild.text import Text

_FORMAT = 1
"""Of the store, its generation records and its manifests."""

_FOLDER = 0o40755


def verify_quickly(root: str) -> Text | None:
    """What `verify --quick` prints where nothing differs; None where it has to look for itself."""
    try:
        numbers = generation_numbers(root)
        if os.readlink(f"{root}/current") not in [f"generations/{number}" for number in numbers]:  # noqa: PTH115
            return None
        names: set[str] = set()
        for number in numbers:
            manifest = recorded_manifest(root, number)
            if manifest is None or not holds_its_links(f"{root}/generations/{number}", manifest):
                return None
            names |= set(map(environment_of, manifest["drivers"].values()))
        if not are_as_built(root, sorted(names)):
            return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return text_of([all_as_built(len(names), len(numbers), quick=True)])


def generation_numbers(root: str) -> list[str]:
    """The names of all generations; none where the store is of another format."""
    if read_json(_read(f"{root}/envbuild-store.json"))["format"] != _FORMAT:
        return []
    return [name for name in os.listdir(f"{root}/generations") if name.isdecimal()]  # noqa: PTH208


def recorded_manifest(root: str, number: str) -> Mapping[str, Any] | None:
    """A generation's manifest, if it is the one that was recorded."""
    record = read_json(_read(f"{root}/records/{number}.json"))
    if record.pop("digest") != json_sha256(record) or record["version"] != _FORMAT:
        return None
    text = _read(f"{root}/generations/{number}/manifest.json")
    manifest: Mapping[str, Any] = read_json(text)
    return manifest if text == record["manifest"] and manifest["version"] == _FORMAT else None


def holds_its_links(folder: str, manifest: Mapping[str, Any]) -> bool:
    """Whether a generation holds the links and shims that its manifest comes to, and nothing else."""
    links: dict[str, str] = {}
    shims: dict[str, str] = {}
    for driver, entry in manifest["drivers"].items():
        name = environment_of(entry)
        links[driver] = f"../../envs/{name}"
        for command, shim in entry["shims"].items():
            shims[shim] = f"../../../envs/{name}/bin/{command}"
    found = dict(_entries(folder))
    rest = (found.pop(".", None), found.pop("bin", None), found.pop("manifest.json", None))
    return (
        rest == (_FOLDER, _FOLDER, None)
        and found == links
        and dict(_entries(f"{folder}/bin")) == {".": _FOLDER, **shims}
    )


def _entries(folder: str) -> Iterator[tuple[str, str | int | None]]:
    """The targets of links and the modes of folders by name, the folder itself being `.`; None for files."""
    yield ".", os.lstat(folder).st_mode
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield entry.name, os.readlink(entry.path)  # noqa: PTH115
            elif entry.is_dir():
                yield entry.name, entry.stat().st_mode
            else:
                yield entry.name, None


def are_as_built(root: str, names: Sequence[str]) -> bool:
    """Whether each environment has a receipt, and everything in it looks as it did when it was built."""
    looked_at: list[tuple[bytes, str]] = []
    for name in names:
        environment = f"{root}/envs/{name}"
        if not os.path.isfile(f"{root}/receipts/{name}.json") or os.path.islink(environment):  # noqa: PTH113, PTH114
            return False
        with open(f"{root}/receipts/{name}.stat", "rb") as stream:  # noqa: PTH123
            looked_at.append((stream.read(), environment))
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return all(are_as_recorded(looked_at, workers))


def environment_of(entry: Mapping[str, str]) -> str:
    """The name of the environment of a manifest's driver."""
    return entry["environment"].rpartition("/")[2]


def _read(path: str) -> str:
    with open(path, "rb") as stream:  # noqa: PTH123
        return stream.read().decode("utf-8", "surrogateescape")
