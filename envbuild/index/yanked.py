"""Locked files that their indexes have yanked (PEP 592)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError
from envbuild.posix.workers import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.index.locations import IndexLocations
    from envbuild.index.reader import IndexClient
    from envbuild.resolution.resolution import LockedChoice

_SIDE_BY_SIDE = 8


def yanked_files(
    client: IndexClient, locations: IndexLocations, choices: Iterable[LockedChoice]
) -> Mapping[str, str]:
    """sha256 → the page's reason, or empty; a page that cannot be read gives nothing."""
    groups: dict[tuple[str, str], list[LockedChoice]] = {}
    for choice in choices:
        groups.setdefault((choice.index, choice.package), []).append(choice)

    def look(page_of: tuple[str, str]) -> dict[str, str]:
        index, package = page_of
        location = locations.holding(index, package)
        try:
            page = client.project_page(location, package)
        except IndexFailureError:
            return {}
        return {
            choice.sha256: file.yanked
            for choice in groups[page_of]
            for file in page.named(choice.file)
            if file.yanked is not None
        }

    found = side_by_side(look, tuple(groups), most=_SIDE_BY_SIDE)
    return {sha256: reason for one in found for sha256, reason in one.items()}
