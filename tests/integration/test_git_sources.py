"""`{ git = … }`: a commit of a repository, locked by its digits and by the digest of its files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.git_sources import declare, lock, locked, refused, repository
from tests.support.repository import commit, git
from tests.support.svc_project import BACKEND, PROJECT, write_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

__all__ = ["lock", "repository"]


@pytest.mark.parametrize("kind", ["", ', tag = "v0.3"', ', branch = "main"', ', rev = "{commit}"'])
def test_a_revision_is_locked_as_a_commit_and_built(
    lock: CommandLine,
    repository: Path,
    project: Path,
    store: Path,
    python_version: str,
    kind: str,
) -> None:
    """A branch that moves changes nothing until somebody asks for it; what is locked is what is built."""
    first = git(repository, "rev-parse", "HEAD")
    declare(lock, python_version, repository, kind.replace("{commit}", first))
    lock("lock", check=True)
    assert locked(project)[0] == first
    write_project(repository, svc__py="x = 2\n")
    second = commit(repository, "two")
    lock("lock", "--check", check=True)
    if kind == ', branch = "main"':
        lock("sync", check=True)
        site = next((store / "current/app").glob("lib/python*/site-packages"))
        assert (site / "svc.py").read_text() == "x = 1\n"
    lock("lock", "--upgrade-package", "helper", check=True)
    assert locked(project)[0] == first
    lock("lock", "--upgrade-package", "svc", check=True)
    moves = kind in ("", ', branch = "main"')
    assert locked(project)[0] == (second if moves else first)


def test_a_project_in_a_subdirectory(
    lock: CommandLine, scratch: Path, project: Path, python_version: str
) -> None:
    """Only its own files count for the digest."""
    folder = scratch / "mono"
    write_project(folder / "packages/svc")
    git(folder, "init")
    commit(folder, "one")
    declare(lock, python_version, folder, ', subdirectory = "packages/svc"')
    lock("lock", check=True)
    before = locked(project)
    (folder / "README").write_text("other")
    commit(folder, "two")
    lock("lock", "--upgrade", check=True)
    after = locked(project)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_what_a_repository_cannot_give_is_one_message(
    lock: CommandLine, repository: Path, scratch: Path, project: Path, python_version: str
) -> None:
    """A missing repository, a missing revision, a missing folder, a submodule, a pointer of Git LFS, a link out."""
    declare(lock, python_version, scratch / "nowhere")
    refused(lock("lock"), 4, "cannot be fetched", project)
    declare(lock, python_version, repository, ', tag = "v9"')
    refused(lock("lock"), 4, "has no tag 'v9'", project)
    declare(lock, python_version, repository, f', rev = "{"0" * 40}"')
    refused(lock("lock"), 4, f"has no commit {'0' * 40}", project)
    declare(lock, python_version, repository, ', subdirectory = "none"')
    refused(lock("lock"), 2, "has no folder 'none'", project)
    declare(lock, python_version, repository)
    write_project(repository, model__bin="version https://git-lfs.github.com/spec/v1\n")
    commit(repository, "lfs")
    refused(lock("lock"), 2, "'model.bin', which is a pointer of Git LFS", project)
    (repository / "model.bin").unlink()
    (repository / "out").symlink_to("../../etc/passwd")
    commit(repository, "link")
    refused(lock("lock"), 2, "the link 'out', which leads out of it", project)
    (repository / "out").unlink()
    inner = write_project(repository / "inner")
    git(inner, "init")
    commit(inner, "x")
    commit(repository, "module")
    refused(lock("lock"), 2, "has a git submodule, 'inner'", project)


def test_a_commit_that_is_gone_is_named(
    lock: CommandLine, repository: Path, project: Path, scratch: Path, python_version: str
) -> None:
    """Somebody has rewritten the history: nothing else is taken in its place."""
    declare(lock, python_version, repository, ', branch = "main"')
    lock("lock", check=True)
    first, _ = locked(project)
    write_project(repository, svc__py="x = 9\n")
    git(repository, "add", "-A")
    git(repository, "commit", "--amend", "-m", "rewritten")
    git(repository, "tag", "-d", "v0.3")
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "--prune=now", "--quiet")
    failed = lock("sync")
    assert (failed.code, failed.stderr.count("error:")) == (4, 1), failed
    assert f"has no commit {first}, which is locked" in failed.stderr, failed
    assert "--upgrade-package" in failed.stderr


def test_nothing_of_a_repository_runs_to_lock_it(
    lock: CommandLine, repository: Path, project: Path, scratch: Path, python_version: str
) -> None:
    """No hook, no filter of the user's git, and no option in an address or a revision."""
    ran = scratch / "ran"
    (repository / ".gitattributes").write_text("* filter=evil\n")
    commit(repository, "attributes")
    hook = repository / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ran}\n")
    hook.chmod(0o755)
    settings = scratch / "home/.gitconfig"
    settings.write_text(f'[filter "evil"]\n\tsmudge = touch {ran}; cat\n')
    declare(lock, python_version, repository)
    lock("lock", check=True)
    assert not ran.exists()
    for url in (
        "--upload-pack=touch x",
        "ext::sh -c touch% x",
        "http://example.com/x.git",
        "x:y",
        "git@x:-y",
        "git@-x:y",
        "me:secret@x:y",
        "git@x:y z",
    ):
        declare(lock, python_version, url)
        assert lock("lock").code == 2, url
    for name in ("--upload-pack=x", "-x", "a..b", "a b", ""):
        declare(lock, python_version, repository, f', rev = "{name}"')
        assert lock("lock").code == 2, name


