"""What a lockfile knows is believed only where the new resolution takes the very same files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.commands.lock_jobs import Job, Upgrade, known_of
from envbuild.commands.lock_resolution import TargetResolver
from envbuild.lockfile.freshness import inputs_of
from envbuild.resolution.known_packages import known_packages, unconfirmed
from envbuild.resolution.resolution import PublishedMetadata, Resolution
from envbuild.value import replace
from tests.support.values import (
    LINUX,
    MAC,
    make_declaration,
    make_driver,
    make_file,
    make_lockfile,
    make_package,
    make_resolution,
    make_resolved,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lockfile.lockfile import ChosenFile, HeldBack, Lockfile
    from envbuild.resolution.resolution import (
        KnownPackage,
        LockedChoice,
        ResolvedFile,
        ResolveRequest,
    )

DRIVER = make_driver("asr", "app")
LOCKED = make_lockfile(
    DRIVER,
    make_package("app", requires=("base", 'web; extra == "web"')),
    make_package("base"),
)


@dataclass
class Answers:
    """A resolver that gives one answer after the other, and what files say."""

    resolutions: list[Resolution]
    requires: dict[str, tuple[str, ...]] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    """The packages whose locked files are still on the index."""

    requests: list[ResolveRequest] = field(default_factory=list)

    def resolve(self, request: ResolveRequest) -> Resolution:
        """The next answer; the last one again and again."""
        self.requests.append(request)
        return self.resolutions.pop(0) if len(self.resolutions) > 1 else self.resolutions[0]

    def fetch(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, PublishedMetadata]:
        """What files say."""
        return {
            file.sha256: PublishedMetadata(requires=self.requires.get(file.package, ()), size=1)
            for file in files
        }

    def still_listed(self, packages: tuple[KnownPackage, ...]) -> frozenset[str]:
        """Those that are told to be."""
        return frozenset(package.name for package in packages) & self.listed

    def yanked(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, str]:
        """Nobody asks."""
        raise AssertionError(choices)

    def extras(self, choices: tuple[LockedChoice, ...]) -> Mapping[str, frozenset[str]]:
        """Nobody asks."""
        raise AssertionError(choices)

    def commands(self, files: tuple[ResolvedFile, ...]) -> Mapping[str, tuple[str, ...]]:
        """Nobody asks here."""
        raise NotImplementedError

    def having(self, files: tuple[ResolvedFile, ...], module: str) -> frozenset[str]:
        """Nobody asks here."""
        raise NotImplementedError

    def build_requirements(self, file: ChosenFile, request: ResolveRequest) -> tuple[str, ...]:
        """Nobody asks here."""
        raise NotImplementedError

    def held_back(self, lockfile: Lockfile) -> tuple[HeldBack, ...]:
        """Nobody asks."""
        raise AssertionError(lockfile)

    def revalidate(self, choices: tuple[LockedChoice, ...]) -> frozenset[LockedChoice]:
        """None: every driver is resolved."""
        return frozenset()

    @property
    def believed(self) -> list[list[str]]:
        """What each request believed, by name."""
        return [[package.name for package in request.known] for request in self.requests]


def job(*requires: str, **changes: object) -> Job:
    """The driver with other requirements than it was locked for."""
    driver = replace(DRIVER, requires=make_driver("asr", *requires).requires)
    plain = Job(
        driver=driver,
        inputs=inputs_of(driver, make_declaration(driver)),
        previous=LOCKED,
        digest="sha256:1",
        reasons=("requires",),
    )
    return replace(plain, **changes)


def resolve(answers: Answers, *jobs: Job) -> Resolution:
    """Resolve for `LINUX`."""
    resolver = TargetResolver(resolver=answers, metadata=answers)
    return resolver.resolve(jobs, LINUX, Upgrade(), ())


def test_a_resolution_that_bears_the_lockfile_out_is_the_only_one() -> None:
    """Nothing has moved, so nothing is asked twice."""
    answers = Answers([make_resolution(make_resolved("app"), make_resolved("base"))])
    assert resolve(answers, job("app>=1")) == answers.resolutions[0]
    assert answers.believed == [["app", "base"]]


def test_what_moves_from_a_file_that_is_gone_is_asked_and_the_rest_believed() -> None:
    """A pin that was given up may have been given up for what is not so any more."""
    moved = make_resolution(make_resolved("app"), make_resolved("base", "2.0"))
    answers = Answers([moved])
    assert resolve(answers, job("app", "base>=2")) == moved
    assert answers.believed == [["app", "base"], ["app"]]


def test_what_moves_while_its_index_has_it_as_before_needs_no_second_resolution() -> None:
    """It was judged by what the index says still, so the first answer is the answer."""
    moved = make_resolution(make_resolved("app"), make_resolved("base", "2.0"))
    answers = Answers([moved], listed=frozenset({"base"}))
    assert resolve(answers, job("app", "base>=2")) == moved
    assert answers.believed == [["app", "base"]]


def test_in_doubt_nothing_is_believed() -> None:
    """After two resolutions that bear nothing out, the third is one without a lockfile."""
    first = make_resolution(make_resolved("app"), make_resolved("base", "2.0"))
    second = make_resolution(make_resolved("app", "2.0"), make_resolved("base"))
    third = make_resolution(make_resolved("app", "3.0"), make_resolved("base"))
    answers = Answers([first, second, third])
    assert resolve(answers, job("app", "base>=2")) == third
    assert answers.believed == [["app", "base"], ["app"], []]


def test_another_file_of_the_same_version_is_no_confirmation() -> None:
    """An index that replaced a wheel may have changed what it requires."""
    known = known_packages(LOCKED, LINUX)
    other = make_resolved("app", tag="py2.py3-none-any")
    assert unconfirmed(known, make_resolution(other, make_resolved("base"))) == {"app"}


def test_an_extra_that_nobody_asked_for_before_is_asked_of_the_index() -> None:
    """A lockfile leaves addresses out, and only of the extras in use is it known that there were none."""
    found = make_resolution(make_resolved("app"), make_resolved("base"), make_resolved("web"))
    answers = Answers([found])
    assert resolve(answers, job("app[web]")) == found
    assert answers.believed == [["app", "base"], ["base"]]


def test_a_new_package_that_asks_for_a_new_extra_counts_as_well() -> None:
    """Who asks for the extra makes no difference."""
    found = make_resolution(make_resolved("app"), make_resolved("base"), make_resolved("new"))
    answers = Answers([found], requires={"new": ("app[web]",)})
    assert resolve(answers, job("app", "new")) == found
    assert answers.believed == [["app", "base"], ["base"]]


def test_what_is_locked_together_believes_nothing() -> None:
    """Of several lockfiles each knows a part, and they may differ."""
    answers = Answers([make_resolution(make_resolved("app"), make_resolved("base"))])
    resolve(answers, job("app"), job("app>=1"))
    assert answers.believed == [[]]


def test_upgrades_other_overrides_and_new_targets_believe_nothing_of_what_they_concern() -> None:
    """What is to move, or was hidden before, is asked of the index."""
    plain = job("app>=1")

    def names(asking: Job, upgrade: Upgrade) -> list[str]:
        return [package.name for package in known_of(asking, LINUX, upgrade)]

    assert names(plain, Upgrade(packages=("base",))) == ["app"]
    assert names(plain, Upgrade(everything=True)) == []
    assert names(job("app", previous=None), Upgrade()) == []
    overridden = replace(plain.inputs, overrides=("base==2",))
    assert names(job("app", inputs=overridden), Upgrade()) == []
    assert known_of(plain, MAC, Upgrade()) == ()


def test_what_is_built_and_what_is_written_the_old_way_is_not_known() -> None:
    """A build may come out otherwise, and an old form is read in METADATA alone."""
    sdist = replace(make_file("built"), name="built-1.0.tar.gz")
    lockfile = make_lockfile(
        DRIVER,
        make_package("app"),
        make_package("built", files=(sdist,)),
        make_package("old", requires=("six (>=1.*)",)),
        make_package("star", requires=("six==1.*",)),
    )
    assert [package.name for package in known_packages(lockfile, LINUX)] == ["app", "star"]
