"""Whether all pins of a lockfile also satisfy changed inputs, so that nothing has to be resolved.

A resolver keeps every pin that the requirements admit.
If they admit all pins, and no other package or extra is required, it has no choice:
the ranges that it meets are those of the locked packages, which the pins satisfy,
and those of the driver, which are compared here.
Changes of an index are not visible here: `choices_of` lists the files to check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.builds import has_sources
from envbuild.requirement.parse import admits, parse_requirement, parse_version
from envbuild.resolution.resolution import locked_choice
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.declaration.index import Bindings
    from envbuild.lockfile.lockfile import Inputs, LockedPackage, Lockfile
    from envbuild.resolution.resolution import LockedChoice


def keep_every_pin(previous: Lockfile, inputs: Inputs) -> Lockfile | None:
    """The lockfile with these inputs if no pin changes; None if a resolver has to decide.

    Only ranges of requirements and constraints may differ. A resolver decides about everything else:
    another package, extra, marker, target, variant, override or index, a limit on the age of files,
    builds from source, and pre-releases and local versions whose own range changes.
    """
    before = previous.inputs
    unchanged = replace(
        inputs, requires=before.requires, constraints=before.constraints, variants=before.variants
    )
    if before != unchanged or _served(before) != _served(inputs) or _builds(inputs):
        return None
    if inputs.exclude_newer is not None or inputs.exclude_newer_packages:
        return None
    if any(package.yanked is not None for package in previous.packages):
        return None
    if has_sources(previous):
        return None
    kept = all(
        _keeps(then, now, _pins_by_name(previous.packages, variant))
        for (variant, then), (_, now) in zip(_lines(before), _lines(inputs), strict=True)
    )
    return replace(previous, inputs=inputs) if kept else None


def _served(inputs: Inputs) -> tuple[tuple[str, Bindings, tuple[str, ...]], ...]:
    """Each variant with its indexes, and what it takes from the host."""
    return tuple((one.name, one.indexes, one.inherit) for one in inputs.variants)


@value
class _Lines:
    """The lines of a driver, or of one of its variants."""

    requires: tuple[str, ...]
    constraints: tuple[str, ...]


def _lines(inputs: Inputs) -> list[tuple[str | None, _Lines]]:
    """What is required in each variant, by name; without variants what the driver requires."""
    parts: list[tuple[str | None, tuple[str, ...]]] = [
        (one.name, one.requires) for one in inputs.variants
    ]
    return [
        (name, _Lines(requires=requires, constraints=inputs.constraints))
        for name, requires in parts or [(None, inputs.requires)]
    ]


def _keeps(before: _Lines, now: _Lines, pins: dict[str, tuple[str, ...]]) -> bool:
    """Whether only ranges differ, and all of them admit the pins."""
    if _asked(before.requires) != _asked(now.requires):
        return False
    then = {*before.requires, *before.constraints}
    lines = {*now.requires, *now.constraints}
    plain = all(map(_is_plain, _versions(then ^ lines, pins)))
    return plain and all(_fits(text, pins) for text in lines - then)


def _builds(inputs: Inputs) -> bool:
    """Whether something may be taken from source."""
    return bool(inputs.allow_sdist or inputs.force_sdist)


def choices_of(lockfile: Lockfile) -> tuple[LockedChoice, ...]:
    """Every file of a lockfile with each target that takes it."""
    return tuple(
        locked_choice(package, file, target)
        for package in lockfile.packages
        for file in package.files
        for target in file.targets
    )


def _asked(requires: tuple[str, ...]) -> list[tuple[str, tuple[str, ...], str]]:
    """The requirements without their versions: names, extras and markers, in order."""
    wanted = map(parse_requirement, requires)
    return sorted((one.name, one.extras, one.marker) for one in wanted)


def _pins_by_name(
    packages: Iterable[LockedPackage], variant: str | None
) -> dict[str, tuple[str, ...]]:
    """Each package's versions in a variant; several if targets take different ones."""
    found: dict[str, tuple[str, ...]] = {}
    for package in packages:
        if any(target.variant == variant for target in package.targets):
            found[package.name] = (*found.get(package.name, ()), package.version)
    return found


def _versions(texts: Iterable[str], pins: dict[str, tuple[str, ...]]) -> Iterable[str]:
    """The locked versions of the packages in the texts."""
    return (version for text in texts for version in pins.get(parse_requirement(text).name, ()))


def _is_plain(version: str) -> bool:
    """Whether the version has no special rule in PEP 440 (pre-release, local version)."""
    parsed = parse_version(version)
    return not parsed.is_prerelease and parsed.local is None


def _fits(text: str, pins: dict[str, tuple[str, ...]]) -> bool:
    """Whether a range admits every locked version of its package; a package that is not locked always fits."""
    wanted = parse_requirement(text)
    versions = pins.get(wanted.name, ())
    if "===" in wanted.specifier and versions:
        return False
    return all(admits(wanted.specifier, version) for version in versions)
