"""The source at a commit of a git repository, out of a bare mirror below envbuild's cache.

Only the program git is run, without hooks, filters, prompts and submodules.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.digest import sha256_hex
from envbuild.errors import HostError, Problem
from envbuild.lockfile.git import DESCRIBE
from envbuild.posix.file_locks import locked
from envbuild.posix.files import make_private
from envbuild.posix.process import Command, find_program, scrubbed_environment
from envbuild.sourcetree.git_access import OWN_SETTINGS, GitAccess, access_to
from envbuild.sourcetree.git_faults import gone, offline, unreachable, words_of
from envbuild.sourcetree.git_tree import GitRead
from envbuild.sourcetree.listing import MOST_FILES, refuse_endless, refused
from envbuild.sourcetree.snapshot import (
    ARCHIVAL,
    archival,
    read_tree,
    takes_version_from_git,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.posix.process import Completed, Runner
    from envbuild.sourcetree.git_tree import GitTree

_FETCH_TIMEOUT = 1800.0
_TIMEOUT = 300.0
_MOST_MIRROR = 8 << 30
"""Bytes of a mirror."""

_MEMORY = 128 << 20
"""Bytes of data that git may use to list a commit: enough for twenty times as many files as a source may have."""

_ONLY_THE_PROJECT = "name its folder by `subdirectory`, or a repository that only has the project"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_KEPT_OF_GIT = ("GIT_CONFIG", "GIT_SSL_", "GIT_SSH", "GIT_PROXY_", "GIT_HTTP_")
"""The caller's own settings of how a server is reached."""

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.alternateRefsCommand=",
    "core.symlinks=true",
    "core.autocrlf=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
)
_HEAD = "refs/envbuild/HEAD"


