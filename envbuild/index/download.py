"""Download one locked file from its own index into a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError, Problem
from envbuild.index.answer import IndexAnswerError

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.index.locations import IndexLocations
    from envbuild.index.reader import IndexClient
    from envbuild.lockfile.lockfile import ChosenFile


def download_locked(
    client: IndexClient, locations: IndexLocations, file: ChosenFile, folder: Path
) -> None:
    """Write the file into the folder, under its locked name; it gets the name when it is whole and as locked.

    IndexFailureError if the index does not give it so; OSError if the disk fails.
    """
    location = locations.holding(file.index, file.package)
    scratch = folder / f".{file.sha256}.{os.getpid()}.part"
    try:
        listed = client.listed_file(location, file.package, file.file)
        with scratch.open("wb") as stream:
            found, _ = client.download(location, file.package, listed, stream)
            stream.flush()
            os.fsync(stream.fileno())
        if found != file.sha256:
            message = f"the index {file.index!r} has another {file.file} than the one locked"
            hint = "find out who changed it before locking anew"
            raise IndexFailureError(Problem(message=message, hint=hint))
        scratch.replace(folder / file.file)
    except IndexAnswerError as error:
        raise IndexFailureError(error.problems) from error
    finally:
        scratch.unlink(missing_ok=True)
