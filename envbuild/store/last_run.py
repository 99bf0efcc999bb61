"""When a check ran last and what failed, in a small file of the store's cache; `status` shows it."""

from __future__ import annotations

from contextlib import suppress

from envbuild.lean_json import as_table, read_json, read_ordinary
from envbuild.posix.clock import now
from envbuild.posix.files import write_private
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MOST = 100
"""The failures that are kept of one run."""


@value
class LastRun:
    """The last time that something was checked."""

    finished: str
    """UTC, `2026-11-20T10:00:00Z`."""

    failed: int
    failures: tuple[str, ...]
    """One sentence each; the first hundred."""


def verified_file(cache: Path) -> Path:
    """What the last `verify` of everything found."""
    return cache / "verified.json"


def probed_file(cache: Path, environment: str) -> Path:
    """What the last probes of an environment, by its folder's name, found."""
    return cache / "probes" / f"{environment}.json"


def record_run(file: Path, failures: Iterable[str]) -> None:
    """Write what failed just now; a cache that cannot be written, such as another user's, is left alone."""
    import json

    found = tuple(failures)
    table = {"finished": now(), "failed": len(found), "failures": found[:_MOST]}
    with suppress(OSError):
        write_private(file, json.dumps(table).encode())


def read_run(file: Path) -> LastRun | None:
    """The last run; None if there was none, or its file cannot be read."""
    try:
        table = as_table(read_json(read_ordinary(file).decode()))
        return LastRun(
            finished=str(table["finished"]),
            failed=int(table["failed"]),
            failures=tuple(map(str, table["failures"])),
        )
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
