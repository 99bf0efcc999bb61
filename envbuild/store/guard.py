"""Whether a folder is a store that this version can read. Imported by quick verbs: no pathlib."""

from __future__ import annotations

import os

from envbuild.errors import HostError, NoError, Problem
from envbuild.lean_json import read_json, read_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

MARKER = "envbuild-store.json"
"""The marker's name; in a folder without it nothing is ever deleted."""

FORMAT = 1


def require_store(root: Path | str) -> None:
    """Refuse a folder that is not a store.

    NoError if there is nothing; HostError for a folder with other files, for one that cannot be read,
    and for a store of a newer format.
    """
    try:
        if not os.path.exists(root) or not os.listdir(root):  # noqa: PTH110, PTH208
            raise nothing_synced(root)
        marker = f"{root}/{MARKER}"
        if not os.path.isfile(marker):  # noqa: PTH113
            message = f"{root} is not a store: it has no {MARKER}"
            raise HostError(Problem(message=message, hint="name the store with --store"))
        check_format(marker)
    except OSError as error:
        message = f"cannot read the store: {error.filename}: {error.strerror}"
        raise HostError(Problem(message=message)) from error


def nothing_synced(root: Path | str) -> NoError:
    """The error of a verb that needs a generation in a store without one."""
    message = f"nothing has been synced into {root} yet"
    return NoError(Problem(message=message, hint="run `envbuild sync`"))


def check_format(marker: Path | str) -> None:
    """HostError if the store was made by a newer envbuild, or its marker is damaged."""
    try:
        found = int(read_json(read_ordinary(marker).decode())["format"])
    except (ValueError, LookupError, TypeError) as error:
        raise HostError(
            Problem(file=str(marker), message="the store's marker is damaged")
        ) from error
    if found > FORMAT:
        message = f"the store's format {found} is newer than this envbuild can read ({FORMAT})"
        raise HostError(Problem(file=str(marker), message=message, hint="upgrade envbuild"))
