"""What a resolver may have read for one run, and whether it would read the same for another target."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from envbuild.requirement.parse import admits, parse_requirement, settled_requirements
from envbuild.target.wheel_choice import best_wheel
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from packaging.version import Version

    from envbuild.index.served_answers import ServedAnswers
    from envbuild.index.target_pair import TargetPair
    from envbuild.index.target_view import TargetView
    from envbuild.resolution.resolution import ListedFile, ResolveRequest

NamedVersion = tuple[str, "Version"]
"""A package, normalised, and a version."""


@value
class RequiredRanges:
    """What the driver and the METADATA that was read require of a package."""

    ranges: frozenset[str]
    """Of the requirements that hold on the target, and of the driver's constraints."""

    extras: frozenset[str]
    """Of all requirements, whether they hold or not."""


@value
class ChosenReleases:
    """What a resolver has chosen for a request."""

    request: ResolveRequest
    files: Mapping[NamedVersion, tuple[ListedFile, ...]]
    """The pins, each with the files that the resolver listed of it."""

    told: Mapping[NamedVersion, tuple[str, ...]]
    """What it was told that releases require, open markers settled."""


@value
class Reading:
    """What a resolver may have read for an answer."""

    answer: ChosenReleases
    went_back: bool
    """Whether it may have read METADATA of a version that it would take before the pin; else it read only the pins'."""

    wheels: Mapping[NamedVersion, str]
    """The releases whose METADATA it may have read, and in which wheel."""

    demands: Mapping[str, RequiredRanges]


class _Lookup:
    """Finds out what was read."""

    def __init__(self, served: ServedAnswers, view: TargetView, answer: ChosenReleases) -> None:
        self._served = served
        self._view = view
        self._told = answer.told
        self._chosen = {
            release: best_wheel((file.name for file in files), view.target)
            for release, files in answer.files.items()
        }

    def wheel(self, release: NamedVersion) -> str | None:
        """The wheel of a release that the target prefers; None if it can take none."""
        if release in self._chosen:
            return self._chosen[release]
        found = self._view.preferred(*release)
        return found.filename if found is not None else None

    def was_read(self, release: NamedVersion) -> bool:
        """Whether the resolver may have read a release's METADATA, or was told it."""
        wheel = self.wheel(release)
        return wheel is not None and (
            release in self._told or self._served.was_asked(release[0], wheel)
        )

    def versions(self, name: str) -> frozenset[Version]:
        """The versions of a package of which METADATA was asked for, by whomever, or told."""
        told = {version for package, version in self._told if package == name}
        return self._served.asked_versions(name) | told

    def requires(self, release: NamedVersion) -> tuple[str, ...]:
        """What a release requires as the resolver has read it."""
        if release in self._told:
            return self._told[release]
        return self._served.metadata(release[0], self.wheel(release) or "").requires

    def went_back(self, pins: Iterable[NamedVersion]) -> bool:
        """As in `Reading`."""
        return any(
            (version > pin or (pin.is_prerelease and version != pin))
            and self.was_read((name, version))
            for name, pin in pins
            for version in self.versions(name)
        )

    def reached(self, texts: Iterable[str]) -> Iterator[NamedVersion]:
        """Every release that may have been read on the way from these requirements."""
        waiting: list[Iterable[str]] = [texts]
        looked_at: set[str] = set()
        while waiting:
            for name in {parse_requirement(text).name for text in waiting.pop()} - looked_at:
                looked_at.add(name)
                for release in ((name, version) for version in self.versions(name)):
                    if self.was_read(release):
                        yield release
                        waiting.append(self.requires(release))

    def demands(
        self, releases: Iterable[NamedVersion], own: Iterable[str], constraints: Iterable[str]
    ) -> Mapping[str, RequiredRanges]:
        """What all of them require, and the driver."""
        required = [("", text) for text in own]
        required += [(one[0], text) for one in releases for text in self.requires(one)]
        extras: defaultdict[str, set[str]] = defaultdict(set)
        for _, text in required:
            one = parse_requirement(text)
            extras[one.name].update(one.extras)
        asked = {name: frozenset(found) for name, found in extras.items()}
        ranges: dict[str, set[str]] = {name: set() for name in extras}
        for name, text in required:
            one = parse_requirement(text)
            if any(self._view.outcomes(one.marker, asked.get(name, frozenset()))):
                ranges[one.name].add(one.specifier)
        for one in map(parse_requirement, constraints):
            if one.name in ranges:
                ranges[one.name].add(one.specifier)
        return {
            name: RequiredRanges(ranges=frozenset(found), extras=asked[name])
            for name, found in ranges.items()
        }


