"""Ask the indexes why uv failed.

uv's exit codes and messages do not tell a failed index from contradicting ranges,
so after a failure envbuild asks the indexes what uv must have asked.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from envbuild.errors import EnvbuildError, IndexFailureError, Problem, UnsatisfiableError
from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError, bad_answer, problem_of
from envbuild.index.misnamed import look_for_misnamed, names_in
from envbuild.index.page_versions import version_of
from envbuild.index.static_walk import demanded_ranges, joined
from envbuild.posix.workers import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from packaging.specifiers import SpecifierSet

    from envbuild.index.locations import IndexLocation, IndexLocations
    from envbuild.index.page import ProjectPage
    from envbuild.index.reader import IndexClient
    from envbuild.resolution.resolution import ResolveRequest

_AT_ONCE = 8

T = TypeVar("T")


def diagnose_resolution(
    client: IndexClient,
    locations: IndexLocations,
    request: ResolveRequest,
    seen: Iterable[IndexAnswer] = (),
    timeless: Iterable[str] = (),
    words: str = "",
) -> EnvbuildError | None:
    """Why a resolution failed, if an index is the reason; None if all answered correctly.

    `seen` are the bad answers that a router saw, `timeless` the packages without upload times;
    `words` is uv's output, which names packages.
    The index of every directly required package is asked for its page.
    IndexFailureError for bad answers, and for indexes without the upload times that `exclude-newer` needs;
    UnsatisfiableError if there are only source distributions, which the declaration does not allow.
    """
    problems = problems_seen(seen)
    if problems:
        return IndexFailureError(problems)
    wanted = demanded_ranges(request, request.requires, {})
    pages: dict[str, ProjectPage] = {}

    def ask(package: str) -> None:
        location = locations.of(package)
        pages[package] = _page(client, location, package)

    problems = ask_all(sorted(wanted), ask)
    if problems:
        return IndexFailureError(problems)
    untold = [package for package, page in sorted(pages.items()) if not page.tells_times]
    if problems := _missing_times(locations, request, (*untold, *timeless)):
        return IndexFailureError(problems)

    def look(package: str) -> None:
        look_for_misnamed(client, locations.of(package), package, request)

    if problems := ask_all(names_in(words), look):
        return IndexFailureError(problems)
    unbuilt = [
        _only_source(package, version, locations.of(package), request.driver)
        for package in sorted(wanted.keys() - request.may_be_built)
        if (version := _version_without_wheel(pages[package], joined(wanted[package])))
    ]
    return UnsatisfiableError(unbuilt) if unbuilt else None


def problems_seen(seen: Iterable[IndexAnswer]) -> list[Problem]:
    """The bad answers except missing packages: a resolver asks for many that need not exist.

    A file that its page lists has to exist.
    """
    bad = (answer for answer in seen if answer.file or answer.fault is not Fault.NOT_FOUND)
    return list(dict.fromkeys(map(problem_of, bad)))


def ask_all(items: Sequence[T], ask: Callable[[T], Problem | None]) -> list[Problem]:
    """Ask several questions in parallel → every problem once, in order.

    The first index that cannot be reached ends it.
    """
    hopeless = threading.Event()

    def one(item: T) -> Problem | None:
        if hopeless.is_set():
            return None
        try:
            return ask(item)
        except IndexAnswerError as error:
            if error.answer.fault.concerns_whole_index:
                hopeless.set()
            return problem_of(error.answer)

    found = side_by_side(one, items, most=_AT_ONCE)
    return list(dict.fromkeys(problem for problem in found if problem is not None))


def _page(client: IndexClient, location: IndexLocation, package: str) -> ProjectPage:
    """The current page; a page without a file of the package is invalid."""
    page = client.project_page(location, package)
    if not any(version_of(package, name) for name, _ in page.names(withdrawn=True)):
        raise bad_answer(Fault.GARBAGE, location, package, reason="it lists no file")
    return page


def _missing_times(
    locations: IndexLocations, request: ResolveRequest, timeless: Iterable[str]
) -> list[Problem]:
    """One problem for each index, with its packages among the `timeless` that have a limit.

    A resolver takes a file without an upload time for one that is too young.
    """
    found: dict[str, list[str]] = {}
    for package in dict.fromkeys(timeless):
        if request.limit_of(package) is not None:
            found.setdefault(locations.of(package).name, []).append(package)
    return [_timeless(locations.named(name), packages, request) for name, packages in found.items()]


def _timeless(location: IndexLocation, packages: list[str], request: ResolveRequest) -> Problem:
    exempt = ", ".join(f"{package} = false" for package in packages)
    return Problem(
        message=(
            f"index '{location.name}' ({location.place}) gives no upload times, "
            f"so `exclude-newer` cannot be applied to {', '.join(packages)}"
        ),
        key=f"drivers.{request.driver}.exclude-newer",
        hint=f"exclude-newer-packages = {{ {exempt} }} allows releases of any age",
    )


def _version_without_wheel(page: ProjectPage, allowed: SpecifierSet) -> str | None:
    """The newest allowed version, if no allowed version has a wheel but one has a source distribution."""
    listed = [(name, version_of(page.name, name)) for name, _ in page.names(withdrawn=True)]
    versions = sorted(allowed.filter({version for _, version in listed if version is not None}))
    wheels = {version for name, version in listed if name.endswith(".whl")}
    if not versions or wheels.intersection(versions):
        return None
    return str(versions[-1])


def _only_source(package: str, version: str, location: IndexLocation, driver: str) -> Problem:
    return Problem(
        message=(
            f"only a source distribution exists of {package} {version} "
            f"on {location.words} ({location.place})"
        ),
        key=f"drivers.{driver}.requires",
        hint=(
            f'allow-sdist = ["{package}"] allows building it, which runs its code, '
            "or require a version with a wheel"
        ),
    )
