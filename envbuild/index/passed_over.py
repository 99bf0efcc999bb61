"""Newer versions of a driver's own requirements that were passed over, and the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError
from envbuild.index.static_walk import StaticWalk, demanded_ranges, joined
from envbuild.lockfile.lockfile import HeldBack
from envbuild.lockfile.warnings import PLATFORM, PYTHON, REASONS, change_hint, obstacle_text
from envbuild.posix.workers import side_by_side
from envbuild.requirement.parse import is_newer_release
from envbuild.resolution.joint_request import joint_inputs_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from packaging.version import Version

    from envbuild.index.metadata import MetadataReader
    from envbuild.index.static_walk import Taken
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.resolution.resolution import ResolveRequest
    from envbuild.target.target import Target

_Told = tuple[str, str, str, str, tuple[str, ...]]
_MOST_PAGES = 200
"""The most pages after a failed lock, because nobody waits for more."""

_SIDE_BY_SIDE = 8


def find_held_back(reader: MetadataReader, lockfile: Lockfile) -> tuple[HeldBack, ...]:
    """What is held back on each target; unknown cases are left out."""
    found: dict[_Told, list[Target]] = {}
    for number, target in enumerate(lockfile.targets):
        request = joint_inputs_request((lockfile.driver,), (lockfile.inputs,), target)
        locked = {package.name: package for package in lockfile.packages_for(target)}
        walk = StaticWalk(reader, request, locked=locked)
        try:
            # the first target has got the pages of all
            for told in _on_target(walk, request, locked, most=1 if number else _SIDE_BY_SIDE):
                found.setdefault(told, []).append(target)
        except (EnvbuildError, ValueError, OSError):
            continue
    return tuple(
        HeldBack(
            package=package,
            locked=before,
            passed_over=newer,
            reason=reason,
            blockers=blockers,
            targets=tuple(targets),
        )
        for (package, before, newer, reason, blockers), targets in sorted(found.items())
    )


def advice(reader: MetadataReader, request: ResolveRequest) -> str | None:
    """A change of the declaration that makes the resolution possible; None if there is none."""
    if " + " in request.driver:
        return None  # several drivers at once: their conflict has its own message
    walk = StaticWalk(reader, request, most_pages=_MOST_PAGES)
    try:
        taken = walk.follow(request.requires)
    except (EnvbuildError, ValueError, OSError):
        return None
    told = [
        f"{obstacle_text(reason, names, (request.target,))}: {_change(reason, names, request)}"
        for reason, names in _by_reason(taken)
    ]
    return f"in drivers.{request.driver}, {'; '.join(told)}" if told else None


def _change(reason: str, names: tuple[str, ...], request: ResolveRequest) -> str:
    if reason == PYTHON:
        return f"remove {request.target.python} from `python`, or require versions that support it"
    if reason == PLATFORM:
        return f"remove {request.target.platform} from `platforms`, or require versions with such a wheel"
    return change_hint(reason, names)


def _on_target(
    walk: StaticWalk, request: ResolveRequest, locked: Mapping[str, LockedPackage], *, most: int
) -> Iterator[_Told]:
    ranges = demanded_ranges(request, request.requires, {})
    names = [name for name in ranges if name in locked and not _is_exact(ranges[name])]
    side_by_side(walk.listed_versions, names, most=most)
    for name in names:
        pinned = locked[name].version
        listed_versions = walk.listed_versions(name)
        newer = (
            listed_versions.versions(joined(ranges[name])) if listed_versions is not None else []
        )
        seen: set[str] = set()
        for version in newer:
            if listed_versions is None or not is_newer_release(str(version), pinned):
                break
            reason = listed_versions.obstacle(version)
            told = [(reason, (name,))] if reason else _in_the_way(walk, request, name, version)
            for why, blockers in told:
                if why not in seen:
                    seen.add(why)
                    yield (name, pinned, str(version), why, blockers)
            if reason is None:
                break


def _in_the_way(
    walk: StaticWalk, request: ResolveRequest, name: str, version: Version
) -> list[tuple[str, tuple[str, ...]]]:
    """What excludes a version that could otherwise be taken; nothing if requirements contradict each other."""
    requires = (*request.requires, f"{name}=={version}")
    taken = walk.follow(requires)
    return [] if walk.contradicts(requires) else _by_reason(taken)


def _by_reason(taken: Mapping[str, Taken]) -> list[tuple[str, tuple[str, ...]]]:
    found = [
        (reason, tuple(sorted(name for name, one in taken.items() if one.obstacle == reason)))
        for reason in REASONS
    ]
    return [(reason, names) for reason, names in found if names]


def _is_exact(ranges: Iterable[str]) -> bool:
    """Whether only one version is allowed, so that none can be passed over."""
    return any("==" in text and "*" not in text for text in ranges)
