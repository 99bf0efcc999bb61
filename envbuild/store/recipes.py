"""What the environments of a store were built from, as far as their receipts tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.receipt import read_receipt_files
from envbuild.lean_json import open_ordinary
from envbuild.lockfile.changes import NamedFile

if TYPE_CHECKING:
    from envbuild.store.store import Store


def files_of_environment(store: Store, environment: str) -> tuple[NamedFile, ...]:
    """The files that the environment at a path was built from; none where its receipt cannot be read.

    That is for `verify` to say.
    """
    receipt = store.receipt(Path(environment).name)
    try:
        with os.fdopen(open_ordinary(receipt), encoding="utf-8", errors="surrogateescape") as lines:
            return tuple(NamedFile(*fields) for fields in read_receipt_files(lines))
    except (OSError, ValueError):
        return ()
