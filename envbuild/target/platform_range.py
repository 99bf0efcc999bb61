"""Which platforms can be locked for: those whose every wheel tag somebody can name and resolve for."""

from __future__ import annotations

from envbuild.target.target import Platform

_OLDEST = {
    ("manylinux", "x86_64"): (2, 5),
    ("manylinux", "aarch64"): (2, 17),
    ("musllinux", "x86_64"): (1, 0),
    ("musllinux", "aarch64"): (1, 0),
    ("macosx", "x86_64"): (10, 4),
    ("macosx", "arm64"): (11, 0),
}
"""For anything older there are no tags (PEPs 513 and 599, 656; macOS began there)."""

_NEWEST = {"manylinux": (2, 40), "musllinux": (1, 2)}
"""The newest that every uv knows from 0.11 on."""

_UV_GLIBC = (17, 28, *range(31, 41))
"""The minors of glibc 2 that uv has a name for."""

_LIBRARIES = {"manylinux": "glibc", "musllinux": "musl", "macosx": "macOS"}


def nearest_platform(platform: Platform) -> Platform:
    """The platform itself where it can be locked for, else the nearest one that can."""
    found = (platform.major, platform.minor)
    oldest = _OLDEST[platform.system, platform.arch]
    newest = _NEWEST.get(platform.system, found)
    major, minor = max(oldest, min(found, newest))
    return Platform(arch=platform.arch, system=platform.system, major=major, minor=minor)


def library_of(platform: Platform) -> str:
    """`glibc 2.28`, for messages."""
    return f"{_LIBRARIES[platform.system]} {platform.major}.{platform.minor}"


def known_platform(platform: Platform) -> Platform:
    """The oldest platform that uv can be asked about and that takes every wheel of this one.

    uv may then choose a wheel that only the newer library runs: whoever asks looks at what was chosen.
    """
    major, minor = platform.major, platform.minor
    if platform.system == "manylinux":
        minor = next(known for known in _UV_GLIBC if known >= minor)
    elif platform.system == "musllinux":
        major, minor = _NEWEST["musllinux"]
    return Platform(arch=platform.arch, system=platform.system, major=major, minor=minor)
