"""Packages that an environment takes from the host, and that the host has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.contents import record_digest
from envbuild.environment.installed import parse_distribution
from envbuild.finding import Code, Finding
from envbuild.lean_json import read_ordinary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.environment.derivation import InheritedDistribution


def host_changes(subject: str, inherited: Iterable[InheritedDistribution]) -> Iterator[Finding]:
    """A finding for each whose RECORD is not the one that it was built with."""
    for one in inherited:
        folder = Path(one.folder)
        if record_digest(folder) == one.record:
            continue
        now = f"and is {version} now" if (version := _version_now(one)) else "and is gone"
        if version == one.version:
            now = "and its RECORD is another one now"
        yield Finding(
            code=Code.INHERITED,
            subject=subject,
            message=f"the host's {one.name} was {one.version}, {now} ({folder.parent})",
            hint=HINT,
        )


HINT = (
    "install what it was on the host again; "
    "or `envbuild lock --host-packages FILE` and `envbuild sync`"
)


def _version_now(one: InheritedDistribution) -> str | None:
    """The version of the package that is in the same folder now."""
    for metadata in sorted(Path(one.folder).parent.glob("*.dist-info/METADATA")):
        stem = metadata.parent.name.partition("-")[0].lower().replace("_", "-").replace(".", "-")
        if stem != one.name:
            continue
        try:
            found = parse_distribution(read_ordinary(metadata))
        except OSError:
            continue
        if found is not None:
            return found.version
    return None
