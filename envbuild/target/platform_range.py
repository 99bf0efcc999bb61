"""The platforms that can be locked for: uv knows them, and all their wheel tags are known."""

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
"""Older systems have no tags (PEPs 513, 599 and 656; macOS began there)."""

_NEWEST = {"manylinux": (2, 40), "musllinux": (1, 2)}
"""The newest that every uv from 0.11 knows."""

_UV_GLIBC = (17, 28, *range(31, 41))
"""The minor versions of glibc 2 that uv has names for."""

_LIBRARIES = {"manylinux": "glibc", "musllinux": "musl", "macosx": "macOS"}


def nearest_platform(platform: Platform) -> Platform:
    """The platform itself if it can be locked for, else the nearest one that can."""
    found = platform.version
    oldest = _OLDEST[platform.system, platform.arch]
    newest = _NEWEST.get(platform.system, found)
    major, minor = max(oldest, min(found, newest))
    return Platform(arch=platform.arch, system=platform.system, major=major, minor=minor)


def library_of(platform: Platform) -> str:
    """`glibc 2.28`, for messages."""
    return f"{_LIBRARIES[platform.system]} {platform.major}.{platform.minor}"


def known_platform(platform: Platform) -> Platform:
    """The oldest platform that uv knows and that takes every wheel of this one.

    uv may then choose a wheel that only the newer library runs, so the caller must check the chosen wheels.
    """
    major, minor = platform.version
    if platform.system == "manylinux":
        minor = next(known for known in _UV_GLIBC if known >= minor)
    elif platform.system == "musllinux":
        major, minor = _NEWEST["musllinux"]
    return Platform(arch=platform.arch, system=platform.system, major=major, minor=minor)