def test_a_host_says_where_a_repository_is(
    lock: CommandLine, repository: Path, project: Path, python_version: str
) -> None:
    """A mirror gives the same lockfile; a password in its address is in no message and in no file."""
    declare(lock, python_version, "https://git.example.invalid/svc.git", ', tag = "v0.3"')
    lock("lock", env={"ENVBUILD_SOURCE_SVC": str(repository)}, check=True)
    assert locked(project)[0] == git(repository, "rev-parse", "HEAD")
    secret = "https://me:secret@127.0.0.1:9/svc.git"
    failed = lock("lock", "--upgrade", env={"ENVBUILD_SOURCE_SVC": secret})
    assert failed.code == 4, failed
    assert "the git repository https://git.example.invalid/svc.git cannot be fetched" in str(failed)
    assert "secret" not in str(failed)


def test_the_version_may_be_that_of_a_tag(
    lock: CommandLine, repository: Path, project: Path, python_version: str
) -> None:
    """The commit's nearest tag lies in `.git_archival.txt`, as setuptools-scm reads it."""
    dynamic = PROJECT.replace('version = "0.3"', 'dynamic = ["version"] # setuptools-scm')
    backend = BACKEND + (
        "def prepare_metadata_for_build_wheel(folder, config_settings=None):\n"
        "    version = open('.git_archival.txt').read().split('describe-name: v')[1].split('-')[0]\n"
        "    os.mkdir(os.path.join(folder, 'svc-0.3.dist-info'))\n"
        "    with open(os.path.join(folder, 'svc-0.3.dist-info', 'METADATA'), 'w') as stream:\n"
        "        stream.write(f'Metadata-Version: 2.1\\nName: svc\\nVersion: {version}\\n')\n"
        "    return 'svc-0.3.dist-info'\n"
    )
    write_project(repository, pyproject__toml=dynamic, b__py=backend)
    commit(repository, "dynamic")
    git(repository, "tag", "-f", "v0.3")
    declare(lock, python_version, repository)
    text = (project / "drivers.toml").read_text()
    lock.declare(text.replace('requires = ["svc"]', 'requires = ["svc", "helper"]'))
    lock("lock", check=True)
    locked(project)


def _two(run: CommandLine, repository: Path, python: str, rule: str = "") -> None:
    """Two drivers with one project at one version, from two commits."""
    more = "".join(
        f'[drivers.{name}.sources]\nsvc = {{ git = "file://{repository}", {revision} }}\n'
        for name, revision in (("one", 'tag = "v0.3"'), ("two", 'branch = "main"'))
    )
    text = declare_drivers({"one": ["svc"], "two": ["svc"]}, python=python)
    for name in ("one", "two"):
        text = text.replace(f"[drivers.{name}]", f'[drivers.{name}]\nbinary = "helper"')
    run.declare(text + more + rule)


def test_one_version_of_two_commits_is_two(
    lock: CommandLine, repository: Path, python_version: str, project: Path
) -> None:
    """`conflicts`, `[[agree]]` and `[[coexist]]` tell commits apart as they tell versions, and say which they are."""
    (repository / "svc.py").write_text("VALUE = 2\n")
    (commits := [commit(repository, "two")]).insert(
        0, git(repository, "rev-parse", "v0.3^{commit}")
    )
    short = [one[:12] for one in commits]
    _two(lock, repository, python_version)
    lock("lock", check=True)
    answer = lock("conflicts", "one", "two").stdout
    assert "one × two: conflict" in answer, answer
    for name, digits in zip(("one", "two"), short, strict=True):
        assert re.search(rf"{name} \(drivers\.toml:\d+, source\) → svc from git {digits}", answer)
    _two(lock, repository, python_version, '[[agree]]\npackages = ["svc"]\n')
    found = lock("check").stdout
    assert "svc must be the same version of one source everywhere" in found
    assert f"one 0.3 (git {short[0]}), two 0.3 (git {short[1]})" in found
    _two(lock, repository, python_version, '[[coexist]]\ndrivers = ["one", "two"]\n')
    found = lock("check").stdout
    assert (
        f"different versions or sources: svc 0.3 (git {short[0]}) and 0.3 (git {short[1]})" in found
    )
    before = (project / "locks/one.toml").read_bytes()
    joint = lock("lock")
    assert joint.code == 3, joint
    assert "svc would come from two places: a git source and another git source" in joint.stderr
    assert (project / "locks/one.toml").read_bytes() == before


def test_one_source_for_both_is_one(
    lock: CommandLine, repository: Path, python_version: str, scratch: Path
) -> None:
    """The same tree from two clones, and a branch that moved between two locks, can be shared."""
    _two(lock, repository, python_version)
    lock("lock", check=True)  # the branch and the tag are one commit
    assert "one × two: compatible" in lock("conflicts", "one", "two").stdout
    text = (lock.cwd / "drivers.toml").read_text().replace('tag = "v0.3"', 'branch = "main"')
    (lock.cwd / "drivers.toml").write_text(text)
    lock("lock", check=True)
    (repository / "svc.py").write_text("VALUE = 3\n")
    commit(repository, "three")
    lock("lock", "two", "--upgrade", check=True)
    assert "one × two: compatible" in lock("conflicts", "one", "two").stdout
