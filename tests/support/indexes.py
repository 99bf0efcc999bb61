"""Parts of the index rooms, put together for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.declaration import Declaration
from envbuild.declaration.index import Index, index_variable
from envbuild.index.places import locate_indexes
from envbuild.resolution.resolution import ResolvedFile
from tests.support.wheels import Sdist, Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.index.locations import IndexLocations


TOP = command_wheel("top", "1.0", requires=("base",))
BASE = Wheel(name="base", version="1.0")
"""What `top` requires."""

LOGIN = ("kim", "p@ss:w/rd%")
"""A user, and a password that an address can only have encoded."""

FAILED = 4
"""The exit code where an index failed."""


def locations(default: str | Path, **bound: tuple[str | Path, str]) -> IndexLocations:
    """A default index at a URL or in a folder, and others: name=(place, pattern of packages)."""
    indexes = tuple(
        Index(name=name, url=None, path="/nowhere", packages=(pattern,), line=1)
        for name, (_, pattern) in bound.items()
    )
    environ = {index_variable("default"): str(default)}
    environ |= {index_variable(name): str(place) for name, (place, _) in bound.items()}
    declaration = Declaration(file="drivers.toml", digest="", drivers=(), indexes=indexes)
    return locate_indexes(declaration, environ, learn_nothing)


def learn_nothing(_: str | None) -> str:
    """Stand in for asking uv, which no test of given places may come to."""
    raise AssertionError("uv was asked for the address of an index")


def resolved(wheel: Wheel | Sdist, url: str = "") -> ResolvedFile:
    """A file as a resolution names it."""
    from packaging.utils import canonicalize_name

    version = wheel.filename.split("-")[1].removesuffix(".tar.gz")
    return ResolvedFile(
        package=canonicalize_name(wheel.name),
        version=version,
        file=wheel.filename,
        url=url,
        sha256=wheel.sha256,
        indexes=(),
    )
