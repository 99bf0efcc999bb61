"""In whose stores and declarations this user may act: his own, root's, and those of users that he trusts."""

from __future__ import annotations

import os

from envbuild.errors import DeclarationError, HostError, Problem
from envbuild.value import value

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


EVERYWHERE = "*"


@value
class Trust:
    """Decides whether to act in a folder of another user."""

    settings: Path
    """The user's settings, `trust = ["/srv/envbuild"]`; read only for a folder of another user."""

    called_by: int | None
    """The user who called root by sudo, if there is one; his folders are trusted too."""

    everybody: bool
    """`--trust-owner`: trust everybody in this command."""

    def require_store(self, root: Path, marker: Path) -> None:
        """HostError if the store belongs to a user that this one does not trust."""
        owner = self._foreign((root, marker))
        if owner is not None and not self._says_so(root):
            raise HostError(self._problem("the store", root, owner))

    def require_declaration(self, file: Path, locks: Path) -> None:
        """DeclarationError if the declaration, its folder or its lockfiles belong to an untrusted user."""
        folder = file.absolute().parent
        owner = self._foreign((folder, file, locks, *locks.glob("*.toml")))
        if owner is not None and not self._says_so(folder):
            raise DeclarationError(self._problem("the declaration's folder", folder, owner))

    def _foreign(self, paths: Iterable[Path]) -> int | None:
        """The first owner of these paths, links and their targets, who is neither this user nor root."""
        own = {0, os.geteuid()}
        if os.geteuid() == 0 and self.called_by is not None:
            own.add(self.called_by)
        return next((owner for path in paths for owner in _owners(path) if owner not in own), None)

    def _says_so(self, folder: Path) -> bool:
        if self.everybody:
            return True
        named = self._named()
        return EVERYWHERE in named or bool(
            {os.path.abspath(folder), os.path.realpath(folder)} & named  # noqa: PTH100
        )

    def _named(self) -> set[str]:
        """The folders in the settings; none if the file belongs to neither this user nor root.

        Under `sudo` the home may still be the caller's.
        """
        if self._foreign((self.settings.parent, self.settings)) is not None:
            return set()
        return set(read_trusted(self.settings))

    def _problem(self, what: str, folder: Path, owner: int) -> Problem:
        from envbuild.posix.process_table import user_name

        return Problem(
            message=f"{what} {folder} belongs to user {user_name(owner)}, who could run any program "
            f"with the rights of {user_name(os.geteuid())} through this command",
            hint="run it as that user; or, if you trust that user with all your rights, "
            f'add --trust-owner, or trust = ["{folder}"] to {self.settings}',
        )


def _owners(path: Path) -> Iterator[int]:
    """The owners of a path: of the link, if it is one, and of its target; none if it does not exist."""
    for look in (path.lstat, path.stat):
        try:
            yield look().st_uid
        except OSError:
            return


FILE = "settings.toml"


def read_trusted(file: Path) -> tuple[str, ...]:
    """The folders of other users that this one trusts, `*` for all; none if there is no file.

    Errors as in `read_table`.
    """
    from envbuild.store.settings import read_table

    return tuple(read_table(file, {"trust": _refuse_folders}).get("trust", ()))


def _refuse_folders(trusted: object) -> Problem | None:
    if isinstance(trusted, list) and all(map(_is_folder, trusted)):
        return None
    return Problem(message="must be a list of absolute paths, or of '*' for all")


def _is_folder(item: object) -> bool:
    return isinstance(item, str) and (item == "*" or os.path.isabs(item))  # noqa: PTH117
