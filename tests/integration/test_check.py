"""`check`, `diff`, `conflicts`, `why` and `tree` on a real repository, and what they refuse."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from envbuild.commands.check import Checker
from envbuild.declaration.file import read_declaration
from envbuild.lockfile.folder import LockFolder
from tests.support.command_line import ROOT, declare_drivers
from tests.support.repository import git
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def declare(run_envbuild: CommandLine, more: str = "", **drivers: list[str]) -> None:
    """Write `drivers.toml` for these drivers."""
    run_envbuild.declare(declare_drivers(drivers, python="3.11", more=more))


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, project: Path) -> Path:
    """Two drivers that agree on `lib`, locked and committed on `main`."""
    for version in ("1.0", "2.0", "3.0"):
        index.add(Wheel(name="lib", version=version))
    index.add(Wheel(name="app", version="1.0", requires=("lib",)))
    declare(run_envbuild, one=["app"], two=["lib>=2"])
    run_envbuild("lock", check=True)
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message=locked")
    return project


def test_a_conflict_that_a_change_brings_is_told(run_envbuild: CommandLine, fleet: Path) -> None:
    """Against the revision before: what moves, the new conflict with its chains, and no exit code for it."""
    declare(run_envbuild, one=["app", "lib<2"], two=["lib>=2"])
    run_envbuild("lock", check=True)
    result = run_envbuild("check", "--against", "main", "--format", "json")
    assert result.code == 0, result
    (pair,) = result.json["comparison"]["appeared"]
    assert (pair["first"], pair["second"]) == ("one", "two")
    assert result.json["comparison"]["drivers"]["one"]["changes"][0]["after"] == ["1.0"]
    assert [entry["code"] for entry in result.json["findings"]] == ["conflict-appeared"]
    text = run_envbuild("check", "--against", "main").stdout
    assert "one (drivers.toml:8) → lib <2" in text
    back = run_envbuild("diff", "main")
    assert back.code == 0
    assert "major versions\n    ~ lib 3.0 → 1.0" in back.stdout
    assert "the same as in main: two" in back.stdout


def test_a_rule_makes_the_conflict_an_error(run_envbuild: CommandLine, fleet: Path) -> None:
    """Who must coexist and does not costs exit 1 in `check`, and exit 3 in `lock`, which writes nothing."""
    rule = '[[coexist]]\ndrivers = ["one", "two"]\n'
    declare(run_envbuild, one=["app", "lib<2"], two=["lib>=2"])
    run_envbuild("lock", check=True)
    before = (fleet / "locks/one.toml").read_bytes()
    declare(run_envbuild, more=rule, one=["app", "lib<2"], two=["lib>=2"])
    checked = run_envbuild("check")
    assert checked.code == 1
    assert "one and two must coexist and lock different versions: lib 1.0 and 3.0" in checked.stdout
    solved = run_envbuild("check", "--solve")
    assert "no versions on the index allow both" in solved.stdout
    locked = run_envbuild("lock")
    assert locked.code == 3
    assert "drivers.toml:13: coexist.drivers" in locked.stderr
    assert (fleet / "locks/one.toml").read_bytes() == before


def test_lock_gives_who_must_coexist_one_set_of_pins(
    run_envbuild: CommandLine, fleet: Path
) -> None:
    """Resolved together, each gets its own part of the common pins; `check` is content."""
    rule = '[[coexist]]\ndrivers = ["one", "two"]\n'
    declare(run_envbuild, more=rule, one=["app"], two=["lib<3"])
    run_envbuild("lock", check=True)
    assert run_envbuild("check").code == 0
    assert run_envbuild("lock", "--check").code == 0
    assert "lib 2.0" in run_envbuild("tree", "one", check=True).stdout
    assert "app" not in run_envbuild("tree", "two", check=True).stdout
    shared = run_envbuild("conflicts", check=True).stdout
    assert "one × two: compatible, as locked" in shared


def test_lock_makes_packages_agree(run_envbuild: CommandLine, fleet: Path) -> None:
    """A driver that could take any version takes the one that the other must have."""
    rule = '[[agree]]\npackages = ["lib"]\n'
    declare(run_envbuild, more=rule, one=["app"], two=["lib<2"])
    assert run_envbuild("check").code == 1
    run_envbuild("lock", check=True)
    assert "lib 1.0" in run_envbuild("tree", "one", check=True).stdout
    assert run_envbuild("check").code == 0
    declare(run_envbuild, more=rule, one=["app", "lib>=2"], two=["lib<2"])
    torn = run_envbuild("lock")
    assert torn.code == 1
    assert "lib must be the same version everywhere" in torn.stdout


def test_a_rule_about_a_package_that_nobody_has_is_a_mistake(
    run_envbuild: CommandLine, fleet: Path
) -> None:
    """One message with the rule's line, exit 2, and nothing is written."""
    before = (fleet / "locks/one.toml").read_bytes()
    rule = '[[agree]]\npackages = ["libb"]\n'
    declare(run_envbuild, more=rule, one=["app", "lib<3"], two=["lib>=2"])
    for command in ("check", "lock"):
        result = run_envbuild(command)
        assert result.code == 2, result
        assert "drivers.toml:13: agree.packages: no driver of this rule has the package 'libb'" in (
            result.stderr
        )
    assert (fleet / "locks/one.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("conflicts", "oen"), "there is no driver 'oen'"),
        (("why", "one", "libb"), "one has no package 'libb'"),
        (("why", "oen", "lib"), "there is no driver 'oen'"),
        (("tree", "one", "--target", "3.9-x"), "one is not locked for the target '3.9-x'"),
        (("diff", "nowhere"), "git has no revision 'nowhere'"),
        (("check", "--against", "nowhere"), "git has no revision 'nowhere'"),
        (("diff", "main", "--installed"), "cannot be used together"),
    ],
)
def test_what_is_not_there_is_named(
    run_envbuild: CommandLine, fleet: Path, command: tuple[str, ...], message: str
) -> None:
    """One message on stderr, exit 2, nothing on stdout."""
    result = run_envbuild(*command)
    assert result.code == 2, result
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert result.stdout == ""


