"""Whether an environment has everything that its distributions say they installed."""

from __future__ import annotations

from posixpath import normpath
from typing import TYPE_CHECKING

from envbuild.requirement.parse import normalized_name
from envbuild.wheelcache.record import parse_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.environment.content_digest import FileEntry

_SHOWN = 5


def find_gaps(
    *,
    files: Iterable[FileEntry],
    records: Mapping[str, str],
    site_packages: str,
    whole: Iterable[str] = (),
    wanted: Iterable[tuple[str, str]],
) -> tuple[str, ...]:
    """One sentence for each thing that is missing, changed or unexpected; empty if there is none.

    `records` maps each `NAME-VERSION.dist-info` folder to its RECORD's text (PEP 376, 427), empty if it is missing.
    `whole` has the folders whose files are known to be complete.
    `site_packages` is relative to the environment, `wanted` gives normalised names and versions.
    If several wheels have a path, it is intact if it has the content that one of them recorded.
    """
    gaps = [*_distribution_gaps((*records, *whole), wanted)]
    claims: dict[str, list[tuple[str, str]]] = {}
    for folder, text in records.items():
        rows = parse_record(text)
        if not rows:
            gaps.append(f"{folder} has no RECORD that can be read")
        for path, digest, _ in rows:
            place = f"{site_packages}/{path}"
            if "/." in place or "//" in place:
                place = normpath(place)
            claims.setdefault(place, []).append((folder, digest))
    present = {file.path: file for file in files if file.path in claims}
    for path, owners in claims.items():
        file = present.get(path)
        if file is None or (file.sha256 != owners[0][1] and owners[0][1]):
            gaps += _file_gaps(path, file, owners)
    return (*gaps[:_SHOWN], f"and {len(gaps) - _SHOWN} more") if len(gaps) > _SHOWN else tuple(gaps)


def _distribution_gaps(folders: Iterable[str], wanted: Iterable[tuple[str, str]]) -> Iterator[str]:
    stems = (folder.removesuffix(".dist-info").rpartition("-") for folder in folders)
    found = _by_identity((name, version) for name, _, version in stems)
    expected = _by_identity(wanted)
    for identity in sorted(expected.keys() - found.keys()):
        yield f"{expected[identity]} is not installed"
    for identity in sorted(found.keys() - expected.keys()):
        yield f"{found[identity]} was not requested"


def _by_identity(distributions: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Each distribution's `name version`, by its normalised form."""
    return {
        (normalized_name(name), _normalized_version(version)): f"{name} {version}"
        for name, version in distributions
    }


def _normalized_version(text: str) -> str:
    """The version as PEP 440 compares it; folder names may write a local version's `+` as `_`."""
    from packaging.utils import canonicalize_version

    known = canonicalize_version(text)
    return canonicalize_version(text.replace("_", "+", 1)) if "_" in known else known


def _file_gaps(path: str, file: FileEntry | None, owners: list[tuple[str, str]]) -> Iterator[str]:
    if file is None:
        yield f"{path} is missing (recorded by {owners[0][0]})"
        return
    digests = [digest for _, digest in owners]
    if file.sha256 not in digests and all(digests):
        yield f"{path} is not what {owners[0][0]} recorded"
