"""Paths that several wheels have: the first package by name gets them, on every host.

So the content depends only on the chosen files, which the environment's key is made from:
the same key means the same content, also after a repair.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.build.site import ContestedPath
from envbuild.errors import IndexFailureError, Problem
from envbuild.wheelcache.modules import Module, cached_path
from envbuild.wheelcache.unpacked_wheel import wheel_facts
from envbuild.wheelcache.wheels import WheelCache

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from envbuild.build.site import Filled, Site
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.wheelcache.wheels import LinkedWheel


def settle_clashes(
    site: Site, filled: Filled, roots: Mapping[str, Path]
) -> tuple[ContestedPath, ...]:
    """Link every path that several wheels have from the first of them by name.

    `roots` has the wheel's folder in the cache, by sha256.
    IndexFailureError if a file of one wheel is a folder of another.
    """
    clashes = tuple(_clashes(site, filled))
    lost: dict[str, set[str]] = {}
    for clash in clashes:
        lost.setdefault(clash.winner.sha256, set()).add(clash.path)
        filled.known.pop(clash.place, None)
        with suppress(FileNotFoundError):
            os.unlink(site.locate(clash.path))  # noqa: PTH108
    for sha256, paths in lost.items():
        again = WheelCache(roots[sha256]).link(
            sha256,
            site.target,
            environment=os.fsencode(site.environment),
            minor=site.minor,
            only=paths,
        )
        if again is not None:
            filled.known |= site.by_path(again.linked.files)
    return clashes


def contested_modules(
    site: Site, filled: Filled, clashes: tuple[ContestedPath, ...]
) -> list[Module]:
    """Remove bytecode that may belong to another wheel; returns the modules to compile again."""
    modules = []
    for clash in clashes:
        path = cached_path(clash.path, site.wanted.interpreter.cache_tag)
        if not clash.differs or path is None or not clash.path.endswith(".py"):
            continue
        if clash.path.startswith("../"):
            continue
        filled.known.pop(site.path(path), None)
        with suppress(FileNotFoundError):
            os.unlink(site.locate(path))  # noqa: PTH108
        modules.append(Module(path=clash.path))
    return modules


def _clashes(site: Site, filled: Filled) -> Iterator[ContestedPath]:
    met = {
        site.path(path)
        for wheel in filled.linked.values()
        for path in (*[file.path for file in wheel.linked.met], *wheel.met)
    }
    if not met:
        return
    owners: dict[str, list[tuple[ChosenFile, str, object]]] = {path: [] for path in sorted(met)}
    for file in sorted(site.wanted.files, key=lambda file: file.package):
        for path, content in _contents(filled.linked[file.sha256]):
            place = site.path(path)
            if place in owners:
                owners[place].append((file, path, content))
    for place, found in owners.items():
        if len(found) < 2:
            raise _in_the_way(site, place, found[0][0] if found else None)
        winner, path, content = found[0]
        yield ContestedPath(
            path=path,
            place=place,
            winner=winner,
            losers=tuple(file for file, _, other in found[1:] if other != content),
            differs=any(other != content for _, _, other in found[1:]),
        )


def _contents(wheel: LinkedWheel) -> Iterator[tuple[str, object]]:
    for file in wheel.linked.entry.files:
        yield file.path, (file.mode, file.sha256)
    facts = wheel_facts(wheel.linked.entry.facts)
    for script in facts.scripts if facts is not None else ():
        yield script.path, (script.mode, script.parts)


def _in_the_way(site: Site, place: str, file: ChosenFile | None) -> IndexFailureError:
    owner = file.file if file is not None else "a wheel"
    return IndexFailureError(
        Problem(
            message=f"{site.wanted.driver.name}: {place} of {owner} cannot be installed: "
            "another wheel has a file or a folder at that path",
            hint='lock without one of them (constraints = ["NAME!=VERSION"])',
        )
    )