def test_a_repository_without_a_commit_says_what_to_do(
    run_envbuild: CommandLine, fleet: Path, scratch: Path
) -> None:
    """HEAD names nothing yet, and no fetch would bring it."""
    (fleet / ".git").rename(scratch / "elsewhere")
    git(fleet, "init", "--quiet")
    for command in (("diff",), ("check", "--against", "HEAD")):
        result = run_envbuild(*command)
        assert result.code == 2, result
        assert "the repository has no commit yet" in result.stderr
        assert "hint: commit drivers.toml and locks/" in result.stderr
        assert "None" not in result.stdout + result.stderr


def test_no_repository_and_no_git_are_told_apart(
    run_envbuild: CommandLine, fleet: Path, scratch: Path
) -> None:
    """Each says what is missing; both exit 2."""
    empty = scratch / "empty"
    empty.mkdir()
    without = run_envbuild("diff", env={"PATH": str(empty)})
    assert without.code == 2
    assert "needs git, and there is none on PATH" in without.stderr
    (fleet / ".git").rename(scratch / "elsewhere")
    outside = run_envbuild("diff", env={"GIT_CEILING_DIRECTORIES": str(scratch.parent)})
    assert outside.code == 2
    assert "git finds no repository that it may read here" in outside.stderr


def test_a_shallow_clone_says_what_to_fetch(
    run_envbuild: CommandLine, fleet: Path, scratch: Path
) -> None:
    """A base that is not in the clone is named with the command that fetches it, and that command works."""
    git(fleet, "checkout", "--quiet", "-b", "work")
    (fleet / "note").touch()
    git(fleet, "add", "note")
    git(fleet, "commit", "--quiet", "--message=work")
    clone = scratch / "clone"
    git(scratch, "clone", "--quiet", "--depth=1", "--branch=work", f"file://{fleet}", "clone")
    refused = run_envbuild("check", "--against", "main", cwd=clone)
    assert refused.code == 2
    assert "git fetch --depth=1 origin main" in refused.stderr
    git(clone, "fetch", "--quiet", "--depth=1", "origin", "main")
    assert run_envbuild("check", "--against", "FETCH_HEAD", cwd=clone).code == 0


def test_a_revision_that_cannot_be_compared_with_is_told(
    run_envbuild: CommandLine, fleet: Path
) -> None:
    """An unknown lockfile format there, or a lockfile missing there: exit 2, and the file is named; here it is told."""
    text = (fleet / "locks/one.toml").read_text()
    (fleet / "locks/one.toml").write_text(text.replace("format = 1", "format = 0"))
    git(fleet, "commit", "--quiet", "--all", "--message=older")
    (fleet / "locks/one.toml").unlink()
    git(fleet, "commit", "--quiet", "--all", "--message=none")
    (fleet / "locks/one.toml").write_text(text)
    for revision, message in (
        ("HEAD~1", "HEAD~1:locks/one.toml: format:"),
        ("HEAD", "one is declared at HEAD and has no lockfile there"),
    ):
        for command in (("diff", revision), ("check", "--against", revision)):
            result = run_envbuild(*command)
            assert result.code == 2, result
            assert message in result.stderr
    (fleet / "locks/one.toml").unlink()
    here = run_envbuild("diff", "main~2")
    assert here.code == 0
    assert "one: no lockfile yet" in here.stdout
    assert run_envbuild("check").code == 1


def test_every_change_of_a_byte_is_found(scratch: Path) -> None:
    """A hundred single bytes of the repository's own lockfiles, changed at random: `check` finds each."""
    rng = random.Random(3)
    project = scratch / "copy"
    (project / "locks").mkdir(parents=True)
    (project / "drivers.toml").write_bytes((ROOT / "drivers.toml").read_bytes())
    originals = {path.name: path.read_bytes() for path in (ROOT / "locks").glob("*.toml")}
    for name, content in originals.items():
        (project / "locks" / name).write_bytes(content)
    checker = Checker(
        declaration=read_declaration(project / "drivers.toml"),
        folder=LockFolder(path=project / "locks", shown="locks"),
        declaration_name="drivers.toml",
    )
    assert checker.check().exit_code == 0
    for _ in range(100):
        name = rng.choice(sorted(originals))
        changed = bytearray(originals[name])
        place = rng.randrange(len(changed))
        changed[place] = (changed[place] + rng.randrange(1, 256)) % 256
        (project / "locks" / name).write_bytes(changed)
        result = checker.check()
        assert result.exit_code == 1, (name, place)
        assert "broken-lockfile" in {finding.code for finding in result.findings}
        (project / "locks" / name).write_bytes(originals[name])
