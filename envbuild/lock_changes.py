"""What one lockfile has that another has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.lock import Lockfile


@value
class Change:
    """A package whose locked versions differ."""

    package: str
    before: tuple[str, ...]
    """The versions locked before, over all targets, in order; empty where it is new."""

    after: tuple[str, ...]
    """The versions locked now; empty where it is gone."""

    @property
    def kind(self) -> str:
        """`added`, `removed` or `moved`."""
        if not self.before:
            return "added"
        return "moved" if self.after else "removed"


def compare_lockfiles(before: Lockfile | None, after: Lockfile) -> tuple[Change, ...]:
    """Every package whose versions differ, in name order."""
    old = _versions(before) if before is not None else {}
    new = _versions(after)
    return tuple(
        Change(package=name, before=old.get(name, ()), after=new.get(name, ()))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def _versions(lockfile: Lockfile) -> dict[str, tuple[str, ...]]:
    versions: dict[str, tuple[str, ...]] = {}
    for package in lockfile.packages:
        known = versions.get(package.name, ())
        if package.version not in known:
            versions[package.name] = (*known, package.version)
    return versions
