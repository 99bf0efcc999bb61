"""Reading a commit of a repository that somebody else made."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.posix.process import SystemRunner
from envbuild.sourcetree import listing
from envbuild.sourcetree.git_mirror import GitMirrors
from envbuild.sourcetree.git_tree import GitTree
from tests.support.repository import commit, git
from tests.support.sources import write_files

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.sourcetree.git_tree import GitRead


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a project in a folder, and a link to it."""
    folder = write_files(tmp_path / "r", {"pkg/svc/svc.py": "x = 1\n", "README": "x"})
    (folder / "link").symlink_to("pkg/svc")
    git(folder, "init")
    commit(folder, "one")
    return folder


def read(repository: Path, tmp_path: Path, subdirectory: str = "") -> tuple[GitRead, Path]:
    """What is read of its default branch, and the copy."""
    mirrors = GitMirrors(SystemRunner(), os.environ, tmp_path / "cache")
    url = f"file://{repository}"
    tree = GitTree(url=url, shown=url, kind="", revision="", subdirectory=subdirectory)
    copy = tmp_path / "copy"
    copy.mkdir()
    return mirrors.read(tree, None, copy), copy


def refusal(repository: Path, tmp_path: Path, subdirectory: str = "") -> str:
    """Why it cannot be a source."""
    with pytest.raises(UsageError) as caught:
        read(repository, tmp_path, subdirectory)
    return str(caught.value)


def test_a_subdirectory_is_read_alone(repository: Path, tmp_path: Path) -> None:
    """With names relative to it."""
    found, copy = read(repository, tmp_path, "pkg/svc")
    assert found.snapshot.size == len("x = 1\n")
    assert [path.name for path in copy.iterdir()] == ["svc.py"]
    assert found.commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("subdirectory", ["none", "README", "link", "pkg/svc/svc.py"])
def test_what_is_no_folder_is_refused(repository: Path, tmp_path: Path, subdirectory: str) -> None:
    """A link to one, too."""
    assert f"has no folder '{subdirectory}'" in refusal(repository, tmp_path, subdirectory)


def test_a_tree_of_billions_of_files_is_refused(repository: Path, tmp_path: Path) -> None:
    """A few objects name one another many times: nothing is unpacked, and no memory is filled."""
    entry = f"100644 blob {git(repository, 'hash-object', '-w', 'README')}"
    for _ in range(11):
        rows = "".join(f"{entry}\t{number}\n" for number in range(10))
        done = subprocess.run(
            ("git", "mktree"),
            cwd=repository,
            input=rows,
            capture_output=True,
            text=True,
            check=True,
        )
        entry = f"040000 tree {done.stdout.strip()}"
    made = git(repository, "commit-tree", entry.split()[-1], "-m", "bomb")
    git(repository, "reset", "--soft", made)
    assert "has more than 50000 files" in refusal(repository, tmp_path)


def test_files_are_measured_before_they_are_written(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros take no room in a repository; on the disk they would."""
    (repository / "zeros").write_bytes(bytes(2 << 20))
    commit(repository, "zeros")
    monkeypatch.setattr(listing, "MOST_BYTES", 1 << 20)
    assert "has more than 0 GiB" in refusal(repository, tmp_path)
    assert not list((tmp_path / "copy").iterdir())
