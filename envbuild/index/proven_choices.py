"""What uv would choose for a target, where that follows from what it chose for another; then uv is not asked.

Most targets of a driver get the same versions, and a run of uv takes as long as everything else for a target.

**What is proven.** A run of uv for one target is decided by what it is asked, and by the answers to three questions:
which requirements hold on the target, which versions are usable there (whether a version has a wheel with fitting tags
and `Requires-Python`), and whether METADATA admits the target's Python.
uv takes the first usable version in a range, final ones before pre-releases and newer ones before older ones;
it reads that version's METADATA, and goes back where requirements exclude each other.
Let uv have chosen the pins on target A. It takes the same steps on target B, if

1. it is asked the same (`same_request`: requirements, constraints, overrides, limits on age, told METADATA);
2. every version whose METADATA it read for A is usable on B as well, and its METADATA, that of the best wheel
   on either target, says the same of both (`TargetPair`);
3. no version that B can use and A cannot comes before the version that it took,
   in a range that it looked at (`reading`).

By induction over the steps: up to some step both runs know the same.
If the next step reads METADATA, both read the same.
If it takes a version in a range, the run for A took the first usable one, `v`.
`v` is usable on B by 2,
and nothing that only B can use comes before it by 3. So the run for B takes `v`.
A version that only A can use, and whose METADATA was not read, was never the first of a range:
the run for A stopped before it each time, and so does the run for B.

**What was read.** The router notes each METADATA that it is asked for. Its address is new in this command,
so uv's cache has none from before; where the address is not new, nothing is proven (`UvIndexes.proven`).
METADATA that other runs asked for is noted as well: what A can use of it counts as read,
which makes more to compare, and no proof wrong.

**Which ranges, if uv did not go back.** Assume that no METADATA was read of a version that comes before its pin.
Then METADATA was read of the pins alone. For the first other one was of a package that the driver or a pin requires,
so it has a pin; only requirements of the driver and of pins had been read, and all of these admit the pin;
so what uv took came before the pin. Every range thus admits the pin, and only versions before it count for 3.

**Which ranges, if it did.** Every package is compared that is named by a requirement of what may have been read.
A version `y` that only B can use counts if one of the requirements on its package admits it, unless it is harmless.
It is harmless if no version below it was read, and if there is a version `u` that A can use, that was not read,
and that every requirement admits which admits `y`. For a range that has `y` comes of requirements that admit `y`,
less versions that were read or that are not usable, as these are all that uv learns to exclude.
So it has `u`, and the run for A took one there: it was read, so it is above `y`, and comes before it.

**Where nothing is proven**: packages of the host, pins to keep, wheels with unusual names or tags,
METADATA or markers that cannot be judged. Then uv is asked.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError
from envbuild.index.newest_choices import choose_newest
from envbuild.index.once import Once
from envbuild.index.page_versions import is_age, moment_of
from envbuild.index.reading import ChosenReleases, compare_readings, read_by
from envbuild.index.same_request import compare_requests, seen_target
from envbuild.index.served_answers import ServedAnswers
from envbuild.index.target_pair import TargetPair
from envbuild.index.target_view import TargetView
from envbuild.requirement.parse import parse_version, settled_requirements
from envbuild.resolution.tools import ListedPackage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.index.reading import NamedVersion, Reading
    from envbuild.index.router import IndexRouter
    from envbuild.resolution.resolution import ListedFile, ResolveRequest
    from envbuild.target.target import Target


class _Run:
    """An answer of uv, and what it read for it, which is looked up once, after the run."""

    def __init__(
        self, answer: ChosenReleases, begun: datetime, reading: Reading | None = None
    ) -> None:
        """`reading` is what was read, where that is known."""
        self.answer = answer
        self.begun = begun
        self._known = reading
        self._reading: Once[Reading] = Once()

    def reading(self, served: ServedAnswers, view: TargetView) -> Reading:
        """ValueError as from `read_by`."""
        return self._known or self._reading.get(None, lambda: read_by(served, view, self.answer))


class ProvenRuns:
    """The answers of uv over one router; safe to share between threads."""

    def __init__(self, router: IndexRouter, *, patience: float) -> None:
        """The router's address is new: no cache has answers that it does not know of.

        `patience` is how many seconds may go by until uv is asked.
        """
        self._patience = patience
        self._served = ServedAnswers(router)
        self._views: dict[tuple[object, ...], TargetView] = {}
        self._pairs: dict[tuple[object, ...], TargetPair] = {}
        self._runs: dict[str, list[_Run]] = {}
        self._going_back: set[str] = set()
        self._guard = Lock()

    def learn(
        self, request: ResolveRequest, packages: tuple[ListedPackage, ...], begun: datetime
    ) -> None:
        """As in `ProvenChoices`."""
        with suppress(ValueError):
            files = {(one.name, parse_version(one.version)): one.files for one in packages}
            self._add(
                _Run(ChosenReleases(request=request, files=files, told=_told(request)), begun)
            )

    def _add(self, run: _Run) -> None:
        with self._guard:
            self._runs.setdefault(run.answer.request.driver, []).append(run)

    def find(self, request: ResolveRequest) -> tuple[ListedPackage, ...] | None:
        """As in `ProvenChoices`."""
        with self._guard:
            runs = tuple(self._runs.get(request.driver, ()))
        for run in runs:
            with suppress(ValueError, EnvbuildError):
                compare_requests(run.answer.request, request)
                return self._carried_over(run, request)
        return self._newest(request)

    def _newest(self, request: ResolveRequest) -> tuple[ListedPackage, ...] | None:
        """The answer if uv need not go back for it; a driver for which it may is not tried again."""
        if request.driver not in self._going_back:
            with suppress(ValueError, EnvbuildError):
                begun = datetime.now(UTC)
                view = self._view(request.target, request, (begun,))
                reading = choose_newest(
                    self._served, view, request, _told(request), seconds=self._patience
                )
                self._add(_Run(reading.answer, begun, reading))
                return _packages(reading.answer.files)
            self._going_back.add(request.driver)
        return None

    def _carried_over(self, run: _Run, request: ResolveRequest) -> tuple[ListedPackage, ...]:
        """The run's choices with the files that the request's target can take; ValueError if they may be others."""
        times = (run.begun, datetime.now(UTC))
        before = self._view(run.answer.request.target, request, times)
        now = self._view(request.target, request, times)
        ends = (id(before), id(now))
        if ends not in self._pairs:
            self._pairs[ends] = TargetPair(self._served, before, now)
        return _packages(compare_readings(self._pairs[ends], run.reading(self._served, before)))

    def _view(
        self, target: Target, request: ResolveRequest, times: tuple[datetime, ...]
    ) -> TargetView:
        """Its judgements are kept for all drivers, unless limits on age move while they are locked."""
        limits = (request.exclude_newer, request.exclude_newer_packages)
        moves = any(map(is_age, (limits[0], *dict(limits[1]).values())))

        def moments_of(package: str) -> tuple[datetime, ...]:
            limit = request.limit_of(package)
            return () if limit is None else tuple(moment_of(limit, time) for time in times)

        seen = seen_target(target)
        key = (seen, limits, times if moves else ())
        if key not in self._views:
            self._views[key] = TargetView(self._served, seen, moments_of)
        return self._views[key]


def _told(request: ResolveRequest) -> dict[NamedVersion, tuple[str, ...]]:
    """What the resolver is told that releases require. ValueError if a version is none."""
    return {
        (one.name, parse_version(one.version)): settled_requirements(one.requires, request.target)
        for one in (*request.known, *request.told)
    }


def _packages(
    files: Mapping[NamedVersion, tuple[ListedFile, ...]],
) -> tuple[ListedPackage, ...]:
    return tuple(
        ListedPackage(name=name, version=str(version), files=listed)
        for (name, version), listed in files.items()
    )
