"""Packages that an environment takes from the host, and that the host has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.contents import read_record, record_digest
from envbuild.environment.host_files import (
    distribution_folders,
    file_sha256,
    files_digest,
    normal_stem,
)
from envbuild.environment.installed import read_distribution
from envbuild.environment.stat_record import look_outside, recorded_outside
from envbuild.finding import Code, Finding
from envbuild.wheelcache.record import parse_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envbuild.environment.derivation import InheritedDistribution


def host_changes(
    subject: str,
    inherited: Iterable[InheritedDistribution],
    environment: str = "",
    record: bytes = b"",
) -> Iterator[Finding]:
    """A finding for each whose RECORD, or one of whose files, is not the one that it was built with.

    `record` is the stat record: what looks as it did is not read again.
    """
    looked = _looks_different(environment, record)
    for one in inherited:
        now = _now(one, looked)
        if now:
            place = Path(one.folder).parent
            message = f"the host's {one.name} was {one.version}, {now} ({place})"
            yield Finding(code=Code.INHERITED, subject=subject, message=message, hint=HINT)


def _now(one: InheritedDistribution, looked: Callable[[str], bool]) -> str:
    """What is different about a distribution; empty for nothing."""
    folder = Path(one.folder)
    by_record = record_digest(folder)
    if (by_record or files_digest(folder)) != one.record:
        version = _version_now(one)
        if version is None:
            return "and is gone"
        part = "RECORD is" if by_record else "files are"
        same = f"and its {part} not what it was built with"
        return same if version == one.version else f"and is {version} now"
    changed = sorted(_changed_files(folder, looked)) if by_record else []
    if not changed:
        return ""
    others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return f"and the host changed its {changed[0]}{others}"


def _changed_files(folder: Path, looked: Callable[[str], bool]) -> Iterator[str]:
    """Files that look different, and whose content is not the one that RECORD names."""
    for path, sha256, _ in parse_record(read_record(folder)):
        if looked(path) and path != f"{folder.name}/RECORD":
            try:
                if file_sha256(folder.parent / path) == sha256:
                    continue
            except OSError:
                pass
            yield path


def _looks_different(environment: str, record: bytes) -> Callable[[str], bool]:
    """Whether a file, by its path below site-packages, looks different than when the environment was built."""
    recorded = {
        path.partition("/site-packages/")[2]: (path, looks)
        for path, looks in recorded_outside(record).items()
    }

    def different(path: str) -> bool:
        found = recorded.get(path)
        if found is None:
            return False
        try:
            return look_outside(environment, found[0]) != found[1]
        except OSError:
            return True

    return different


HINT = (
    "install the earlier version on the host; "
    "or `envbuild lock --host-packages FILE` and `envbuild sync`"
)


def _version_now(one: InheritedDistribution) -> str | None:
    """The version of the package that is in the same folder now."""
    for folder in distribution_folders(Path(one.folder).parent):
        if normal_stem(folder) == one.name:
            try:
                found = read_distribution(folder)
            except OSError:
                continue
            if found is not None:
                return found.version
    return None
