"""Read files at a git revision, so that nothing in a repository makes git run a program."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.posix.input_file import MOST_LOCKFILE
from envbuild.posix.process import Command, find_program, scrubbed_environment
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.posix.process import Completed, Runner

_TIMEOUT = 60.0
_MOST_NAMES = 10_000
_MOST_WORDS = 2000
"""The longest output of git that is shown, in characters."""

DESCRIBE = ("describe", "--tags", "--long", "--abbrev=40", "--match", "*[0-9]*")
"""Asks for the nearest tag that looks like a version; the whole commit, as clones abbreviate it differently."""

_MISSING = "is not in this clone, and envbuild does not fetch it"
_KEPT = ("PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "DEVELOPER_DIR")
_KEPT_OF_GIT = ("GIT_CONFIG", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")
"""The caller's own settings that are kept: they may have `safe.directory`."""

_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_SETTINGS = (
    "safe.bareRepository=explicit",
    "protocol.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.alternateRefsCommand=",
    "core.pager=cat",
    "diff.external=",
)
"""Settings that a repository's own configuration must not decide."""


@value
class Git:
    """Runs git's plumbing commands in the repository of a folder."""

    runner: Runner
    executable: str
    """Git's absolute path."""

    folder: str
    """The absolute folder for relative paths."""

    environment: tuple[tuple[str, str], ...]

    def commit(self, revision: str) -> str:
        """The commit of a revision; UsageError says what to fetch if git does not have it."""
        done = self._run("rev-parse", "--is-shallow-repository")
        if done.code != 0:
            raise UsageError(_no_repository(self.folder, done))
        shallow = done.stdout.strip() == "true"
        for name in (revision, f"origin/{revision}"):
            found = self._run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
            )
            if found.code == 0:
                return found.stdout.strip()
        raise UsageError(_unknown_revision(revision, shallow=shallow))

    def read(self, commit: str, path: str) -> str | None:
        """A file's text at a commit, its path relative to the folder; None if it does not exist there.

        UsageError for a link, which could lead anywhere, and for a file that is too large.
        """
        listed = self._entries(commit, f"./{path}")
        if not listed:
            return None
        mode, kind, identity, size = listed[0].partition("\t")[0].split()
        if kind != "blob" or mode == "120000":
            raise _unreadable(commit, path, "is not an ordinary file there")
        if not size.isdigit():
            raise _unreadable(commit, path, _MISSING)
        if int(size) > MOST_LOCKFILE:
            raise _unreadable(commit, path, f"is larger than {MOST_LOCKFILE >> 20} MiB")
        done = self._run("cat-file", "blob", identity)
        if done.code != 0:
            raise _unreadable(commit, path, _MISSING)
        return done.stdout

    def names(self, commit: str, folder: str) -> tuple[str, ...]:
        """The names in a folder at a commit; empty if there is no such folder."""
        entries = self._entries(commit, f"./{folder}/")
        if len(entries) > _MOST_NAMES:
            raise _unreadable(commit, folder, f"has more than {_MOST_NAMES} files")
        return tuple(entry.partition("\t")[2].rpartition("/")[2] for entry in entries)

    def tracked(self) -> tuple[tuple[str, str], ...]:
        """Mode and path of every file below the folder that git tracks; empty if it may not read here."""
        done = self._run("ls-files", "-z", "--stage", "--cached", "--", ".")
        rows = (row.partition("\t") for row in done.stdout.split("\0") if row)
        return tuple((head.split()[0], path) for head, _, path in rows) if done.code == 0 else ()

    def described(self) -> tuple[str, str]:
        """The commit that is checked out, and its nearest tag as `git describe --long` has it, else nothing."""
        commit = self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").stdout.strip()
        done = self._run(*DESCRIBE, "HEAD")
        return commit, done.stdout.strip() if done.code == 0 else ""

    def index_file(self) -> str:
        """The path of the file that says what is tracked."""
        found = self._run("rev-parse", "--git-path", "index").stdout.strip()
        return os.path.join(self.folder, found)  # noqa: PTH118

    def _entries(self, commit: str, path: str) -> tuple[str, ...]:
        """`MODE TYPE IDENTITY SIZE<tab>PATH` of a file, or of each entry of a folder."""
        done = self._run("ls-tree", "-z", "--long", commit, "--", path)
        return tuple(entry for entry in done.stdout.split("\0") if entry) if done.code == 0 else ()

    def _run(self, *arguments: str) -> Completed:
        settings = (part for setting in _SETTINGS for part in ("-c", setting))
        return self.runner.run(
            Command(
                argv=(self.executable, "--no-optional-locks", "--no-pager", *settings, *arguments),
                env=self.environment,
                cwd=self.folder,
                timeout=_TIMEOUT,
            )
        )


def find_git(runner: Runner, environment: Mapping[str, str], folder: str) -> Git:
    """Git from the absolute folders of `PATH`; UsageError if there is none.

    UsageError also for a bare repository inside a checkout, because git would obey its settings.
    """
    executable = find_program("git", environment.get("PATH"))
    if executable is None:
        message = "comparing with a revision needs git, and there is none on PATH"
        raise UsageError(Problem(message=message, hint="install git"))
    _refuse_planted_repository(folder)
    return Git(
        runner=runner,
        executable=executable,
        folder=folder,
        environment=_environment(environment),
    )


def _environment(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    kept = {
        name: text
        for name, text in environment.items()
        if name in _KEPT or name.startswith(_KEPT_OF_GIT)
    }
    return scrubbed_environment(kept, **_ENVIRONMENT)


def _refuse_planted_repository(folder: str) -> None:
    """Git before 2.38 does not know `safe.bareRepository`, and treats a folder with these three as a repository."""
    at = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(at, ".git")):  # noqa: PTH118
        if all(os.path.lexists(os.path.join(at, name)) for name in ("HEAD", "objects", "refs")):  # noqa: PTH118
            raise UsageError(
                Problem(
                    file=at,
                    message="this is a bare repository, and its settings are not trusted",
                    hint="compare in a clone that has its files checked out",
                )
            )
        if at == os.path.dirname(at):  # noqa: PTH120
            return
        at = os.path.dirname(at)  # noqa: PTH120


def _unreadable(commit: str, path: str, what: str) -> UsageError:
    hint = "compare with a revision that has it as an ordinary file"
    return UsageError(Problem(file=f"{commit}:{path}", message=f"it {what}", hint=hint))


def _no_repository(folder: str, done: Completed) -> Problem:
    return Problem(
        file=folder,
        message="git finds no repository that it may read here",
        detail=done.stderr[:_MOST_WORDS],
        hint="a revision can be compared with only inside a git repository",
    )


def _unknown_revision(revision: str, *, shallow: bool) -> Problem:
    if shallow:
        return Problem(
            message=f"git does not have the revision {revision!r}, and the clone is shallow",
            hint=f"run `git fetch --depth=1 origin {revision}` and name FETCH_HEAD, "
            "or clone with the whole history (`fetch-depth: 0` on GitHub)",
        )
    if revision == "HEAD":
        message = "the repository has no commit yet, so there is nothing to compare with"
        hint = "commit drivers.toml and locks/, then compare what you change after that"
        return Problem(message=message, hint=hint)
    return Problem(
        message=f"git has no revision {revision!r}",
        hint=f"run `git fetch origin {revision}`, or check its spelling",
    )
