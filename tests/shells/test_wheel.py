"""A wheel has the version of its tag, and data for shells and man, wherever it is built from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from envbuild.uv.executable import uv_executable
from tests.support.repository import git

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.index,
    pytest.mark.skipif(not os.environ.get("ENVBUILD_SHELLS"), reason="of the session `shells`"),
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with one commit, which has what lies in this checkout, and no tag."""
    folder = tmp_path / "clone"
    names = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(tmp_path, "init", "--quiet", str(folder))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    return folder


def build(source: Path, *options: str) -> Path:
    """What uv builds of a folder or an sdist."""
    out = source.parent / "dist"
    shutil.rmtree(out, ignore_errors=True)
    command = (uv_executable(), "build", "--quiet", "--out-dir", str(out), *options, str(source))
    subprocess.run(command, check=True, timeout=300)
    (built,) = (path for path in out.iterdir() if path.suffix in (".whl", ".gz"))
    return built


def version_of(wheel: Path) -> str:
    """The version in the METADATA, which is the one that the package itself says."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        version = HeaderParser().parsestr(archive.read(metadata).decode())["Version"]
        assert repr(version) in archive.read("envbuild/_version.py").decode()
    return str(version)


def test_the_version_follows_the_tag(clone: Path, tmp_path: Path) -> None:
    """On the tag, behind it, without any, without git, and from an sdist, which knows its own."""
    assert version_of(build(clone, "--wheel")).startswith("0.2.0.dev")
    git(clone, "tag", "v0.3.0")
    assert version_of(build(clone, "--wheel")) == "0.3.0"
    sdist = shutil.copy(build(clone, "--sdist"), tmp_path)
    assert version_of(build(Path(sdist), "--wheel")) == "0.3.0"
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "more")
    assert version_of(build(clone, "--wheel")).startswith("0.3.1.dev1+g")
    shutil.rmtree(clone / ".git")
    assert version_of(build(clone, "--wheel")) == "0.2.0.dev0"


def test_the_data_is_where_shells_and_man_look(clone: Path) -> None:
    """The completions of this checkout, and pages that man shows without a warning."""
    with zipfile.ZipFile(build(clone, "--wheel")) as archive:
        archive.extractall(clone.parent / "wheel")
    (data,) = (clone.parent / "wheel").glob("envbuild-*.data/data/share")
    shared = sorted(path for path in (ROOT / "share").rglob("*") if path.is_file())
    for path in shared:
        assert (data / path.relative_to(ROOT / "share")).read_text() == path.read_text()
    pages = sorted((data / "man/man1").glob("envbuild*.1"))
    assert len(pages) > 30
    if shutil.which("man") is None:
        pytest.skip("NOT TESTED: there is no man; apt-get install man-db")
    for page in pages:
        done = subprocess.run(
            ("man", "--warnings", "-E", "UTF-8", "-l", str(page)), capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "ENVBUILD" in done.stdout


def test_one_file_is_enough_for_a_new_user(clone: Path, scratch: Path) -> None:
    """envbuild.pyz locks and builds with an empty home and nothing on PATH but the system's programs."""
    subprocess.run(
        (sys.executable, "-I", clone / "scripts/zipapp/build.py"), check=True, timeout=300
    )
    words = {"HOME": str(scratch), "PATH": "/usr/bin:/bin"}

    def typed(line: str) -> str:
        argv = (sys.executable, str(clone / "dist/envbuild.pyz"), *line.split())
        done = subprocess.run(
            argv, cwd=scratch, env=words, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert typed("--version").startswith("envbuild 0.2.0.dev")
    for line in ("init --bare", "add tqdm tqdm", "lock", "sync"):
        typed(line)
    assert "tqdm" in typed("list")
    typed("verify")
