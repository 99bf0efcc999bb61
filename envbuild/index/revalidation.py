"""Check whether indexes still list the files of a lockfile: each page once, in parallel."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError
from envbuild.requirement.parse import parse_version
from envbuild.target.wheel_choice import best_wheel
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.version import Version

    from envbuild.index.confirmed_choices import ConfirmedChoices
    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.page import IndexFile, ProjectPage
    from envbuild.index.reader import IndexClient
    from envbuild.resolution.resolution import LockedChoice

_SIDE_BY_SIDE = 32
"""Pages that are requested at a time."""


def revalidate(
    locations: IndexLocations,
    client: IndexClient,
    choices: Iterable[LockedChoice],
    confirmed: ConfirmedChoices,
) -> frozenset[LockedChoice]:
    """The choices that their page still lists; none of an index that fails."""
    alike: dict[LockedChoice, list[LockedChoice]] = {}
    for choice in choices:
        alike.setdefault(_without_variant(choice), []).append(choice)
    groups: dict[tuple[str, str], list[LockedChoice]] = {}
    for choice in alike:
        groups.setdefault((choice.index, choice.package), []).append(choice)

    listed: list[LockedChoice] = []
    others: list[tuple[IndexLocation, list[LockedChoice]]] = []
    for (index, package), group in groups.items():
        location = locations.holding(index, package)
        if _are_confirmed(confirmed, client.held_digest(location, package), group):
            listed += group
        else:
            others.append((location, group))
    if others:
        listed += _ask(client, others, confirmed)
        confirmed.write()
    return frozenset(choice for one in listed for choice in alike[one])


def _ask(
    client: IndexClient,
    groups: list[tuple[IndexLocation, list[LockedChoice]]],
    confirmed: ConfirmedChoices,
) -> Iterator[LockedChoice]:
    """The choices that their pages still list, by pages that an index has to be asked for, or that are read again."""
    from envbuild.posix.workers import Workers

    def look(location: IndexLocation, group: list[LockedChoice]) -> list[LockedChoice]:
        package = group[0].package
        try:
            if _are_confirmed(confirmed, client.page_digest(location, package), group):
                return group
            page = client.project_page(location, package)
        except IndexFailureError:
            return []
        wheels = _wheels(page, {parse_version(choice.version) for choice in group})
        found = [one for one in group if _is_listed(wheels[parse_version(one.version)], one)]
        for one in found:
            confirmed.add(page.digest, one)
        return found

    with Workers(_SIDE_BY_SIDE, thread_name_prefix="pages") as pool:
        for found in pool.map(look, *zip(*groups, strict=True)):
            yield from found


def _are_confirmed(
    confirmed: ConfirmedChoices, digest: str | None, group: list[LockedChoice]
) -> bool:
    return digest is not None and all(confirmed.has(digest, choice) for choice in group)


def _without_variant(choice: LockedChoice) -> LockedChoice:
    """The choice for its Python and platform: a page answers the same for each variant that takes the file."""
    if choice.target.variant is None:
        return choice
    return replace(choice, target=replace(choice.target, variant=None))


def _wheels(page: ProjectPage, versions: Iterable[Version]) -> dict[Version, list[IndexFile]]:
    """The wheels of each version, however file names spell it."""
    from envbuild.index.page_versions import version_of

    found: dict[Version, list[IndexFile]] = {version: [] for version in versions}
    for name, place in page.wheels_of(set(map(_release, found))):
        version = version_of(page.name, name)
        if version is not None and version in found:
            found[version].append(page.file_at(place))
    return found


def _is_listed(wheels: list[IndexFile], choice: LockedChoice) -> bool:
    """Whether the choice is the best wheel of its version, listed once, with its sha256, and not yanked."""
    listed = [file for file in wheels if file.filename == choice.file]
    return (
        len(listed) == 1
        and listed[0].sha256 == choice.sha256
        and listed[0].yanked is None
        and _runs_on(listed[0].requires_python, choice.target.newest_python)
        and best_wheel((file.filename for file in wheels), choice.target) == choice.file
    )


def _release(version: Version) -> tuple[int, ...]:
    """The numbers that every spelling of a version has: (1, 12) of 1.12.0, which may be written 1.12 or v01.12.0.0."""
    numbers = list(version.release)
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


@cache
def _runs_on(requires_python: str | None, python: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return requires_python is None or SpecifierSet(requires_python).contains(python)
    except InvalidSpecifier:
        return False
