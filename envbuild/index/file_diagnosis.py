"""Ask the indexes why locked files could not be installed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError, Problem
from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError, bad_answer
from envbuild.index.diagnosis import ask_all, problems_seen
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient
    from envbuild.lockfile.lockfile import ChosenFile

_BUDGET = 1 << 30


def diagnose_files(
    client: IndexClient,
    locations: IndexLocations,
    files: Sequence[ChosenFile],
    seen: Iterable[IndexAnswer] = (),
    *,
    budget: int = _BUDGET,
) -> IndexFailureError | None:
    """Why locked files could not be installed, if an index is the reason; else None.

    `seen` are the bad answers that a router saw.
    Then every page is read, then the size of every file is asked,
    and only then files are downloaded to compare hashes, the smallest first and at most `budget` bytes.
    """
    problems = problems_seen(seen)
    checks = _Checks(client, locations, budget)
    ordered = sorted(files, key=lambda file: (file.size, file.file))
    for check in (checks.listed, checks.sized, checks.hashed):
        problems = problems or ask_all(ordered, check)
    return IndexFailureError(problems) if problems else None


class _Checks:
    """Compares the files of indexes with the locked ones.

    Each check finds at most one problem for each file; IndexAnswerError where an index has it otherwise, or fails.
    """

    def __init__(self, client: IndexClient, locations: IndexLocations, budget: int) -> None:
        self._client = client
        self._locations = locations
        self._left = budget
        self._lock = threading.Lock()

    def listed(self, file: ChosenFile) -> Problem | None:
        """Whether the page lists the file with the locked hash."""
        location = self._locations.holding(file.index, file.package)
        try:
            page = self._client.project_page(location, file.package)
        except IndexAnswerError as error:
            if error.answer.fault is not Fault.NOT_FOUND:
                raise
            return _gone(location, file)
        listed = page.file(file.file)
        if listed is None:
            return _gone(location, file)
        if listed.sha256 not in (None, file.sha256):
            raise _changed(location, file, f"its page says {listed.sha256[:12]}…")
        return None

    def sized(self, file: ChosenFile) -> None:
        """Whether the file can be downloaded, with the locked size."""
        location, listed = self._find(file)
        size = self._client.file_size(location, file.package, listed)
        if size not in (None, file.size):
            raise _changed(location, file, f"it has {size} bytes instead of {file.size}")

    def hashed(self, file: ChosenFile) -> None:
        """Whether the file's content has the locked hash, while the budget lasts."""
        with self._lock:
            if file.size > self._left:
                return
            self._left -= file.size
        location, listed = self._find(file)
        unchecked = replace(listed, sha256=None, size=file.size)
        found, _ = self._client.download(location, file.package, unchecked)
        if found != file.sha256:
            raise _changed(location, file, f"its content has {found[:12]}…")

    def _find(self, file: ChosenFile) -> tuple[IndexLocation, IndexFile]:
        location = self._locations.holding(file.index, file.package)
        return location, self._client.listed_file(location, file.package, file.file)


def _gone(location: IndexLocation, file: ChosenFile) -> Problem:
    return Problem(
        message=(
            f"the locked file {file.file} is gone from index '{location.name}' ({location.place})"
        ),
        hint=f"lock a version that is there: envbuild lock --upgrade-package {file.package}",
    )


def _changed(location: IndexLocation, file: ChosenFile, what: str) -> IndexAnswerError:
    reason = f"locked is sha256 {file.sha256[:12]}…, {what}"
    return bad_answer(Fault.CHANGED, location, file.package, file.file, reason)
