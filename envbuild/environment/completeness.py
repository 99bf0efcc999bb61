"""Whether an environment has exactly the distributions that it should have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.requirement.parse import normalized_name

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 5


def find_gaps(folders: Iterable[str], wanted: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """One sentence for each distribution that is missing or unexpected; empty if there is none.

    `folders` has the names of the `NAME-VERSION.dist-info` folders, `wanted` normalised names and versions.
    """
    stems = (folder.removesuffix(".dist-info").rpartition("-") for folder in folders)
    found = _by_identity((name, version) for name, _, version in stems)
    expected = _by_identity(wanted)
    missing, unexpected = expected.keys() - found.keys(), found.keys() - expected.keys()
    gaps = [
        *(f"{expected[identity]} is not installed" for identity in sorted(missing)),
        *(f"{found[identity]} was not requested" for identity in sorted(unexpected)),
    ]
    return (*gaps[:_SHOWN], f"and {len(gaps) - _SHOWN} more") if len(gaps) > _SHOWN else tuple(gaps)


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
