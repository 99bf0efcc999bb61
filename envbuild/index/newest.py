"""The newest versions of locked packages on their indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.index.page_parser import page_of
from envbuild.index.page_versions import versions_on_page
from envbuild.index.static_walk import joined
from envbuild.lockfile.warnings import yank_reason
from envbuild.posix.workers import side_by_side
from envbuild.requirement.parse import parse_version
from envbuild.resolution.joint_request import joint_inputs_request
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.version import Version

    from envbuild.index.locations import IndexLocations
    from envbuild.index.page import ProjectPage
    from envbuild.index.page_versions import PageVersions
    from envbuild.index.reader import IndexClient
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.target.target import Target

_SIDE_BY_SIDE = 8


@value
class Question:
    """A locked package on a target."""

    package: LockedPackage
    target: Target
    ranges: tuple[str, ...]
    """The specifiers within which a newer version is looked for first."""


@value
class Newest:
    """What the index has of the package of a question."""

    admitted: str | None
    """The newest version in the ranges that the target can take; None if there is none."""

    newest: str | None
    """The newest version of all; a pre-release only if the locked version is one, or there is no other."""

    obstacle: str | None
    """Why the target cannot take the newest version, one of `warnings.REASONS`; None if it can."""

    yanked: str | None
    """Why the locked version is yanked now (PEP 592), empty without a reason; None if it is not."""

    status: str | None
    """The project's status (PEP 792) if it is not active, such as `archived`; `removed` if it has no page."""


def find_newest(
    client: IndexClient,
    locations: IndexLocations,
    lockfile: Lockfile,
    questions: Sequence[Question],
) -> tuple[Newest, ...]:
    """The answer to each question; IndexAnswerError if a page cannot be read."""
    places = list(dict.fromkeys((one.package.index, one.package.name) for one in questions))

    def ask(place: tuple[str, str]) -> ProjectPage:
        index, package = place
        try:
            return client.project_page(locations.holding(index, package), package)
        except IndexAnswerError as error:
            if error.answer.fault is not Fault.NOT_FOUND:
                raise
            return page_of(package, (), status="removed")

    pages = dict(zip(places, side_by_side(ask, places, most=_SIDE_BY_SIDE), strict=True))
    return tuple(
        _answer(pages[one.package.index, one.package.name], lockfile, one) for one in questions
    )


def _answer(page: ProjectPage, lockfile: Lockfile, question: Question) -> Newest:
    request = joint_inputs_request((lockfile.driver,), (lockfile.inputs,), question.target)
    listed = versions_on_page(page, request)
    newest = _newest(listed, question.package.version)
    admitted = next(
        (one for one in listed.versions(joined(question.ranges)) if not listed.obstacle(one)), None
    )
    return Newest(
        admitted=None if admitted is None else str(admitted),
        newest=None if newest is None else str(newest),
        obstacle=None if newest is None else listed.obstacle(newest),
        yanked=_yanked(page, question),
        status=page.status,
    )


def _newest(listed: PageVersions, locked: str) -> Version | None:
    early = parse_version(locked).is_prerelease or None
    return next(iter(listed.versions(SpecifierSet(prereleases=early))), None)


def _yanked(page: ProjectPage, question: Question) -> str | None:
    names = {file.name for file in question.package.files if question.target in file.targets}
    found = (page.file(name) for name in sorted(names))
    reasons = (file.yanked for file in found if file is not None and file.yanked is not None)
    reason = next(reasons, None)
    return None if reason is None else yank_reason(reason)
