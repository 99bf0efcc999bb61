"""The table of a store's files has what envbuild makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.store.contents import CONTENTS
from tests.support.command_line import declare_drivers
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

_LOOKED_INTO = ("generations", "generations/*", "generations/*/bin", "records", "receipts", "cache")


def test_every_file_has_its_row_and_is_removed(
    run_envbuild: CommandLine, index: IndexServer, store: Path, scratch: Path, python_version: str
) -> None:
    """What a life in small leaves is in the table, and nothing of it stays when the store is removed."""
    index.add(command_wheel("web", "1.0"))
    probe = 'probe = [["web", "--version"]]\n'
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version, more=probe))
    for verb in ("lock", "sync", "verify", "rollback"):
        run_envbuild(verb, check=verb != "rollback")
    run_envbuild("export", "env", "--out", str(scratch / "etc"), check=True)
    run_envbuild("gc", "--cache", "--wait", check=True)
    found = [
        path for folder in ("", *_LOOKED_INTO) for path in store.glob(f"{folder}/*".lstrip("/"))
    ]
    names = {path.relative_to(store).as_posix() for path in found}
    assert {"roots", "cache/verified.json", "cache/probes", "generations/1/bin/web"} <= names
    assert [name for name in sorted(names) if not _has_row(name)] == []
    run_envbuild("store", "remove", "--yes", check=True)
    assert not store.exists()


def _has_row(name: str) -> bool:
    return any(re.fullmatch(_pattern(path), name) for path, _ in CONTENTS)


def _pattern(path: str) -> str:
    """What matches the path, and each folder on the way to it."""
    parts = (re.sub("[A-Z]+[0-9]*", "[^/]+", re.escape(part)) for part in path.split("/") if part)
    first, *others = parts
    return first + "".join(f"(/{part}" for part in others) + ")?" * len(others)
