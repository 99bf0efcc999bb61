"""What a store knows of the one that it is moved from, until that one is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.lean_json import read_json, read_ordinary
from envbuild.posix.files import write_atomically
from envbuild.value import value

if TYPE_CHECKING:
    from pathlib import Path

FILE = "moved-from.json"


@value
class MoveRecord:
    """A move that has begun."""

    old: str
    """The absolute path of the store that is moved."""

    generations: tuple[tuple[int, int], ...]
    """The number of each generation in the old store and in this one; the last one becomes current."""

    complete: bool = False
    """Whether everything is here and was verified: only the old store is left to be removed."""


def write_move(root: Path, record: MoveRecord) -> None:
    """Remember a move in the new store."""
    table = {
        "version": 1,
        "from": record.old,
        "generations": {str(old): new for old, new in record.generations},
        "complete": record.complete,
    }
    write_atomically(root / FILE, (json.dumps(table, indent=1) + "\n").encode())


def read_move(root: Path) -> MoveRecord | None:
    """The move that has begun into a store; None if there is none. HostError if its file is damaged."""
    file = root / FILE
    try:
        table = read_json(read_ordinary(file).decode())
        return MoveRecord(
            old=str(table["from"]),
            generations=tuple((int(old), int(new)) for old, new in table["generations"].items()),
            complete=bool(table["complete"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        hint = "remove the new store, and move the old one again"
        raise HostError(
            Problem(file=str(file), message=f"cannot be read: {error}", hint=hint)
        ) from error
