"""What container runtimes would refuse, or would run otherwise than it was built: found before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem
from envbuild.image.base import WHITEOUT
from envbuild.image.layers import MOST_LAYERS
from envbuild.image.paths import FILE, FOLDER, PROGRAM, ImagePaths, link_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.image.base import BaseImage
    from envbuild.image.members import Member

_LONGEST = 4095
"""Bytes of a path; no file system call takes a longer one."""

_MOST_PROBLEMS = 20
_SPECIAL_BITS = 0o7000

_LOADERS = {
    ("amd64", "manylinux"): "lib64/ld-linux-x86-64.so.2",
    ("arm64", "manylinux"): "lib/ld-linux-aarch64.so.1",
    ("amd64", "musllinux"): "lib/ld-musl-x86_64.so.1",
    ("arm64", "musllinux"): "lib/ld-musl-aarch64.so.1",
}
"""The loader of each C library."""


def member_problems(members: Iterable[Member], base: ImagePaths) -> list[Problem]:
    """Names, modes and links of an image's members that cannot be in one; the first twenty."""
    paths = tuple(members)
    for member in paths:
        kind = FOLDER if member.is_folder else link_to(member.target) if member.target else FILE
        base.add(member.path, kind)
    found: list[Problem] = []
    for member in paths:
        reason = _reason(member, base)
        if reason is not None:
            found.append(Problem(message=f"/{_shown(member.path)} cannot be in an image: {reason}"))
            if len(found) == _MOST_PROBLEMS:
                break
    return found


def _reason(member: Member, paths: ImagePaths) -> str | None:
    try:
        encoded = member.path.encode()
        member.target.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if any(word.startswith(WHITEOUT) for word in member.path.split("/")):
        return f"names that begin with {WHITEOUT} mark removed files"
    if len(encoded) > _LONGEST:
        return f"its path has {len(encoded)} bytes, but at most {_LONGEST} are allowed"
    if member.mode & _SPECIAL_BITS:
        return f"its mode is {member.mode:o}, with a set-user-ID, set-group-ID or sticky bit"
    if member.target and paths.resolve(member.path) is None:
        return f"it is a link to {_shown(member.target)}, which the image does not have"
    return None


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()[:300]


def base_problems(
    base: BaseImage, *, architecture: str, library: str, environments: Iterable[str]
) -> Iterator[Problem]:
    """What in a base keeps environments from running there, or would mix with them.

    `library` is `manylinux` or `musllinux`; paths are absolute.
    """
    most = MOST_LAYERS - 2
    if len(base.layers) > most:
        yield _base_problem(
            f"the base {base.name} has {len(base.layers)} layers, but an image has at most {MOST_LAYERS}, "
            f"{MOST_LAYERS - most} of them for added files",
            "name a base with fewer layers, or squash it",
        )
    loader = _LOADERS.get((architecture, library))
    if loader is not None and base.paths.resolve(loader) is None:
        yield _base_problem(
            f"the base {base.name} has no /{loader}: what is built for {library} does not start there",
            "name a base with glibc, such as one of Debian"
            if library == "manylinux"
            else "name a base with musl",
        )
    for path in environments:
        odd = base.paths.first_odd_folder(path)
        if odd is not None:
            message = (
                f"/{_shown(odd)} is not a folder in the base {base.name}, and {path} is below it"
            )
            yield _base_problem(message, "sync into a store at another path")
        elif base.paths.kind(path) is not None:
            message = f"the base {base.name} has {path} already"
            yield _base_problem(message, "name a base that was not made from this store")


def python_problem(
    driver: str, python: str, base: BaseImage | None, *, managed: bool
) -> Problem | None:
    """Why a driver's Python is missing in the image; None if the base has it, or the store has it."""
    if managed or (base is not None and base.paths.resolve(python) == PROGRAM):
        return None
    if base is None:
        return Problem(
            message=f"{driver} runs on {python}, which is a Python of this host and not of the store",
            hint="name a base that has it at this path with --base, "
            'or take a Python of the store with `python-source = "store"`',
        )
    return _base_problem(
        f"{driver} runs on {python}, which the base {base.name} does not have",
        'name a base that has it, or take a Python of the store with `python-source = "store"`',
    )


def _base_problem(message: str, hint: str) -> Problem:
    return Problem(key="--base", message=message, hint=hint)