class GitMirrors:
    """Mirrors of repositories below a folder."""

    def __init__(
        self, runner: Runner, environment: Mapping[str, str], cache: Path, *, offline: bool = False
    ) -> None:
        """`cache` is envbuild's private folder; `offline` fetches from repositories on this host alone."""
        self._runner = runner
        self._environment = environment
        self._folder = cache / "git"
        self._offline = offline

    def read(self, tree: GitTree, commit: str | None, copy: Path) -> GitRead:
        """Copy the files of a commit into an empty folder; without a commit, of the revision as it is now.

        IndexFailureError if the repository does not give it, UsageError if it cannot be a source,
        HostError without git.
        """
        make_private(self._folder)
        mirror = self._folder / f"{sha256_hex(tree.url.encode())[:32]}.git"
        with locked(f"{mirror}.lock", timeout=_FETCH_TIMEOUT):
            self._make(tree, mirror)
            found = self._find(tree, mirror, commit)
        with tempfile.TemporaryDirectory(prefix="envbuild-git-") as name:
            work = Path(name, "work")
            work.mkdir()
            paths = self._check_out(tree, mirror, found, work, Path(name, "index"))
            scm = takes_version_from_git(str(work), paths)
            more = {ARCHIVAL: archival(found, self._described(tree, mirror, found))} if scm else {}
            snapshot = read_tree(str(work), paths, shown=tree.shown, copy=copy, more=more)
        time = self._run(tree, mirror, "show", "--no-patch", "--format=%ct", found).stdout.strip()
        return GitRead(snapshot=snapshot, commit=found, epoch=int(time) if time.isdigit() else 0)

    def _make(self, tree: GitTree, mirror: Path) -> None:
        if not (mirror / "HEAD").exists():
            mirror.mkdir(exist_ok=True)
            words = ("init", "--quiet", "--bare", "--template=", str(mirror))
            self._run(tree, mirror, *words, bare=False)

    def _find(self, tree: GitTree, mirror: Path, commit: str | None) -> str:
        """The commit, fetched unless it is named and here."""
        exact = commit or (tree.revision if _COMMIT.fullmatch(tree.revision) else None)
        if exact is not None and self._has(tree, mirror, exact):
            return exact
        if self._offline and not tree.url.startswith("file://"):
            raise offline(tree)
        refs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", f"+HEAD:{_HEAD}")
        fetched = self._fetch(tree, mirror, *refs, prune=True)
        if fetched.code != 0:
            raise unreachable(tree, fetched, _FETCH_TIMEOUT)
        if exact is not None:
            if not self._has(tree, mirror, exact):
                self._fetch(tree, mirror, exact)  # some servers give a commit that no branch has
            if self._has(tree, mirror, exact):
                return exact
            raise gone(tree, f"commit {exact}", kept=commit is not None)
        names = {"tag": f"refs/tags/{tree.revision}", "branch": f"refs/heads/{tree.revision}"}
        name = names.get(tree.kind, tree.revision or _HEAD)
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        done = self._run(tree, mirror, *words)
        if done.code != 0:
            raise gone(tree, tree.words, kept=False)
        return done.stdout.strip()

    def _has(self, tree: GitTree, mirror: Path, commit: str) -> bool:
        return self._run(tree, mirror, "cat-file", "-e", f"{commit}^{{commit}}").code == 0

    def _fetch(self, tree: GitTree, mirror: Path, *refs: str, prune: bool = False) -> Completed:
        with tempfile.TemporaryDirectory(prefix="envbuild-git-") as folder:
            own = self._own_settings(tree, mirror)
            access = access_to(tree.url, tree.login, self._environment, own, Path(folder))
            return self._run(
                tree,
                mirror,
                *("fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head"),
                *("--no-recurse-submodules", "--upload-pack=git-upload-pack"),
                *(*(("--prune",) if prune else ()), "--", tree.url, *refs),
                timeout=_FETCH_TIMEOUT,
                access=access,
            )

    def _own_settings(self, tree: GitTree, mirror: Path) -> frozenset[str]:
        """The names of the user's settings that say how a server is reached."""
        asked = ("config", "--name-only", "--get-regexp", OWN_SETTINGS)
        done = self._run(tree, mirror, *asked, bare=False, access=GitAccess())
        return frozenset(done.stdout.lower().split())

    def _check_out(
        self, tree: GitTree, mirror: Path, commit: str, work: Path, index: Path
    ) -> tuple[str, ...]:
        """Write the files of a commit, or of its subdirectory; their paths.

        They are counted and measured before, as a small repository can have billions of files, or of bytes.
        """
        here = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(work)}
        root = self._root(tree, mirror, commit)
        done = self._run(tree, mirror, "read-tree", root, more=here, memory=_MEMORY)
        if done.code != 0 and "memory" in done.stderr:
            raise refused(tree.shown, f"has more than {MOST_FILES} files", _ONLY_THE_PROJECT)
        self._must(done, tree, mirror)
        listed = self._must(
            self._run(tree, mirror, "ls-tree", "-r", "-l", "-z", "--full-tree", root), tree, mirror
        )
        rows = [row.partition("\t") for row in listed.stdout.split("\0") if row]
        self._check(tree, rows)
        words = ("checkout-index", "--all", "--quiet", f"--prefix={work}/")
        self._must(self._run(tree, mirror, *words, more=here), tree, mirror)
        return tuple(path for _, _, path in rows)

    def _root(self, tree: GitTree, mirror: Path, commit: str) -> str:
        """The commit, or the git tree of its subdirectory; UsageError without that."""
        if not tree.subdirectory:
            return commit
        words = ("ls-tree", "-d", "-z", "--full-tree", commit, "--", tree.subdirectory)
        head, _, path = self._run(tree, mirror, *words).stdout.rstrip("\0").partition("\t")
        if path != tree.subdirectory or not head.startswith("040000 tree "):
            hint = "check `subdirectory`"
            raise refused(tree.shown, f"has no folder {tree.subdirectory!r} at {commit[:12]}", hint)
        return head.split()[2]

    def _check(self, tree: GitTree, rows: list[tuple[str, str, str]]) -> None:
        """UsageError for files that are too many or too large together, and for a submodule."""
        refuse_endless(tree.shown, files=len(rows), hint=_ONLY_THE_PROJECT)
        sizes = [(head.split(), path) for head, _, path in rows]
        for (mode, *_), path in sizes:
            if mode == "160000":
                hint = "name the submodule's own repository as a source"
                raise refused(tree.shown, f"has a git submodule, {path!r}, which is not read", hint)
        size = sum(int(size) for (*_, size), _ in sizes)
        refuse_endless(tree.shown, size=size, hint=_ONLY_THE_PROJECT)

    def _described(self, tree: GitTree, mirror: Path, commit: str) -> str:
        done = self._run(tree, mirror, *DESCRIBE, commit)
        return done.stdout.strip() if done.code == 0 else ""

    def _must(self, done: Completed, tree: GitTree, mirror: Path) -> Completed:
        """What git came to; HostError if it failed."""
        if done.code != 0:
            message = f"git cannot read the mirror of {tree.shown}"
            hint = f"remove {mirror}, which is made again"
            raise HostError(Problem(message=message, detail=words_of(done, tree), hint=hint))
        return done

    def _run(
        self,
        tree: GitTree,
        mirror: Path,
        *words: str,
        timeout: float = _TIMEOUT,
        more: Mapping[str, str] | None = None,
        bare: bool = True,
        access: GitAccess | None = None,
        memory: int | None = None,
    ) -> Completed:
        """Run git; with an `access` as the user himself, by his own settings."""
        git = find_program("git", self._environment.get("PATH"))
        if git is None:
            message = f"the source {tree.shown} needs git, and there is none on PATH"
            raise HostError(Problem(message=message, hint="install git"))
        given = (*_SETTINGS, *(access.settings if access else ()))
        settings = (part for setting in given for part in ("-c", setting))
        where = (f"--git-dir={mirror}",) if bare else ()
        more = more or (access.variables if access else {})
        return self._runner.run(
            Command(
                argv=(git, "--no-pager", *settings, *where, *words),
                env=self._variables(more, own=access is None),
                cwd=str(mirror),
                timeout=timeout,
                memory=memory,
                ends_group=True,
                watch=(lambda _: _too_large(mirror)) if access else None,
            )
        )

    def _variables(self, more: Mapping[str, str], *, own: bool) -> tuple[tuple[str, str], ...]:
        """The environment; what is `own` obeys no settings of the user, as a filter of his would run a program."""
        kept = {
            name: text
            for name, text in self._environment.items()
            if not name.startswith("GIT_") or name.startswith(_KEPT_OF_GIT)
        }
        if own:
            more = {**more, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return scrubbed_environment(
            kept,
            **{
                "LC_ALL": "C",
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_ASKPASS": "",
                "SSH_ASKPASS": "",
                "GIT_ALLOW_PROTOCOL": "https:ssh:file",
                "GIT_ATTR_NOSYSTEM": "1",
                "GIT_NO_REPLACE_OBJECTS": "1",
                "GIT_LFS_SKIP_SMUDGE": "1",
                **more,
            },
        )


def _too_large(mirror: Path) -> str | None:
    size = 0
    for folder, _, names in os.walk(mirror):
        for name in names:
            try:
                size += os.lstat(f"{folder}/{name}").st_size
            except OSError:
                continue
    return f"it is larger than {_MOST_MIRROR >> 30} GiB" if size > _MOST_MIRROR else None
