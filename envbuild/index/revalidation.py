"""Check whether indexes still list the files of a lockfile: each page once, in parallel.

A page that is still valid (RFC 9111) is not requested, as uv does;
an unchanged page is not parsed again.
"""

from __future__ import annotations

import hashlib
import time
from functools import cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError
from envbuild.index.page_memory import SeenPage
from envbuild.index.page_scan import wheels_of_version
from envbuild.index.page_store import lifetime
from envbuild.index.reader import page_url
from envbuild.requirement.parse import parse_version
from envbuild.target.wheel_choice import best_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.page import IndexFile, ProjectPage
    from envbuild.index.page_memory import PageMemory
    from envbuild.index.reader import IndexClient
    from envbuild.index.web import Reply
    from envbuild.resolution.resolution import LockedChoice


_SIDE_BY_SIDE = 32
"""Pages that are requested at a time."""

_READ = 4
"""Pages that are parsed at a time: some have megabytes, and Python parses one at a time anyway."""


class Revalidation:
    """Finds the locked choices that are still listed."""

    def __init__(
        self,
        locations: IndexLocations,
        client: IndexClient,
        memory: PageMemory,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._locations = locations
        self._client = client
        self._memory = memory
        self._clock = clock
        self._readers = BoundedSemaphore(_READ)

    def revalidate(self, choices: Iterable[LockedChoice]) -> frozenset[LockedChoice]:
        """The choices that their page still lists; none for a folder, or an index that fails."""
        groups: dict[tuple[str, str], list[LockedChoice]] = {}
        for choice in choices:
            groups.setdefault((choice.index, choice.package), []).append(choice)
        now = self._clock()
        left = {page: group for page, group in groups.items() if not self._is_known(group, now)}
        confirmed = {
            choice for page, group in groups.items() if page not in left for choice in group
        }
        if left:
            from envbuild.posix.workers import Workers

            with Workers(_SIDE_BY_SIDE, thread_name_prefix="pages") as pool:
                for found in pool.map(self._look, left.values()):
                    confirmed.update(found)
            self._memory.save(self._clock())
        return frozenset(confirmed)

    def _is_known(self, group: list[LockedChoice], now: float) -> bool:
        """Whether all choices of a package are in a cached result that is still valid."""
        location = self._locations.holding(group[0].index, group[0].package)
        if location.folder is not None or location.is_flat:
            return False
        seen = self._memory.get(page_url(location, group[0].package))
        return seen is not None and seen.is_fresh(now) and _knows(seen, group)

    def _look(self, group: list[LockedChoice]) -> list[LockedChoice]:
        """The choices of one package that are still listed."""
        location = self._locations.holding(group[0].index, group[0].package)
        try:
            if location.folder is not None or location.is_flat:
                page = self._client.project_page(location, group[0].package)
                return [choice for choice in group if is_listed(_wheels(page, choice), choice)]
            seen = self._client.mirrors.ask(location, lambda place: self._ask(place, group))
        except IndexFailureError:
            return []
        return [choice for choice in group if choice_line(choice) in seen.choices]

    def _ask(self, location: IndexLocation, group: list[LockedChoice]) -> SeenPage:
        """The current page; it is parsed only if it has changed, or more choices are needed."""
        package = group[0].package
        url = page_url(location, package)
        seen = self._memory.get(url)
        known = seen if seen is not None and _knows(seen, group) else None
        asked = self._clock()
        etag = known.etag if known is not None else None
        with self._client.open_page(location, package, known=etag) as coming, self._readers:
            reply, body = coming()
            etag, digest = reply.headers.get("ETag"), _digest(reply, body)
            if known is not None and (reply.status == 304 or digest == known.digest):
                choices, digest, etag = known.choices, known.digest, etag or known.etag
            else:
                same = seen is not None and seen.digest == digest
                choices = _listed_choices(reply, body, group)
                choices |= seen.choices if same and seen is not None else frozenset()
        page = SeenPage(
            asked=asked,
            until=asked + lifetime(reply.headers),
            etag=etag,
            digest=digest,
            choices=choices,
        )
        self._memory.put(url, page)
        return page


def choice_line(choice: LockedChoice) -> str:
    """A choice as one line: everything but the package, which is the page's."""
    return f"{choice.version} {choice.file} {choice.sha256} {choice.target}"


def _knows(seen: SeenPage, group: list[LockedChoice]) -> bool:
    return all(choice_line(choice) in seen.choices for choice in group)


def _digest(reply: Reply, body: bytes) -> str:
    """Of what a page says: its type decides how its bytes are read."""
    found = hashlib.sha256(reply.headers.get("Content-Type", "").encode() + b"\n")
    found.update(body)
    return found.hexdigest()


def _listed_choices(reply: Reply, body: bytes, group: list[LockedChoice]) -> frozenset[str]:
    """The choices of a package that a page lists; none for a page that `page_scan` cannot read."""
    text, kind = body.decode(errors="replace"), reply.headers.get("Content-Type", "")
    found = set()
    try:
        for version in {choice.version for choice in group}:
            wheels = wheels_of_version(text, kind, version) or ()
            mine = (choice for choice in group if choice.version == version)
            found |= {choice_line(choice) for choice in mine if is_listed(wheels, choice)}
    except ValueError:  # an invalid entry, which parsing the whole page reports
        return frozenset()
    return frozenset(found)


def _wheels(page: ProjectPage, choice: LockedChoice) -> list[IndexFile]:
    """The wheels of the choice's version, however file names spell it."""
    version = parse_version(choice.version)
    return [file for file in page.files if file.is_wheel and file.version == version]


def is_listed(wheels: Iterable[IndexFile], choice: LockedChoice) -> bool:
    """Whether the choice is the best wheel of its version, listed once, with its sha256, and not yanked."""
    wheels = tuple(wheels)
    listed = [file for file in wheels if file.filename == choice.file]
    return (
        len(listed) == 1
        and listed[0].sha256 == choice.sha256
        and listed[0].yanked is None
        and _runs_on(listed[0].requires_python, choice.target.newest_python)
        and best_wheel((file.filename for file in wheels), choice.target) == choice.file
    )


@cache
def _runs_on(requires_python: str | None, python: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return requires_python is None or SpecifierSet(requires_python).contains(python)
    except InvalidSpecifier:
        return False
