"""A revision of a git repository, and what was read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.sourcetree.git_access import GitLogin
    from envbuild.sourcetree.snapshot import Snapshot


@value
class GitTree:
    """A revision of a repository."""

    url: str
    """Where this host reaches it, without a user and a password if it is `https:`."""

    shown: str
    """The address as it was declared, without secrets."""

    kind: str
    """`rev`, `tag`, `branch`; empty for the default branch."""

    revision: str
    subdirectory: str = ""
    """The project's folder, with `/`; empty for the whole repository."""

    variable: str = ""
    """The host's variable for its address."""

    login: GitLogin | None = None

    @property
    def words(self) -> str:
        """The revision in messages."""
        named = {"rev": "revision"}.get(self.kind, self.kind)
        return f"{named} {self.revision!r}" if self.kind else "default branch"


@value
class GitRead:
    """What was read of a commit."""

    snapshot: Snapshot
    commit: str
    """40 hex digits."""

    epoch: int
    """The commit's time in seconds."""
