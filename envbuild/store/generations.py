"""The generations of a store: their numbers, the current one, their manifests.

Quick verbs import this module: no pathlib.
"""

from __future__ import annotations

import os

from envbuild.errors import HostError, NoError, Problem
from envbuild.lean_json import read_ordinary
from envbuild.posix.shortage import pass_shortage_on
from envbuild.store.guard import require_store
from envbuild.store.manifest import parse_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.store.manifest import Manifest


def generation_numbers(root: Path | str) -> tuple[int, ...]:
    """The number of every complete generation, in order."""
    try:
        names = os.listdir(f"{root}/generations")  # noqa: PTH208
    except FileNotFoundError:
        return ()
    return tuple(sorted(int(name) for name in names if name.isdecimal()))


def is_unused(root: Path | str) -> bool:
    """Whether nothing was ever synced: there is no folder, an empty one, or a store without generations."""
    try:
        require_store(root)
    except NoError:
        return True
    return not (os.path.lexists(f"{root}/current") or generation_numbers(root))


def current_number(root: Path | str) -> int | None:
    """The number of the generation that `current` names; None if it names none."""
    try:
        name = os.path.basename(os.readlink(f"{root}/current"))  # noqa: PTH115, PTH119
    except OSError:
        return None
    return int(name) if name.isdecimal() else None


def read_manifest(file: str) -> Manifest | None:
    """The manifest in a file; None if there is no such file, HostError if it cannot be read."""
    try:
        text = read_ordinary(file).decode()
    except FileNotFoundError:
        return None
    except OSError as error:
        pass_shortage_on(error)
        raise HostError(Problem(message=f"cannot read {file}: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise HostError(Problem(message=f"cannot read {file}: {error}")) from error
    return parse_manifest(text, file=file)


def readable_manifest(root: Path | str, number: int | None) -> Manifest | None:
    """The manifest of a generation; None if it cannot be read."""
    try:
        return read_manifest(f"{root}/generations/{number}/manifest.json")
    except HostError:
        return None


def elsewhere(root: Path | str, manifest: Manifest) -> Problem | None:
    """The problem of a store that is not at the path that a generation's environments name; else None.

    A store that is reached through a link, or is mounted twice, is the same one.
    """
    for driver in manifest.drivers:
        folder, name = os.path.split(driver.environment)
        own = f"{root}/envs/{name}"
        if driver.environment != own and not _is_same(driver.environment, own):
            made = os.path.dirname(folder)  # noqa: PTH120
            return Problem(
                message=f"the environments were built for a store at {made}, and do not work at {root}",
                hint=f"mount it at {made}; or build it again at another path with `envbuild store move DIR`",
            )
    return None


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)  # noqa: PTH121
    except OSError:
        return False
