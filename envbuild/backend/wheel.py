"""Whether what a build has made is the wheel that was wanted."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from envbuild.target.wheel_choice import best_wheel, parse_wheel_name
from envbuild.wheelcache.metadata import find_metadata, parse_metadata

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.backend.source import SourceTree
    from envbuild.target.target import Target

_SHOWN = 5


def find_wheel(output: Path, said: str, tree: SourceTree, target: Target) -> Path:
    """The one wheel in the output folder; ValueError says what is wrong with what is there.

    `said` is the name that the build backend returned.
    It must be of the tree's package and version (a local version may be added, PEP 440) and fit the target.
    """
    names = sorted(path.name for path in output.iterdir())
    wheels = [name for name in names if name.endswith(".whl")]
    if len(wheels) != 1:
        shown = ", ".join(wheels[:_SHOWN]) or "none"
        raise ValueError(f"it made {len(wheels)} wheels, not one: {shown}")
    (name,) = wheels
    if said != name:
        raise ValueError(f"its build backend says that it made {said!r}, and made {name!r}")
    wheel = output / name
    if not stat.S_ISREG(wheel.lstat().st_mode):
        raise ValueError(f"{name} is not a file")
    _check_name(name, tree, target)
    with wheel.open("rb") as stream:
        content = find_metadata(stream, tree.package)
    parse_metadata(content, tree.package, 0, tree.version, built=True)
    return wheel


def _check_name(name: str, tree: SourceTree, target: Target) -> None:
    from packaging.version import Version

    package, version, *_ = parse_wheel_name(name)
    if package != tree.package:
        raise ValueError(f"it made a wheel of another package: {name}")
    if tree.version is not None:
        wanted = Version(tree.version)
        if version != wanted and version.public != str(wanted):
            raise ValueError(f"it made a wheel of another version than {tree.version}: {name}")
    if best_wheel((name,), target) is None:
        raise ValueError(f"it made a wheel that does not fit {target}: {name}")
