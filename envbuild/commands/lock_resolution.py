"""Resolve what is locked together for one target; what a lockfile knows is believed first, and looked at afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.lock_jobs import known_of, pins_of
from envbuild.declaration.declaration import bound_index
from envbuild.errors import IndexFailureError, Problem
from envbuild.lockfile.known_files import NamedFile, replaced_files
from envbuild.resolution.joint_request import joint_inputs_request
from envbuild.resolution.known_packages import newly_asked, unconfirmed
from envbuild.value import replace, value

if TYPE_CHECKING:
    from envbuild.commands.lock_jobs import Job, LockGroup, Upgrade
    from envbuild.lockfile.difference import FileChange
    from envbuild.resolution.resolution import (
        KnownPackage,
        MetadataSource,
        Resolution,
        Resolver,
        ResolveRequest,
    )
    from envbuild.target.target import Target

_TRIES = 2
"""Resolutions that believe a lockfile before one that believes nothing."""


@value
class TargetResolver:
    """Resolves one target at a time; the answer is the one that a resolution without lockfile knowledge gives."""

    resolver: Resolver
    metadata: MetadataSource
    told: tuple[KnownPackage, ...] = ()
    """What files say inside, which counts whatever else is known."""

    def resolve(
        self, group: LockGroup, target: Target, upgrade: Upgrade, bounds: tuple[str, ...]
    ) -> Resolution:
        """What the drivers that have the target take there; `bounds` hold beside their own constraints.

        IndexFailureError where a locked file came back with other bytes, and no upgrade names its package.
        """
        request = joint_inputs_request(
            tuple(job.driver.name for job in group),
            tuple(job.inputs for job in group),
            target,
            pins_of(group, target, upgrade),
        )
        request = replace(request, constraints=(*request.constraints, *bounds), told=self.told)
        if len(group) == 1:
            request = replace(request, known=known_of(group[0], target, upgrade))
        for _ in range(_TRIES):
            if not request.known:
                break
            found = self._ask(request, group, upgrade)
            doubted = self._doubted(group[0], request, found)
            if not doubted:
                return found
            known = tuple(package for package in request.known if package.name not in doubted)
            request = replace(request, known=known)
        return self._ask(replace(request, known=()), group, upgrade)

    def _ask(self, request: ResolveRequest, group: LockGroup, upgrade: Upgrade) -> Resolution:
        """Resolve, and refuse at once what came back with other bytes, whatever it says inside."""
        found = self.resolver.resolve(request)
        named = [
            NamedFile(file.package, file.version, file.file, file.sha256)
            for file in found.files
            if file.package not in upgrade.packages
        ]
        replaced = [file for job in group for file in replaced_files(job.known_files, named)]
        if replaced:
            raise IndexFailureError(_changed(file, request) for file in dict.fromkeys(replaced))
        return found

    def _doubted(self, job: Job, request: ResolveRequest, found: Resolution) -> frozenset[str]:
        """The names of what may be otherwise on its index than the resolution believed."""
        names = unconfirmed(request.known, found)
        left = tuple(package for package in request.known if package.name in names)
        if left:
            names -= self.metadata.still_listed(left)
        return names | self._newly_asked(job, request, found)

    def _newly_asked(self, job: Job, request: ResolveRequest, found: Resolution) -> frozenset[str]:
        """Whether the resolution asks for more of a known package than its lockfile can tell."""
        if job.previous is None:
            return frozenset()
        known = {package.sha256: package.requires for package in request.known}
        others = tuple(file for file in found.files if file.sha256 not in known)
        told = self.metadata.fetch(others) if others else {}
        requires = known | {sha256: metadata.requires for sha256, metadata in told.items()}
        published = {file.package: requires[file.sha256] for file in found.files}
        asked = newly_asked(job.previous, job.inputs, request.target, published)
        return asked & {package.name for package in request.known}


def _changed(file: FileChange, request: ResolveRequest) -> Problem:
    return Problem(
        message=(
            f"index '{bound_index(request.indexes, file.package)}' has another {file.name} "
            "than the one that is locked"
        ),
        detail=f"locked: sha256 {file.before}\nnow: sha256 {file.after}",
        hint="find out from its operator who changed it; "
        f"`envbuild lock --upgrade-package {file.package}` accepts it",
    )
