"""Roots: exported files that name environments by their exact paths, so that a gc keeps what they name.

Each export with such files has one small file in `<store>/roots/`. A root counts as long as its exported file
exists and still names an environment: nobody has to remove it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING

from envbuild.lean_json import read_json, read_ordinary
from envbuild.posix.files import write_atomically
from envbuild.value import field, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FORMAT = 1
_LARGEST = 1 << 20
"""Bytes of an exported file that are looked through."""


@value
class Root:
    """One export, with all that is needed to repeat it."""

    format: str
    drivers: tuple[str, ...]
    stable: bool | None
    options: Mapping[str, str] = field(default_factory=dict)
    declaration: str
    """The declaration's absolute path."""

    out: str
    """The folder that was written to, as an absolute path."""

    files: tuple[str, ...]
    """The absolute paths of the files that name an environment."""

    @property
    def name(self) -> str:
        """The same for the same export, whatever it wrote."""
        said = json.dumps([self.format, sorted(self.drivers), self.out])
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def add_root(store: Path, root: Root) -> None:
    """Remember an export, in place of the same one from before."""
    folder = store / "roots"
    folder.mkdir(mode=0o755, exist_ok=True)
    table = {
        "version": FORMAT,
        "format": root.format,
        "drivers": list(root.drivers),
        "stable": root.stable,
        "options": dict(root.options),
        "declaration": root.declaration,
        "out": root.out,
        "files": list(root.files),
    }
    write_atomically(folder / f"{root.name}.json", (json.dumps(table, indent=1) + "\n").encode())


def read_roots(store: Path) -> tuple[Root, ...]:
    """Every root in the order of their names; a damaged one is skipped."""
    try:
        names = sorted(path for path in (store / "roots").iterdir() if path.suffix == ".json")
    except OSError:
        return ()
    return tuple(root for root in map(_read, names) if root is not None)


def _read(path: Path) -> Root | None:
    try:
        table = read_json(read_ordinary(path).decode())
        if table["version"] != FORMAT:
            return None
        return Root(
            format=str(table["format"]),
            drivers=tuple(map(str, table["drivers"])),
            stable=table["stable"],
            options={str(name): str(text) for name, text in table["options"].items()},
            declaration=str(table["declaration"]),
            out=str(table["out"]),
            files=tuple(map(str, table["files"])),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def environments_in(text: str, store: Path) -> frozenset[str]:
    """The folder names of the environments of a store that a text names."""
    return frozenset(re.findall(rf"{re.escape(str(store))}/envs/([A-Za-z0-9._+@-]+)", text))


def named_by_roots(store: Path) -> Iterator[tuple[Root, str, frozenset[str]]]:
    """Each root with each of its files that is still there, and the environments that it names now."""
    for root in read_roots(store):
        for file in root.files:
            if names := _names_in(file, store):
                yield root, file, names


def _names_in(file: str, store: Path) -> frozenset[str]:
    try:
        if os.stat(file).st_size > _LARGEST:  # noqa: PTH116
            return frozenset()
        return environments_in(read_ordinary(file).decode("utf-8", "replace"), store)
    except OSError:
        return frozenset()


def remove_dead_roots(store: Path) -> None:
    """Remove the roots whose files no longer name an environment."""
    alive = {root.name for root, _, _ in named_by_roots(store)}
    for root in read_roots(store):
        if root.name not in alive:
            (store / "roots" / f"{root.name}.json").unlink(missing_ok=True)