def read_by(served: ServedAnswers, view: TargetView, answer: ChosenReleases) -> Reading:
    """What was read for an answer, as its target is seen. ValueError if that cannot be said."""
    lookup = _Lookup(served, view, answer)
    asked = answer.request
    own = settled_requirements((*asked.requires, *asked.overrides), asked.target)
    went_back = lookup.went_back(answer.files)
    releases = tuple(lookup.reached(own) if went_back else answer.files)
    if not all(map(lookup.was_read, answer.files)):
        raise ValueError("METADATA of a chosen wheel was not asked for")
    demands = lookup.demands(releases, own, asked.constraints)
    if not (
        set(releases) >= answer.files.keys()
        and demands.keys() >= {name for name, _ in answer.files}
    ):
        raise ValueError("a package was chosen that nothing requires")
    return Reading(
        answer=answer,
        went_back=went_back,
        wheels={release: lookup.wheel(release) or "" for release in releases},
        demands=demands,
    )


def compare_readings(
    pair: TargetPair, reading: Reading
) -> Mapping[NamedVersion, tuple[ListedFile, ...]]:
    """The files that the second target can take of each pin of the first.

    ValueError if the resolver may take other versions on it. What takes no further reading is compared first.
    """
    read = [one for one in reading.wheels if one not in reading.answer.told]
    for name, version in read:
        extras = reading.demands[name].extras
        pair.compare_metadata(name, reading.wheels[name, version], extras)
    others = [one for one in reading.wheels if not pair.is_one_page(one[0])]
    for release in others:
        pair.compare_usable(*release)
    if reading.went_back:
        _compare_ranges(pair, reading)
    else:
        _compare_above_pins(pair, reading)
    pair.compare_wheels([one for one in others if one not in reading.answer.told])
    return {
        release: files if pair.is_one_page(release[0]) else pair.now.files(*release)
        for release, files in reading.answer.files.items()
    }


def _compare_above_pins(pair: TargetPair, reading: Reading) -> None:
    for name, pin in reading.answer.files:
        above = None if pin.is_prerelease else pin
        _refuse(name, pair.gained(name, reading.demands[name].ranges, above))


def _compare_ranges(pair: TargetPair, reading: Reading) -> None:
    read: defaultdict[str, set[Version]] = defaultdict(set)
    for name, version in reading.wheels:
        read[name].add(version)
    for name, demand in reading.demands.items():
        if not pair.is_one_page(name):
            _compare_range(pair, name, demand.ranges, read[name])


def _compare_range(
    pair: TargetPair, name: str, ranges: frozenset[str], read: Collection[Version]
) -> None:
    """A version below all that were read does not matter where the resolver would have read another one first."""
    if read and not any(version.is_prerelease for version in read):
        _refuse(name, pair.gained(name, ranges, min(read)))
        if pair.has_spare(name, ranges, read):
            return
        _refuse(
            name,
            (
                one
                for one in pair.gained(name, ranges)
                if not _spared(pair, name, one, ranges, read)
            ),
        )
    else:
        _refuse(name, pair.gained(name, ranges))


def _spared(
    pair: TargetPair, name: str, version: Version, ranges: Iterable[str], read: Collection[Version]
) -> bool:
    """Whether every range that has a version also has one that the first target can take, and that was not read."""
    around = frozenset(one for one in ranges if admits(one, str(version)))
    return pair.has_spare(name, around, read)


def _refuse(name: str, gained: Iterable[Version]) -> None:
    """ValueError if uv may take a version on one target that it cannot take on the other."""
    for version in gained:
        raise ValueError(f"{name} {version} is usable on one target only")
