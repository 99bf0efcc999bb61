"""What uv would choose if it never has to go back; then uv is not asked at all.

Most small services get the newest version of everything that they require.

**What is proven.** uv takes the first usable version in a range, final ones before pre-releases and newer ones
before older ones. The range of a package comes from the requirements on it that were read, and of the driver's own
and its constraints, which are known from the beginning.
Let each package have a pin that is the first usable version for every single requirement on it,
together with those known from the beginning. Then it is the first for every combination of them,
in whatever order they are read: the pin is in it, and what comes before the pin is in none of them.
So uv takes the pin whenever it decides on a package. It reads METADATA of pins only, and nothing excludes a pin.
In the end it has what follows from the driver's requirements, and that is what is computed here.

**Where nothing is proven**: specifiers that are not `_FINAL`, markers that are `_NOT_JUDGED`, pre-releases,
bounds between a version and its local ones, withdrawn files, builds, overrides,
and METADATA that cannot be judged. Then uv is asked.
"""

from __future__ import annotations

import re
from collections import defaultdict
from time import monotonic
from typing import TYPE_CHECKING

from envbuild.index.reading import ChosenReleases, Reading, RequiredRanges
from envbuild.requirement.parse import parse_requirement, settled_requirements
from envbuild.target.wheel_choice import is_stand_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.version import Version

    from envbuild.index.reading import NamedVersion
    from envbuild.index.served_answers import ServedAnswers
    from envbuild.index.target_view import TargetView
    from envbuild.requirement.parse import PublishedRequirement
    from envbuild.resolution.resolution import ResolveRequest

_NUMBER = r"[0-9]+(?:\.[0-9]+)*"
_FINAL = re.compile(rf"(?:\s*(?:(?:[<>]=?|~=)\s*{_NUMBER}|[=!]=\s*{_NUMBER}(?:\.\*)?)\s*(?:,|$))*")
"""Specifiers of final versions; of others, uv's and `packaging`'s rules have not been compared."""

_NOT_JUDGED = re.compile(r"\bplatform_(?:release|version)\b|\bimplementation_version\b|extra\s*!=")
"""Parts of markers that are not compared."""


def choose_newest(
    served: ServedAnswers,
    view: TargetView,
    request: ResolveRequest,
    told: Mapping[NamedVersion, tuple[str, ...]],
    *,
    seconds: float,
) -> Reading:
    """What is chosen for a request, and what is read for it. ValueError if uv may choose other versions.

    `view` is of the request's target; `told` is what the resolver is told that releases require.
    ValueError also after this many `seconds`: a chain of requirements may have no end.
    IndexAnswerError if an index does not answer.
    """
    if request.overrides or request.inherited or request.pins:
        raise ValueError("overrides, packages of the host, and pins to keep, are not judged")
    return _Choice(served, view, request, told).reading(monotonic() + seconds)


class _Choice:
    """An answer on its way."""

    def __init__(
        self,
        served: ServedAnswers,
        view: TargetView,
        request: ResolveRequest,
        told: Mapping[NamedVersion, tuple[str, ...]],
    ) -> None:
        self._served = served
        self._view = view
        self._request = request
        self._told = told
        self._bounds: defaultdict[str, set[str]] = defaultdict(set)
        self._ranges: defaultdict[str, set[str]] = defaultdict(set)
        self._extras: defaultdict[str, set[str]] = defaultdict(set)
        self._pins: dict[str, Version] = {}

    def reading(self, until: float) -> Reading:
        """As in `choose_newest`."""
        target = self._request.target
        asked = self._holding(settled_requirements(self._request.requires, target))
        bounds = self._holding(settled_requirements(self._request.constraints, target))
        for one in (*asked, *bounds):
            self._bounds[one.name].add(one.specifier)
        while asked:
            if monotonic() >= until:
                raise ValueError("it takes too long")
            asked = [one for name in self._add(asked) for one in self._required_by(name)]
        return self._read()

    def _add(self, asked: Iterable[PublishedRequirement]) -> Iterable[str]:
        """Take the packages of these requirements; those come back that require more than before."""
        grown: dict[str, None] = {}
        self._served.ask({one.name for one in asked})
        for one in asked:
            known = (one.specifier, *self._bounds.get(one.name, ()))
            first = self._view.first_version(one.name, frozenset(known))
            if self._pins.setdefault(one.name, first) != first:
                raise ValueError(f"requirements on {one.name} have different first versions")
            self._ranges[one.name].add(one.specifier)
            if one.name not in self._extras or not self._extras[one.name].issuperset(one.extras):
                self._extras[one.name].update(one.extras)
                grown[one.name] = None
        self._served.read_ahead(
            (name, self._wheel(name))
            for name in grown
            if (name, self._pins[name]) not in self._told
        )
        return grown

    def _wheel(self, name: str) -> str:
        wheel = self._view.preferred(name, self._pins[name])
        if wheel is None or is_stand_in(wheel.filename):
            raise ValueError(f"{name} has to be built")
        return wheel.filename

    def _required_by(self, name: str) -> list[PublishedRequirement]:
        """What a chosen package requires with the extras that were requested so far."""
        extras = frozenset(self._extras[name])
        release = (name, self._pins[name])
        if release in self._told:
            return self._holding(self._told[release], extras)
        metadata = self._served.metadata(name, self._wheel(name))
        if (metadata.name, metadata.version) != release:
            raise ValueError(f"METADATA of {name} is another package's")
        if not self._view.admits_python(metadata.requires_python):
            raise ValueError(f"METADATA of {name} does not admit the target's Python")
        return self._holding(metadata.requires, extras)

    def _holding(
        self, texts: Iterable[str], extras: frozenset[str] = frozenset()
    ) -> list[PublishedRequirement]:
        """The requirements that hold with one of the extras, or without. ValueError if one is not judged."""
        found: list[PublishedRequirement] = []
        for text in texts:
            one = parse_requirement(text)
            if _NOT_JUDGED.search(one.marker):
                raise ValueError(f"{text!r} is not judged")
            if any(self._view.outcomes(one.marker, extras)):
                if "@" in text.partition(";")[0] or not _FINAL.fullmatch(one.specifier):
                    raise ValueError(f"{text!r} is not judged")
                found.append(one)
        return found

    def _read(self) -> Reading:
        return Reading(
            answer=ChosenReleases(
                request=self._request,
                files={release: self._view.files(*release) for release in self._pins.items()},
                told=self._told,
            ),
            went_back=False,
            wheels={release: self._wheel(release[0]) for release in self._pins.items()},
            demands={
                name: RequiredRanges(
                    ranges=frozenset(self._ranges[name] | self._bounds.get(name, set())),
                    extras=frozenset(self._extras[name]),
                )
                for name in self._pins
            },
        )
