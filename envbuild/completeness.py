"""Whether an environment holds all that its distributions say they installed."""

from __future__ import annotations

import base64
import binascii
import csv
from io import StringIO
from posixpath import normpath
from typing import TYPE_CHECKING

from envbuild.requirement_text import normalized_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.receipt import FileEntry

_SHOWN = 5


def find_gaps(
    *,
    files: Iterable[FileEntry],
    records: Mapping[str, str],
    site_packages: str,
    wanted: Iterable[tuple[str, str]],
) -> tuple[str, ...]:
    """One sentence for each thing that is missing, changed or too many; empty where all is well.

    `records` maps each `NAME-VERSION.dist-info` folder to its RECORD's text (PEP 376, 427),
    empty where it is gone;
    `site_packages` is relative to the environment, `wanted` gives normalised names and versions.
    A path that several wheels own counts as whole when it is what one of them recorded.
    """
    present = {file.path: file for file in files}
    gaps = [*_distribution_gaps(records, wanted)]
    claims: dict[str, list[tuple[str, str]]] = {}
    for folder, text in records.items():
        rows = _rows(text)
        if not rows:
            gaps.append(f"{folder} has no RECORD that can be read")
        for path, digest in rows:
            claims.setdefault(normpath(f"{site_packages}/{path}"), []).append((folder, digest))
    for path, owners in claims.items():
        gaps += _file_gaps(path, present.get(path), owners)
    return (*gaps[:_SHOWN], f"and {len(gaps) - _SHOWN} more") if len(gaps) > _SHOWN else tuple(gaps)


def _distribution_gaps(
    records: Mapping[str, str], wanted: Iterable[tuple[str, str]]
) -> Iterator[str]:
    stems = (folder.removesuffix(".dist-info").rpartition("-") for folder in records)
    found = _by_identity((name, version) for name, _, version in stems)
    expected = _by_identity(wanted)
    for identity in sorted(expected.keys() - found.keys()):
        yield f"{expected[identity]} is not installed"
    for identity in sorted(found.keys() - expected.keys()):
        yield f"{found[identity]} was never asked for"


def _by_identity(distributions: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Each distribution's `name version` by what says that two spellings mean the same one."""
    return {
        (normalized_name(name), _normalized_version(version)): f"{name} {version}"
        for name, version in distributions
    }


def _normalized_version(text: str) -> str:
    """The version as PEP 440 compares it; folder names may spell a local version's `+` as `_`."""
    from packaging.utils import canonicalize_version

    known = canonicalize_version(text)
    return canonicalize_version(text.replace("_", "+", 1)) if "_" in known else known


def _file_gaps(path: str, file: FileEntry | None, owners: list[tuple[str, str]]) -> Iterator[str]:
    if file is None:
        yield f"{path} is missing (recorded by {owners[0][0]})"
        return
    digests = [digest for _, digest in owners]
    if all(digests) and _encoded(file.sha256) not in digests:
        yield f"{path} is not what {owners[0][0]} recorded"


def _rows(text: str) -> list[tuple[str, str]]:
    """Path and sha256 (urlsafe base64, unpadded; empty where none) of every row; [] for no RECORD."""
    try:
        rows = [row for row in csv.reader(StringIO(text, newline="")) if row and row[0]]
    except csv.Error:
        return []
    return [(row[0], _sha256(row[1]) if len(row) > 1 else "") for row in rows]


def _sha256(digest: str) -> str:
    algorithm, _, value = digest.partition("=")
    return value.rstrip("=") if algorithm == "sha256" else ""


def _encoded(sha256: str) -> str:
    return base64.urlsafe_b64encode(binascii.unhexlify(sha256)).decode().rstrip("=")
