"""The folder of one build, with a copy of its source, and the user who works in it."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.scratch import scratch_folder
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.backend.source import SourceTree
    from envbuild.declaration.declaration import BuildOptions

_NOBODY = "nobody"


@value
class BuildUser:
    """The user who runs a build."""

    name: str
    uid: int
    gid: int

    def can_enter(self, folder: Path) -> bool:
        """Whether the folder's mode lets the user use what is in it."""
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def find_build_user(options: BuildOptions) -> BuildUser | None:
    """The user for a package's builds; None if envbuild does not run as root, or if root is declared."""
    if os.geteuid() != 0:
        return None
    name = options.build_user or _NOBODY
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise HostError(
            Problem(
                file=options.file,
                line=options.line,
                key=f"build.{options.package}.build-user",
                message=f"there is no user {name!r} on this host to build {options.package} as",
                hint="name another one in `build-user`",
            )
        ) from None
    return BuildUser(name=name, uid=entry.pw_uid, gid=entry.pw_gid) if entry.pw_uid else None


@value
class Workplace:
    """The folders of one build."""

    root: Path
    user: BuildUser | None

    @property
    def source(self) -> Path:
        """The copy of the source; the build may write into it."""
        return self.root / "source"

    @property
    def environment(self) -> Path:
        """The environment with the build requirements."""
        return self.root / "env"

    @property
    def output(self) -> Path:
        """The folder for what the build makes."""
        return self.root / "output"

    @property
    def home(self) -> Path:
        """The build's home."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """The folder for the build's temporary files."""
        return self.root / "tmp"

    def lock(self) -> IO[bytes]:
        """A file that programs hold open while they write the environment."""
        return (self.root / "lock").open("wb")

    def give(self, path: Path) -> None:
        """Let the build's user own a file, or a folder with everything in it."""
        if self.user is None:
            return
        for folder, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(folder, name), self.user.uid, self.user.gid, follow_symlinks=False)
        os.chown(path, self.user.uid, self.user.gid, follow_symlinks=False)

    def covered(self, needed: tuple[Path, ...]) -> tuple[Path, ...]:
        """The folders that the user must not enter and that are above what a build needs; the topmost ones."""
        if self.user is None:
            return ()
        found: dict[Path, None] = {}
        for path in needed:
            for folder in reversed(path.parents):
                if not self.user.can_enter(folder):
                    found[folder] = None
                    break
        return tuple(found)


@contextmanager
def open_workplace(tree: SourceTree, options: BuildOptions) -> Iterator[Workplace]:
    """A folder with a copy of the tree; it is removed at the end, with everything that the build left in it.

    HostError if the disk fails, also while it is used.
    """
    try:
        with _workplace(tree, options) as place:
            yield place
    except OSError as error:
        raise HostError(
            Problem(
                message=f"{tree.name} cannot be built in {tempfile.gettempdir()}: {error}",
                hint="free space there, or name another folder in $TMPDIR",
            )
        ) from error


@contextmanager
def _workplace(tree: SourceTree, options: BuildOptions) -> Iterator[Workplace]:
    with scratch_folder("build") as root:
        place = Workplace(root=root, user=find_build_user(options))
        place.root.chmod(0o755)
        try:
            shutil.copytree(tree.path, place.source, symlinks=True)
        except (OSError, shutil.Error) as error:
            message = f"{tree.name} cannot be copied to be built: {_first_reason(error)}"
            raise HostError(Problem(message=message)) from error
        for folder in (place.output, place.home, place.temporary):
            folder.mkdir()
        for folder in (place.source, place.output, place.home, place.temporary):
            place.give(folder)
        yield place


def _first_reason(error: OSError) -> str:
    reasons = error.args[0] if isinstance(error, shutil.Error) and error.args else None
    if isinstance(reasons, list) and reasons:
        path, _, why = reasons[0]
        return f"{path}: {why}"
    return str(error)
