"""Files as git keeps them at a revision."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.system.process import Command, scrubbed_environment
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.system.process import Completed, Runner

_TIMEOUT = 60.0


@value
class Git:
    """Asks git about the repository that a folder lies in."""

    runner: Runner
    executable: str
    """Git's absolute path."""

    folder: str
    """The absolute folder that relative paths start at."""

    environment: tuple[tuple[str, str], ...]

    def commit(self, revision: str) -> str:
        """The commit that a revision means; UsageError says what to fetch where git has it not."""
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
        """A file's text at a commit, its path relative to the folder; None where it has none there."""
        done = self._run("show", f"{commit}:./{path}")
        return done.stdout if done.code == 0 else None

    def names(self, commit: str, folder: str) -> tuple[str, ...]:
        """The names in a folder at a commit; empty where there is no such folder."""
        done = self._run("ls-tree", "--name-only", "-z", f"{commit}:./{folder}")
        return tuple(name for name in done.stdout.split("\0") if name) if done.code == 0 else ()

    def _run(self, *arguments: str) -> Completed:
        return self.runner.run(
            Command(
                argv=(self.executable, "--no-optional-locks", *arguments),
                env=self.environment,
                cwd=self.folder,
                timeout=_TIMEOUT,
            )
        )


def find_git(runner: Runner, environment: Mapping[str, str], folder: str) -> Git:
    """Git as the user's `PATH` finds it; UsageError where there is none."""
    executable = shutil.which("git", path=environment.get("PATH"))
    if executable is None:
        message = "comparing with a revision needs git, and there is none on PATH"
        raise UsageError(Problem(message=message, hint="install git"))
    return Git(
        runner=runner,
        executable=executable,
        folder=folder,
        environment=scrubbed_environment(environment, LC_ALL="C", GIT_TERMINAL_PROMPT="0"),
    )


def _no_repository(folder: str, done: Completed) -> Problem:
    return Problem(
        file=folder,
        message="git finds no repository that it may read here",
        detail=done.stderr,
        hint="a revision can be compared with only inside a git repository",
    )


def _unknown_revision(revision: str, *, shallow: bool) -> Problem:
    if shallow:
        return Problem(
            message=f"git does not have the revision {revision!r}, and the clone is shallow",
            hint=f"run `git fetch --depth=1 origin {revision}` and name FETCH_HEAD, "
            "or clone with the whole history (`fetch-depth: 0` on GitHub)",
        )
    return Problem(
        message=f"git knows no revision {revision!r}",
        hint=f"run `git fetch origin {revision}`, or check its spelling",
    )
