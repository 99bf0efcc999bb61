"""`{ path = … }`: folders, wheels and archives beside the declaration, locked by what a build reads of them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.repository import git
from tests.support.sources import write_files
from tests.support.svc_project import PROJECT, write_project
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer


@pytest.fixture
def lock(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """The command line where `app` needs `svc`, which lies in `svc/`."""
    index.add(Wheel(name="helper"))
    declare(run_envbuild, python_version)
    return run_envbuild


def declare(run: CommandLine, python: str, path: str = "svc", more: str = "") -> None:
    """One driver with a path source."""
    text = f'[sources]\nsvc = {{ path = "{path}" }}\n{more}'
    run.declare(
        declare_drivers({"app": ["svc"]}, python=python, more=text).replace(
            "[drivers.app]", '[drivers.app]\nbinary = "helper"'
        )
    )


def digest(project: Path) -> str:
    """The locked digest of the source."""
    text = (project / "locks/app.toml").read_text()
    found = re.search(r'name = "svc-0\.3\.tree", size = \d+, sha256 = "([0-9a-f]{64})"', text)
    assert found is not None, text
    return found[1]


def refused(result: Result, words: str) -> None:
    """One message, exit 2."""
    assert (result.code, result.stderr.count("error:")) == (2, 1), result
    assert words in result.stderr, result


def test_a_folder_is_locked_by_what_a_build_reads(lock: CommandLine, project: Path) -> None:
    """Nothing is built; the lockfile has a digest and no path; what builds leave behind does not count."""
    write_project(project / "svc")
    lock("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    assert 'source = "path"' in text
    assert re.search(r'sources = \["svc=path:[0-9a-f]{64}"\]', text)
    assert 'requires = ["helper"]' in text
    before = digest(project)
    lock("lock", "--check", check=True)
    write_project(
        project / "svc",
        **{"build/x__py": "", "svc.egg-info/PKG-INFO": "", "__pycache__/a__pyc": ""},
    )
    lock("lock", "--check", check=True)
    write_project(project / "svc", svc__py="x = 2\n")
    stale = lock("lock", "--check")
    assert (stale.code, "the source of svc was changed: svc" in str(stale)) == (1, True), stale
    assert "is stale: the source of svc was changed: svc" in str(lock("check"))
    lock("lock", "app", check=True)
    assert digest(project) != before
    write_project(project / "svc", svc__py="x = 1\n")
    lock("lock", check=True)
    assert digest(project) == before
    (project / "svc/svc.py").chmod(0o755)
    assert lock("lock", "--check").code == 1
    (project / "svc/svc.py").chmod(0o644)
    (project / "svc/more.py").touch()
    assert lock("lock", "--check").code == 1


def test_a_folder_is_built_once_and_only_as_it_was_locked(
    lock: CommandLine, project: Path, store: Path
) -> None:
    """The wheel is kept: a source that has moved since is no obstacle to what is built, and none to build otherwise."""
    write_project(project / "svc")
    lock("lock", check=True)
    lock("sync", check=True)
    site = next((store / "current/app").glob("lib/python*/site-packages"))
    assert (site / "svc.py").exists()
    assert lock("verify").code == 0
    for name in ("requirements", "pylock"):
        export = lock("export", name, "app")
        assert (export.code, "svc is built from a folder" in export.stderr) == (2, True), export
    assert lock("export", "cyclonedx", "app", check=True).stdout.count("envbuild:source") == 1
    write_project(project / "svc", svc__py="x = 2\n")
    lock("lock", check=True)
    write_project(project / "svc", svc__py="x = 3\n")
    moved = lock("sync")
    assert moved.code != 0
    assert moved.stderr.count("error:") == 1, moved
    assert "the source of svc was changed since it was locked: svc" in moved.stderr, moved


def test_git_says_which_files_count(lock: CommandLine, project: Path) -> None:
    """Only what it tracks, as it lies there; an ignored or a new file changes nothing, and a commit neither."""
    write_project(project / "svc")
    git(project, "init")
    git(project, "add", "svc")
    lock("lock", check=True)
    before = digest(project)
    write_project(project / "svc", new__txt="x")
    git(project, "commit", "-m", "one")
    lock("lock", "--check", check=True)
    git(project, "add", "svc")
    assert lock("lock", "--check").code == 1
    git(project, "reset", "-q", "svc/new.txt")
    lock("lock", "--check", check=True)
    assert digest(project) == before


def test_two_clones_lock_the_same(lock: CommandLine, project: Path, scratch: Path) -> None:
    """Wherever a clone lies, and wherever a host says that the source is, the lockfile is the same."""
    write_project(project / "svc")
    lock("lock", check=True)
    first = (project / "locks/app.toml").read_bytes()
    other = write_project(scratch / "elsewhere/here")
    (project / "svc").rename(scratch / "gone")
    refused(lock("lock", "--check"), "the source svc is not a folder")
    moved = {"ENVBUILD_SOURCE_SVC": str(other)}
    lock("lock", "--check", env=moved, check=True)
    lock("lock", "--upgrade", env=moved, check=True)
    assert (project / "locks/app.toml").read_bytes() == first
    refused(lock("lock", env={"ENVBUILD_SOURCE_SVC": "here"}), "$ENVBUILD_SOURCE_SVC")


@pytest.mark.parametrize("kind", ["dots", "link", "link inside", "absolute link inside"])
def test_what_leaves_the_repository_is_refused(
    lock: CommandLine, project: Path, scratch: Path, python_version: str, kind: str
) -> None:
    """By its path, by a link that it is, and by links in it: nothing outside is read."""
    outside = write_project(scratch / "outside")
    write_project(project / "svc")
    if kind == "dots":
        declare(lock, python_version, "../outside")
    elif kind == "link":
        (project / "linked").symlink_to(outside)
        declare(lock, python_version, "linked")
    elif kind == "link inside":
        (project / "svc/data").symlink_to("../../outside")
    else:
        (project / "svc/data").symlink_to(project / "svc/svc.py")
    refused(lock("lock"), "leave" if "inside" not in kind else "leads out of it")
    assert not (project / "locks").exists()


def test_what_cannot_be_a_source_is_one_message(lock: CommandLine, project: Path) -> None:
    """Pipes, pointers of Git LFS, submodules, another package's project, a project without a version."""
    folder = write_project(project / "svc")
    os.mkfifo(folder / "pipe")
    refused(
        lock("lock"), "sources.svc: app: the source svc has 'pipe', which is not an ordinary file"
    )
    (folder / "pipe").unlink()
    write_project(folder, model__bin="version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    refused(lock("lock"), "'model.bin', which is a pointer of Git LFS")
    (folder / "model.bin").unlink()
    write_project(folder, pyproject__toml=PROJECT.replace('"svc"', '"other"', 1))
    other = lock("lock")
    assert (other.code, other.stderr.count("error:")) == (4, 1), other
    assert "its METADATA is that of 'other'" in other.stderr
    write_project(
        folder, pyproject__toml=PROJECT.replace('version = "0.3"', 'dynamic = ["version"]')
    )
    broken = lock("lock")
    assert (broken.code, broken.stderr.count("error:")) == (5, 1), broken
    assert not (project / "locks").exists()


def test_a_submodule_is_refused(lock: CommandLine, project: Path) -> None:
    """Its files are another repository's, which is not read unasked."""
    folder = write_project(project / "svc")
    inner = write_project(folder / "inner")
    git(inner, "init")
    git(inner, "add", ".")
    git(inner, "commit", "-m", "x")
    git(project, "init")
    git(project, "add", "svc")
    refused(lock("lock"), "has a git submodule, 'inner'")


def test_a_wheel_and_an_archive_by_path(
    lock: CommandLine, project: Path, python_version: str
) -> None:
    """A wheel needs no build, an archive is locked by its sha256; changed bytes are stale, and not an attack."""
    wheel = Wheel(name="svc", version="0.3", requires=("helper",))
    wheel.write(project / "files")
    declare(lock, python_version, f"files/{wheel.filename}")
    lock("lock", check=True)
    assert wheel.sha256 in (project / "locks/app.toml").read_text()
    lock("lock", "--check", check=True)
    lock("sync", check=True)
    changed = Wheel(name="svc", version="0.3", requires=("helper",), files={"y.py": ""})
    changed.write(project / "files")
    stale = lock("lock", "--check")
    assert (stale.code, "the source of svc was changed" in str(stale)) == (1, True), stale
    lock("lock", check=True)
    assert changed.sha256 in (project / "locks/app.toml").read_text()
    archive = Sdist(wheel=wheel)
    archive.write(project / "files")
    declare(lock, python_version, f"files/{archive.filename}")
    lock("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    assert f'name = "{archive.filename}"' in text
    assert archive.sha256 in text
    lock("lock", "--check", check=True)


def test_the_version_may_be_that_of_a_tag(lock: CommandLine, project: Path) -> None:
    """setuptools-scm finds it in `.git_archival.txt`, which the copy has and the folder has not."""
    backend = (
        "import re\nfrom pathlib import Path\n"
        "def prepare_metadata_for_build_wheel(folder, config_settings=None):\n"
        "    text = Path('.git_archival.txt').read_text()\n"
        "    version = re.search(r'describe-name: v([0-9.]+)-0-g', text)[1]\n"
        "    info = Path(folder, 'svc-0.3.dist-info')\n    info.mkdir()\n"
        "    info.joinpath('METADATA').write_text("
        "f'Metadata-Version: 2.1\\nName: svc\\nVersion: {version}\\nRequires-Dist: helper\\n')\n"
        "    return info.name\n"
    )
    dynamic = (
        '[project]\nname = "svc"\ndynamic = ["version"]\n[tool.setuptools_scm]\n'
        '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
    )
    write_project(project / "svc", pyproject__toml=dynamic, b__py=backend)
    git(project, "init")
    git(project, "add", "svc")
    git(project, "commit", "-m", "x")
    git(project, "tag", "v0.3")
    lock("lock", check=True)
    digest(project)
    git(project, "config", "core.abbrev", "20")  # as in a clone with more objects
    lock("lock", "--check", check=True)
    assert not (project / "svc/.git_archival.txt").exists()


def test_a_conflict_with_a_source_is_told_as_one(
    lock: CommandLine, project: Path, index: IndexServer, python_version: str
) -> None:
    """Nothing says that it may not be built: the words are those of the requirements that exclude each other."""
    index.add(Wheel(name="helper", version="2.0"))
    write_project(project / "svc", pyproject__toml=PROJECT.replace('"helper"', '"helper>=2"'))
    declare(lock, python_version)
    text = (project / "drivers.toml").read_text()
    lock.declare(text.replace('requires = ["svc"]', 'requires = ["svc", "helper<2"]'))
    result = lock("lock")
    assert result.code == 3, result
    assert "no set of versions satisfies app" in result.stderr
    assert "helper>=2" in result.stderr
    assert "sdist" not in result.stderr
    assert "source distribution" not in result.stderr


_SCM = """
[build-system]
requires = ["setuptools>=77", "setuptools-scm>=8"]
build-backend = "setuptools.build_meta"
[project]
name = "svc"
dynamic = ["version"]
[project.scripts]
svc = "svc:main"
[tool.setuptools]
py-modules = ["svc"]
[tool.setuptools_scm]
"""


@pytest.mark.index
def test_setuptools_scm_has_the_version_of_the_tag(
    run_envbuild_online: CommandLine, project: Path, store: Path, python_version: str
) -> None:
    """The real one: of a folder and of a commit, one commit after the tag; the environment says the same."""
    files = {"pyproject.toml": _SCM, "svc.py": "def main():\n    print('here')\n"}
    svc = write_files(project / "svc", files)
    git(project, "init")
    git(project, "add", "-A")
    git(project, "commit", "-m", "one")
    git(project, "tag", "v1.2")
    (svc / "svc.py").write_text("def main():\n    print('there')\n")
    git(project, "commit", "-a", "-m", "two")
    commit = git(project, "rev-parse", "HEAD")
    text = declare_drivers({"folder": ["svc"], "commit": ["svc"]}, python=python_version)
    text = re.sub(r"(\[drivers\.\w+\])", r'\1\nbinary = "svc"', text)
    run_envbuild_online.declare(
        f'{text}[drivers.folder.sources]\nsvc = {{ path = "svc" }}\n'
        f'[drivers.commit.sources]\nsvc = {{ git = "file://{project}", subdirectory = "svc" }}\n'
    )
    run_envbuild_online("lock", check=True)
    run_envbuild_online("sync", check=True)
    for driver in ("folder", "commit"):
        locked = (project / f"locks/{driver}.toml").read_text()
        version = locked.partition('name = "svc"\nversion = "')[2].partition('"')[0]
        first, _, node = version.partition("+g")
        assert first == "1.3.dev1"
        assert commit.startswith(node)
        assert len(node) > 6
        assert run_envbuild_online("run", driver, check=True).stdout == "there\n"
        site = next((store / "current" / driver).glob("lib/python*/site-packages"))
        assert (site / f"svc-{version}.dist-info").is_dir()


CIRCLE = """
[build-system]
requires = ["{requires}"]
build-backend = "{requires}"
[project]
name = "{name}"
{version}
"""


@pytest.mark.parametrize("version", ['version = "1.0"', 'dynamic = ["version"]'])
@pytest.mark.parametrize("other", ["svc", "tool"])
def test_a_circle_of_build_requirements_is_one_message(
    lock: CommandLine,
    project: Path,
    index: IndexServer,
    python_version: str,
    other: str,
    version: str,
) -> None:
    """A project that is built with itself, or two with each other: no index stands in, and nothing hangs."""
    index.add(Wheel(name="tool"), Wheel(name="svc"))
    for name, requires in (("svc", other), ("tool", "svc")):
        text = CIRCLE.format(name=name, requires=requires, version=version)
        write_project(project / name, pyproject__toml=text)
    declared = declare_drivers({"app": ["svc"]}, python=python_version)
    declared += 'module = "svc"\n[sources]\nsvc = { path = "svc" }\ntool = { path = "tool" }\n'
    lock.declare(declared)
    words = "svc itself, which has to be built first" if other == "svc" else "tool, which comes as"
    result = lock("lock")
    assert (result.code, result.stderr.count("error:")) == (3, 1), result
    assert f"building svc requires {words}" in result.stderr, result
    assert not (project / "locks").exists()


def test_a_problem_of_a_source_has_its_line(
    lock: CommandLine, project: Path, python_version: str
) -> None:
    """File, line and key are those of the source, and not of the driver that requires it."""
    declared = declare_drivers({"app": ["svc"]}, python=python_version)
    lock.declare(f'{declared}[sources]\nsvc = {{ path = "../elsewhere" }}\n')
    lines = (project / "drivers.toml").read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.startswith("svc ="))
    assert (
        f"drivers.toml:{number}: sources.svc: app: the source ../elsewhere leaves"
        in lock("lock").stderr
    )
