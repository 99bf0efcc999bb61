"""Whether every pin of a lockfile answers other inputs too, so that nothing is left to be resolved.

A resolution keeps each pin that its requirements admit.
Where all of them are admitted, and nobody asks for another package or another extra, it has no choice to make:
whatever it looks at first, the ranges it meets are those of the lockfile's own packages, which the pins fit,
and those of the driver, which are compared here.
What an index may have changed meanwhile is not known here: `choices_of` says what has to be looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.requirement.parse import admits, parse_requirement, parse_version
from envbuild.resolution.resolution import locked_choice
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.lockfile.lockfile import Inputs, LockedPackage, Lockfile
    from envbuild.resolution.resolution import LockedChoice


def keep_every_pin(previous: Lockfile, inputs: Inputs) -> Lockfile | None:
    """The lockfile with these inputs, where no pin moves for them; None where a resolver has to say.

    Ranges alone may differ, of requirements and of constraints; everything else has a resolver's answer:
    another package, extra, marker, target, override or index, a date before which files count,
    what is built from source, and pre-releases and local versions whose own range moves.
    """
    only_ranges_differ = previous.inputs == replace(
        inputs, requires=previous.inputs.requires, constraints=previous.inputs.constraints
    )
    if not only_ranges_differ or inputs.allow_sdist:
        return None
    if inputs.exclude_newer is not None or inputs.exclude_newer_packages:
        return None
    if any(package.yanked is not None for package in previous.packages):
        return None
    if _asked(previous.inputs.requires) != _asked(inputs.requires):
        return None
    if not all(file.name.endswith(".whl") for pin in previous.packages for file in pin.files):
        return None
    before = {*previous.inputs.requires, *previous.inputs.constraints}
    now = {*inputs.requires, *inputs.constraints}
    pins = _pins_by_name(previous.packages)
    plain = all(map(_is_plain, _versions(before ^ now, pins)))
    fits = all(_fits(text, pins) for text in now - before)
    return replace(previous, inputs=inputs) if plain and fits else None


def choices_of(lockfile: Lockfile) -> tuple[LockedChoice, ...]:
    """Every file of a lockfile with each target that takes it."""
    return tuple(
        locked_choice(package, file, target)
        for package in lockfile.packages
        for file in package.files
        for target in file.targets
    )


def _asked(requires: tuple[str, ...]) -> list[tuple[str, tuple[str, ...], str]]:
    """What requirements ask for but for the versions: names, extras and markers, in order."""
    wanted = map(parse_requirement, requires)
    return sorted((one.name, one.extras, one.marker) for one in wanted)


def _pins_by_name(packages: Iterable[LockedPackage]) -> dict[str, tuple[str, ...]]:
    """Each package's versions; it has several where targets take different ones."""
    found: dict[str, tuple[str, ...]] = {}
    for package in packages:
        found[package.name] = (*found.get(package.name, ()), package.version)
    return found


def _versions(texts: Iterable[str], pins: dict[str, tuple[str, ...]]) -> Iterable[str]:
    """The locked versions of what the texts are about."""
    return (version for text in texts for version in pins.get(parse_requirement(text).name, ()))


def _is_plain(version: str) -> bool:
    """Whether no rule of its own says where the version counts (PEP 440)."""
    parsed = parse_version(version)
    return not parsed.is_prerelease and parsed.local is None


def _fits(text: str, pins: dict[str, tuple[str, ...]]) -> bool:
    """Whether a range admits every locked version of its package; one that is not locked bounds nothing."""
    wanted = parse_requirement(text)
    versions = pins.get(wanted.name, ())
    if "===" in wanted.specifier and versions:
        return False
    return all(admits(wanted.specifier, version) for version in versions)
