"""Whether an environment holds all that its distributions say they installed."""

from __future__ import annotations

import base64
import binascii
import csv
from posixpath import normpath
from typing import TYPE_CHECKING

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
    `site_packages` is relative to the environment, `wanted` gives names and versions.
    A path that several wheels own counts as whole when it is what one of them recorded.
    """
    present = {file.path: file for file in files}
    gaps = [*_distribution_gaps(records, wanted)]
    claims: dict[str, list[tuple[str, str]]] = {}
    for folder, text in records.items():
        for path, digest in _rows(text):
            claims.setdefault(normpath(f"{site_packages}/{path}"), []).append((folder, digest))
    for path, owners in claims.items():
        gaps += _file_gaps(path, present.get(path), owners)
    return (*gaps[:_SHOWN], f"and {len(gaps) - _SHOWN} more") if len(gaps) > _SHOWN else tuple(gaps)


def _distribution_gaps(
    records: Mapping[str, str], wanted: Iterable[tuple[str, str]]
) -> Iterator[str]:
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    found = set()
    for folder in records:
        name, _, version = folder.removesuffix(".dist-info").rpartition("-")
        found.add((str(canonicalize_name(name)), Version(version)))
    expected = {(name, Version(version)) for name, version in wanted}
    yield from (f"{name} {version} is not installed" for name, version in sorted(expected - found))
    yield from (
        f"{name} {version} was never asked for" for name, version in sorted(found - expected)
    )


def _file_gaps(path: str, file: FileEntry | None, owners: list[tuple[str, str]]) -> Iterator[str]:
    if file is None:
        yield f"{path} is missing (recorded by {owners[0][0]})"
        return
    digests = [digest for _, digest in owners]
    if all(digests) and _encoded(file.sha256) not in digests:
        yield f"{path} is not what {owners[0][0]} recorded"


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """Path and sha256 (urlsafe base64, unpadded; empty where none) of every row."""
    for row in csv.reader(text.splitlines()):
        if len(row) >= 2:
            algorithm, _, digest = row[1].partition("=")
            yield row[0], digest if algorithm == "sha256" else ""


def _encoded(sha256: str) -> str:
    return base64.urlsafe_b64encode(binascii.unhexlify(sha256)).decode().rstrip("=")
