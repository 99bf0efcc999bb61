"""Two targets over the same pages: whether a resolver can take the same versions on both, with the same METADATA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.requirement.parse import admits
from envbuild.target.wheel_choice import is_stand_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from packaging.version import Version

    from envbuild.index.listed_wheels import ListedWheel
    from envbuild.index.served_answers import ServedAnswers
    from envbuild.index.target_view import TargetView


class TargetPair:
    """Compares a target with one that was resolved before; safe to use from several threads.

    A ValueError says where the targets differ, or might.
    """

    def __init__(self, served: ServedAnswers, before: TargetView, now: TargetView) -> None:
        """Both views have the same limits on age."""
        self._served = served
        self.before, self.now = before, now
        self._same: dict[tuple[str, str, frozenset[str]], bool] = {}
        self._gained: dict[tuple[object, ...], tuple[Version, ...]] = {}

    def is_one_page(self, package: str) -> bool:
        """Whether a package's page is the same to both targets: same Python, and no wheel is for some platforms."""
        page = self._served.wheels(package)
        is_one_python = self.before.target.python == self.now.target.python
        return is_one_python and page is not None and page.is_for_every_platform

    def compare_metadata(self, package: str, wheel: str, extras: frozenset[str]) -> None:
        """ValueError if METADATA requires other things, or Pythons, as far as these extras are requested."""
        key = (package, wheel, extras)
        if key not in self._same:
            metadata = self._served.metadata(package, wheel)
            views = (self.before, self.now)
            judged = [view.judge_python(metadata.requires_python) for view in views]
            self._same[key] = judged[0] == judged[1] and all(
                self.before.outcomes(marker, extras) == self.now.outcomes(marker, extras)
                for marker in metadata.markers
            )
        if not self._same[key]:
            raise ValueError(f"METADATA of {package} says other things of the targets")

    def compare_usable(self, package: str, version: Version) -> None:
        """ValueError unless both targets can take a version, and all that they can take is of one kind."""
        before, now = (view.taken(package, version) for view in (self.before, self.now))
        if not before or not before <= now or len({kind[:-1] for kind in now}) != 1:
            raise ValueError(f"{package} {version} is not taken alike")

    def compare_wheels(self, releases: Iterable[tuple[str, Version]]) -> None:
        """ValueError unless the wheels that both targets prefer have the same METADATA.

        METADATA that nobody has asked for yet is read side by side.
        """
        missing: list[tuple[str, str, str]] = []
        for package, version in releases:
            before, now = (view.preferred(package, version) for view in (self.before, self.now))
            if before is None or now is None:
                raise ValueError(f"{package} {version} is not taken alike")
            if is_stand_in(before.filename) or is_stand_in(now.filename):
                raise ValueError(f"{package} {version} has to be built")
            if not _is_same(before, now):
                missing.append((package, before.filename, now.filename))
        self._served.read_ahead((package, now) for package, _, now in missing)
        for package, one, other in missing:
            if self._served.metadata(package, one) != self._served.metadata(package, other):
                raise ValueError(f"METADATA of {package} differs between {one} and {other}")

    def gained(
        self, package: str, ranges: frozenset[str], above: Version | None = None
    ) -> tuple[Version, ...]:
        """The versions in one of the ranges, above one or all, that the second target can take and the first cannot.

        ValueError if the page cannot be read.
        """
        key = (package, ranges, above)
        if key not in self._gained:
            self._gained[key] = tuple(self._compare_versions(package, ranges, above))
        return self._gained[key]

    def has_spare(self, package: str, ranges: frozenset[str], read: Collection[Version]) -> bool:
        """Whether the first target can take a final version in all of the ranges that is none of those read."""
        page = self._served.wheels(package)
        return any(
            version not in read
            and not version.is_prerelease
            and all(admits(one, str(version)) for one in ranges)
            and self.before.can_take(package, version)
            for version in (page.versions if page is not None else ())
        )

    def _compare_versions(
        self, package: str, ranges: frozenset[str], above: Version | None
    ) -> Iterator[Version]:
        page = self._served.wheels(package)
        if page is None or self.is_one_page(package):
            return
        for version in page.versions:
            if above is not None and version <= above:
                return
            if any(admits(one, str(version)) for one in ranges):
                now = self.now.taken(package, version)
                if now and not now <= self.before.taken(package, version):
                    yield version


def _is_same(one: ListedWheel, other: ListedWheel) -> bool:
    """Whether two wheels have the same METADATA, by what their page says."""
    sha256 = one.metadata_sha256
    return one == other or (sha256 is not None and sha256 == other.metadata_sha256)
