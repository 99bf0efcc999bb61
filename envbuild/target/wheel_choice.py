"""Which of a package's wheels a target gets."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.tags import Tag
    from packaging.utils import BuildTag, NormalizedName
    from packaging.version import Version

    from envbuild.target.target import Platform, Target

_UNDERSCORES = re.compile("__+")
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


STAND_IN = "0source"
"""The build tag of a wheel that stands in for a source which nobody has built yet."""


def is_stand_in(name: str) -> bool:
    """Whether a wheel's name is that of a stand-in."""
    return f"-{STAND_IN}-cp" in name


def best_wheel(names: Iterable[str], target: Target) -> str | None:
    """The name of the wheel that installers prefer on the target, or None if none fits.

    The most specific tag wins (PEP 425's order), then the highest build number.
    Names that are no valid wheel names fit nothing; indexes list files of all ages.
    """
    ranks = _ranks(target)
    rated: list[tuple[int, tuple[int, str], str]] = []
    for name in names:
        try:
            _, _, build, tags = parse_wheel_name(name)
        except InvalidWheelFilename:
            continue
        fitting = [ranks[tag] for tag in tags if tag in ranks]
        if fitting:
            rated.append((-min(fitting), build or (-1, ""), name))
    return max(rated)[2] if rated else None


def fits_python(names: Iterable[str], target: Target) -> bool:
    """Whether one of these wheels is for the target's Python, on any platform."""
    pythons = {(tag.interpreter, tag.abi) for tag in _ranks(target)}
    for name in names:
        try:
            tags = parse_wheel_name(name)[3]
        except InvalidWheelFilename:
            continue
        if any((tag.interpreter, tag.abi) in pythons for tag in tags):
            return True
    return False


@lru_cache(maxsize=1 << 14)
def fits_tags(tags: str, target: Target) -> bool | None:
    """Whether a wheel with tags such as `cp312-cp312-manylinux_2_28_x86_64` fits the target; None for invalid tags."""
    parsed = _parse_tags(tags)
    return None if parsed is None else not _ranks(target).keys().isdisjoint(parsed)


@lru_cache(maxsize=1 << 12)
def _parse_tags(tags: str) -> frozenset[Tag] | None:
    try:
        return parse_wheel_filename(f"name-1-{tags}.whl")[3]
    except InvalidWheelFilename:
        return None


def unfit_versions(names: Iterable[str], target: Target) -> tuple[str, ...]:
    """The versions that have wheels but none for the target, oldest first.

    Versions with a local version that fits (`1.0+cpu`) are left out: no specifier can exclude them alone.
    """
    fits: dict[Version, bool] = {}
    for name in names:
        try:
            version = parse_wheel_filename(name)[1]
        except InvalidWheelFilename:
            continue
        fits[version] = fits.get(version, False) or best_wheel((name,), target) is not None
    served = {version.public for version, fit in fits.items() if fit}
    return tuple(
        str(version)
        for version in sorted(fits)
        if not fits[version] and (version.local is not None or version.public not in served)
    )


@lru_cache(maxsize=1 << 12)
def parse_wheel_name(name: str) -> tuple[NormalizedName, Version, BuildTag, frozenset[Tag]]:
    """The parts of a wheel's file name; InvalidWheelFilename if it is not a wheel's name.

    Repeated underscores in the package's name, which old build tools wrote, are accepted, as installers do.
    """
    package, hyphen, rest = name.partition("-")
    return parse_wheel_filename(f"{_UNDERSCORES.sub('_', package)}{hyphen}{rest}")


@lru_cache(maxsize=64)
def _ranks(target: Target) -> dict[Tag, int]:
    """Every tag that fits the target, with its rank; the first is preferred."""
    major, minor = (int(part) for part in target.minor.split("."))
    platforms = list(_platform_tags(target.platform))
    interpreter = f"cp{major}{minor}"
    tags = [
        *cpython_tags((major, minor), abis=[interpreter], platforms=platforms),
        *compatible_tags((major, minor), interpreter=interpreter, platforms=platforms),
    ]
    ranks: dict[Tag, int] = {}
    for rank, tag in enumerate(tags):
        ranks.setdefault(tag, rank)
    return ranks


def _platform_tags(platform: Platform) -> Iterator[str]:
    """Platform tags from the newest system library down (PEPs 513, 571, 599, 600, 656)."""
    if platform.system == "macosx":
        yield from mac_platforms(platform.version, platform.arch)
        return
    if platform.system == "manylinux":
        oldest = 5 if platform.arch == "x86_64" else 17
        for minor in range(platform.minor, oldest - 1, -1):
            yield f"manylinux_{platform.major}_{minor}_{platform.arch}"
            if legacy := _LEGACY.get((platform.major, minor)):
                yield f"{legacy}_{platform.arch}"
    else:
        for minor in range(platform.minor, -1, -1):
            yield f"musllinux_{platform.major}_{minor}_{platform.arch}"
    yield f"linux_{platform.arch}"
