"""`envbuild lock --cross-check`: what building a driver's sources requires, by a second resolver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.backend.requirements import build_request
from envbuild.commands.lock_builds import preferring, versions_of
from envbuild.commands.lock_result import NoSet
from envbuild.errors import UnsatisfiableError
from envbuild.lockfile.picks import Explainer, Picks, compare_picks
from envbuild.resolution.resolution import ResolvedFile
from envbuild.value import replace, value

if TYPE_CHECKING:
    from envbuild.commands.lock_jobs import Job, Upgrade
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.lockfile import LockedBuild, Lockfile
    from envbuild.lockfile.picks import Difference
    from envbuild.resolution.resolution import MetadataSource, Resolution, Resolver, ResolveRequest
    from envbuild.target.target import Target

_MOST_QUESTIONS = 5
"""Resolutions of one build that only explain differences."""


@value
class JudgedBuild:
    """What the second resolver says of one locked build on one target."""

    target: Target
    unsatisfied: tuple[NoSet, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether it takes the same versions."""
        return not self.unsatisfied and not self.differences


@value
class BuildJudge:
    """Has the build requirements of one lockfile resolved again."""

    declaration: Declaration
    resolver: Resolver
    metadata: MetadataSource
    upgrade: Upgrade
    lockfile: Lockfile
    job: Job
    """The driver, to be resolved by the second resolver."""

    def judge(self, build: LockedBuild, target: Target) -> JudgedBuild:
        """Compare the locked versions with the second resolver's; errors as in `Resolver`."""
        judge = self.job.inputs.resolver
        try:
            found = self._resolve(build, target, judge)
        except UnsatisfiableError as error:
            none = NoSet(target=target, words=error.words, build=build.package)
            return JudgedBuild(target=target, unsatisfied=(none,))
        request = self._request(build, target, judge)
        versions = {one.package: one.version for one in found.files}
        ours = Picks(target=target, versions=dict(versions_of(build.files, target)), requires={})
        theirs = Picks(target=target, versions=versions, requires={})
        names = compare_picks(ours, theirs)
        if not names:
            return JudgedBuild(target=target)
        ours = replace(ours, requires=self._published(_locked_files(build, target, request)))
        theirs = replace(theirs, requires=self._published(found.files))
        explainer = self._explainer(build, request)
        differences = (explainer.explain(name, ours, theirs) for name in names)
        return JudgedBuild(
            target=target,
            differences=tuple(replace(one, build=build.package) for one in differences),
        )

    def _explainer(self, build: LockedBuild, request: ResolveRequest) -> Explainer:
        """Explains by what the build requires, in place of the driver."""
        inputs = replace(
            self.lockfile.inputs,
            requires=request.requires,
            constraints=request.constraints,
            overrides=(),
            variants=(),
        )

        def ask(resolver: str, target: Target, requirement: str) -> str | None:
            try:
                self._resolve(build, target, resolver, (requirement,))
            except UnsatisfiableError as error:
                return error.words
            return None

        return Explainer(
            inputs=inputs,
            root=f"the build of {build.package}",
            resolver=self.lockfile.inputs.resolver,
            judge=self.job.inputs.resolver,
            ask=ask,
            questions=_MOST_QUESTIONS,
        )

    def _resolve(
        self, build: LockedBuild, target: Target, resolver: str, bounds: tuple[str, ...] = ()
    ) -> Resolution:
        request = self._request(build, target, resolver)
        bounded = replace(request, constraints=(*request.constraints, *bounds))
        return self.resolver.resolve(bounded)

    def _request(self, build: LockedBuild, target: Target, resolver: str) -> ResolveRequest:
        request = preferring(self.job, self.lockfile, build, target, self.upgrade)
        requires = tuple(dict.fromkeys((*build.requires, *build.added)))
        options = self.declaration.build_of(build.package)
        return replace(build_request(requires, options, request), resolver=resolver)

    def _published(self, files: tuple[ResolvedFile, ...]) -> dict[str, tuple[str, ...]]:
        """What each package requires."""
        found = self.metadata.fetch(files)
        return {file.package: found[file.content].requires for file in files}


def _locked_files(
    build: LockedBuild, target: Target, request: ResolveRequest
) -> tuple[ResolvedFile, ...]:
    here = [file for file in build.files if target in file.targets]
    versions = versions_of(here, target)
    return tuple(
        ResolvedFile(
            package=package,
            version=version,
            file=file.name,
            url="",
            sha256=file.sha256,
            indexes=request.indexes,
        )
        for file, (package, version) in zip(here, versions, strict=True)
    )
