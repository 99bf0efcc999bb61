"""What is in an image, path by path: of built environments, and the folders above them."""

from __future__ import annotations

from importlib.util import source_from_cache
from typing import TYPE_CHECKING, NamedTuple

from envbuild.environment.contents import recorded_files
from envbuild.image.paths import above

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from envbuild.environment.content_digest import Contents
    from envbuild.image.paths import ImagePaths

REST = ""
"""The part of an environment that belongs to no package."""

_CACHED = "__pycache__"


class Member(NamedTuple):
    """A file, a link or a folder of an image."""

    path: str
    """In the image, without a slash at its beginning."""

    mode: int
    """Permission bits."""

    source: str = ""
    """Where a file's content is on this host; empty for links and folders."""

    size: int = 0
    sha256: str = ""
    """64 hex digits of the content; empty if nothing has recorded them."""

    target: str = ""
    """Of a link; empty for files and folders."""

    same: str = ""
    """Names what several environments have: members with the same text in one layer are one file."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return not self.source and not self.target


def environment_parts(environment: Path, contents: Contents) -> dict[str, list[Member]]:
    """The files and links of an environment by the package's normalised name, or `REST`.

    HostError if it has no site-packages.
    """
    owners = _owners(environment)
    root = str(environment).lstrip("/")
    parts: dict[str, list[Member]] = {}
    for file in contents.files:
        member = Member(
            path=f"{root}/{file.path}",
            mode=file.mode,
            source=f"{environment}/{file.path}",
            size=file.size,
            sha256=file.sha256,
            same=f"{file.sha256} {file.mode} {file.path}",
        )
        parts.setdefault(_owner(file.path, owners), []).append(member)
    for link in contents.links:
        member = Member(path=f"{root}/{link.path}", mode=0o777, target=link.target)
        parts.setdefault(owners.get(link.path, REST), []).append(member)
    return parts


def environment_folders(environment: Path, contents: Contents) -> dict[str, int]:
    """The mode of each folder of an environment, by its path in the image."""
    root = str(environment).lstrip("/")
    return {
        root if folder.path == "." else f"{root}/{folder.path}": folder.mode
        for folder in contents.folders
    }


def with_folders(
    members: Iterable[Member], folders: Mapping[str, int], base: ImagePaths
) -> tuple[Member, ...]:
    """The members with the folders above each, in the order of their paths.

    Folders without a record can be read by everybody, and are left out if the base has them.
    """
    found = {member.path: member for member in members}
    for path in {folder for member in found for folder in above(member)}:
        mode = folders.get(path)
        if path not in found and (mode is not None or base.kind(path) is None):
            found[path] = Member(path=path, mode=0o755 if mode is None else mode)
    return tuple(found[path] for path in sorted(found))


def _owners(environment: Path) -> dict[str, str]:
    """The package that each path of an environment belongs to, by what the RECORDs list."""
    owners: dict[str, str] = {}
    for package, path, _ in recorded_files(environment):
        owners.setdefault(path, package)
    return owners


def _owner(path: str, owners: Mapping[str, str]) -> str:
    """The package of a file; of bytecode that of its module."""
    found = owners.get(path)
    if found is None and _CACHED in path and path.endswith(".pyc"):
        try:
            found = owners.get(source_from_cache(path))
        except ValueError:
            return REST
    return REST if found is None else found
