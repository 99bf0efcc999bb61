"""Whether two locked packages of one version are the same files: one may be built from another commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.source import URL, is_source, kind_of
from envbuild.declaration.tree_name import parse_tree_name
from envbuild.lockfile.lockfile import INHERITED

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import LockedPackage

_SHORT = 12
"""Digits of a digest or a commit in messages."""


def same_source(one: LockedPackage, other: LockedPackage) -> bool:
    """Whether both come from indexes or hosts, or from sources that have a file in common.

    Wheels of one declared list of addresses are the same source, whatever platforms each is locked for.
    """
    sourced = is_sourced(one), is_sourced(other)
    if not all(sourced):
        return not any(sourced)
    if one.index == other.index and kind_of(one.index) == URL:
        return True
    return not {file.sha256 for file in one.files}.isdisjoint(file.sha256 for file in other.files)


def is_sourced(package: LockedPackage) -> bool:
    """Whether it comes from a source, and neither from an index nor from the host."""
    return is_source(package.index) and package.index != INHERITED


def source_words(package: LockedPackage) -> str:
    """`git 0123456789ab`, `path 89abcdef0123`, `an index`, or `the host`."""
    if not is_sourced(package):
        return "the host" if package.index == INHERITED else "an index"
    file = package.files[0]
    commit = parse_tree_name(file.name)[2] if file.name.endswith(".tree") else None
    return f"{kind_of(package.index)} {(commit or file.sha256)[:_SHORT]}"


def version_words(package: LockedPackage) -> str:
    """Its version; with a source, where it comes from too: `1.0 (git 0123456789ab)`."""
    source = f" ({source_words(package)})" if is_sourced(package) else ""
    return f"{package.version}{source}"
