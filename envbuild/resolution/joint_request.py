"""One resolution for several drivers, with everything that each of them requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.index import bound_index
from envbuild.declaration.source import is_source, kind_of
from envbuild.errors import Problem, UnsatisfiableError
from envbuild.resolution.resolution import Resolution, ResolveRequest
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.declaration.index import Bindings
    from envbuild.lockfile.lockfile import Inputs, LockedPackage, Lockfile
    from envbuild.resolution.resolution import Pin, PublishedMetadata
    from envbuild.target.target import Target


def joint_request(lockfiles: tuple[Lockfile, ...], target: Target) -> ResolveRequest:
    """The request of all the drivers together, as they were locked."""
    names = tuple(lockfile.driver for lockfile in lockfiles)
    inputs = tuple(lockfile.inputs for lockfile in lockfiles)
    request = joint_inputs_request(names, inputs, target)
    return replace(request, inherited=joint_inherited((one.inherited for one in lockfiles), target))


def joint_inputs_request(
    names: tuple[str, ...],
    inputs: tuple[Inputs, ...],
    target: Target,
    pins: tuple[Pin, ...] = (),
) -> ResolveRequest:
    """The request of drivers with these inputs; for one driver, its own request."""
    indexes = _joined([one.indexes_on(target) for one in inputs])
    ageless = {packages[0]: None for origin, packages in indexes if is_source(origin)}
    return ResolveRequest(
        driver=" + ".join(names),
        requires=_union(one.requires_on(target) for one in inputs),
        constraints=_union(one.constraints for one in inputs),
        overrides=_union(one.overrides for one in inputs),
        target=target,
        exclude_newer=_earliest(one.exclude_newer for one in inputs),
        exclude_newer_packages=tuple(
            sorted((dict(_earliest_of_packages(inputs)) | ageless).items())
        ),
        allow_sdist=_union(one.allow_sdist for one in inputs),
        force_sdist=_union(one.force_sdist for one in inputs),
        pins=pins,
        resolver=inputs[0].resolver,
        indexes=indexes,
    )


def joint_inherited(
    lists: Iterable[tuple[LockedPackage, ...]], target: Target
) -> tuple[LockedPackage, ...]:
    """The host's packages of all drivers on a target; UnsatisfiableError if two have one at different versions."""
    found: dict[str, LockedPackage] = {}
    for package in (one for packages in lists for one in packages if target in one.targets):
        other = found.setdefault(package.name, package)
        if other.version != package.version:
            message = (
                f"{package.name} is the host's {other.version} for one driver, "
                f"and {package.version} for another"
            )
            raise UnsatisfiableError(
                Problem(message=message, hint="lock both with the same `--host-packages`")
            )
    return tuple(found.values())


def own_part(
    resolution: Resolution,
    inputs: Inputs,
    metadata: Mapping[str, PublishedMetadata],
    inherited: Iterable[LockedPackage] = (),
) -> Resolution:
    """The part of a joint resolution that one driver needs; `metadata` is keyed by `ResolvedFile.content`.

    `inherited` are the driver's packages of the host.

    UnsatisfiableError if the driver's own indexes would give it a package from another index.
    """
    target = resolution.target
    published = resolution.published(metadata, inherited)
    needed = {edge.package for edge in inputs.edges_on(target, published)}
    files = tuple(file for file in resolution.files if file.package in needed)
    problems = [
        Problem(
            message=f"{file.package} would come from two places: {_two_places(file.index, own)}",
            hint="let the drivers name the same `indexes`, and the same source",
        )
        for file in files
        if (own := bound_index(inputs.indexes_on(target), file.package)) != file.index
    ]
    if problems:
        raise UnsatisfiableError(problems)
    return Resolution(
        target=target,
        files=tuple(replace(file, indexes=inputs.indexes_on(target)) for file in files),
    )


def _two_places(one: str, other: str) -> str:
    """`a git source and another git source`, or `index 'main' and a path source`."""
    words = [
        f"a {kind_of(origin)} source" if is_source(origin) else f"index {origin!r}"
        for origin in (one, other)
    ]
    if words[0] == words[1]:
        words[1] = f"another {kind_of(other)} source"
    return " and ".join(words)


def _joined(parts: list[Bindings]) -> Bindings:
    """The bindings of all drivers; each list has its part of the declaration's order."""
    joined = list(parts[0])
    for part in parts[1:]:
        at = 0
        for binding in part:
            if binding in joined:
                at = joined.index(binding) + 1
            else:
                joined.insert(at, binding)
                at += 1
    return tuple(joined)


def _union(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for items in lists for item in items))


def _earliest_of_packages(inputs: tuple[Inputs, ...]) -> tuple[tuple[str, str | None], ...]:
    """For each package, the first limit on age that one of the drivers has for it."""
    own = [dict(one.exclude_newer_packages) for one in inputs]
    names = sorted({name for limits in own for name in limits})
    return tuple(
        (
            name,
            _earliest(
                limits.get(name, one.exclude_newer) for one, limits in zip(inputs, own, strict=True)
            ),
        )
        for name in names
    )


def _earliest(limits: Iterable[str | None]) -> str | None:
    """The strictest of several limits on the age of releases.

    Dates and timestamps compare as text.
    A date is preferred to a relative age, which changes with the day of the resolution.
    """
    known = sorted({limit for limit in limits if limit is not None})
    dates = [limit for limit in known if limit[:4].isdigit() and limit[4:5] == "-"]
    return next(iter(dates or known), None)
