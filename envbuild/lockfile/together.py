"""What all lockfiles of a fleet may come to together, so that reading them ends soon and in little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import Lockfile

_MOST_BYTES = 16 << 20
_MOST_REQUIREMENTS = 200_000
"""Of all packages; a fleet of six large drivers has some 7,000."""

_MOST_WORK = 1_000_000
"""Requirements of all packages, each times the targets of its lockfile."""


class Together:
    """Counts the lockfiles that a command reads, each once however often it is read."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._bytes: dict[str, int] = {}
        self._requirements: dict[str, int] = {}
        self._work: dict[str, int] = {}

    def add_size(self, driver: str, size: int) -> None:
        """Count a file before it is parsed; UsageError where all together are too large."""
        self._bytes[driver] = size
        if sum(self._bytes.values()) > _MOST_BYTES:
            raise self._refused(f"more than {_MOST_BYTES >> 20} MiB")

    def add(self, lockfile: Lockfile) -> None:
        """Count what it asks for; UsageError where all together ask for too much."""
        texts = sum(len(package.requires) for package in lockfile.packages)
        self._requirements[lockfile.driver] = texts
        self._work[lockfile.driver] = texts * len(lockfile.targets)
        if sum(self._requirements.values()) > _MOST_REQUIREMENTS:
            raise self._refused(f"more than {_MOST_REQUIREMENTS:,} requirements of packages")
        if sum(self._work.values()) > _MOST_WORK:
            raise self._refused(f"more than {_MOST_WORK:,} requirements of packages times targets")

    def _refused(self, amount: str) -> UsageError:
        message = f"all lockfiles together have {amount}, which is the most that is read"
        hint = "split the fleet into several declarations, each with its own folder"
        return UsageError(Problem(file=self._shown, message=message, hint=hint))
