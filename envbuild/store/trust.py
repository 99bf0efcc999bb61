"""Whose stores and declarations this user acts in: his own, root's, and those that he says he trusts."""

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
    """What decides whether a folder that is somebody else's is acted in."""

    settings: Path
    """The user's own settings, `trust = ["/srv/envbuild"]`; read only where somebody else's folder is met."""

    called_by: int | None
    """The user who called root by sudo, where one did: what is his, is trusted as well."""

    everybody: bool
    """`--trust-owner`: this once."""

    def require_store(self, root: Path, marker: Path) -> None:
        """HostError if the store belongs to a user that this one does not trust."""
        owner = self._foreign((root, marker))
        if owner is not None and not self._says_so(root):
            raise HostError(self._problem("the store", root, owner))

    def require_declaration(self, file: Path, locks: Path) -> None:
        """The same of a declaration, its folder and its lockfiles, as DeclarationError."""
        folder = file.absolute().parent
        owner = self._foreign((folder, file, locks, *locks.glob("*.toml")))
        if owner is not None and not self._says_so(folder):
            raise DeclarationError(self._problem("the declaration's folder", folder, owner))

    def _foreign(self, paths: Iterable[Path]) -> int | None:
        """The first owner of these, or of the links that they are, who is neither this user nor root."""
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
        """The folders that the settings name; none where the file is not this user's own, or root's.

        Under `sudo` a home may still be the caller's.
        """
        if self._foreign((self.settings.parent, self.settings)) is not None:
            return set()
        return set(read_trusted(self.settings))

    def _problem(self, what: str, folder: Path, owner: int) -> Problem:
        from envbuild.posix.process_table import user_name

        return Problem(
            message=f"{what} {folder} belongs to user {user_name(owner)}, who could make this command "
            f"do as he likes with the rights of {user_name(os.geteuid())}",
            hint="run it as that user; or, if you trust him with all that you may do, "
            f'add --trust-owner, or trust = ["{folder}"] to {self.settings}',
        )


def _owners(path: Path) -> Iterator[int]:
    """Who owns what is at a path: the link, if it is one, and what it leads to; nobody where nothing is."""
    for look in (path.lstat, path.stat):
        try:
            yield look().st_uid
        except OSError:
            return


FILE = "settings.toml"


def read_trusted(file: Path) -> tuple[str, ...]:
    """The folders of other users that this one trusts, `*` for all; none if there is no file.

    Errors as in `read_setting`.
    """
    from envbuild.store.settings import read_setting

    trusted = read_setting(file, "trust", _refuse_folders)
    return tuple(trusted) if isinstance(trusted, list) else ()


def _refuse_folders(trusted: object) -> Problem | None:
    if isinstance(trusted, list) and all(map(_is_folder, trusted)):
        return None
    return Problem(message="must be a list of absolute paths, or of '*' for all")


def _is_folder(item: object) -> bool:
    return isinstance(item, str) and (item == "*" or os.path.isabs(item))  # noqa: PTH117
