"""The attacker can change a pull request: `drivers.toml`, `locks/`, links, any file of the repository.

He does not control the base branch, the runner, or the command line.
Promised is that reading his branch runs none of his code, reads nothing outside the repository,
and ends soon, in little memory, with a documented exit code.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from envbuild.target.target import parse_target
from tests.support.attacked import Repository
from tests.support.hostile import BROKEN, DECLARATIONS
from tests.support.mutation import sign
from tests.support.repository import git
from tests.support.values import make_package

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.lockfile.lockfile import LockedPackage

DRIVER = '[drivers.a]\nrequires = ["a"]\n'
SECRET = "TOKEN-7d1f"


@pytest.fixture
def repository(project: Path) -> Repository:
    """A driver `a`, locked."""
    found = Repository(folder=project)
    found.declare(DRIVER)
    found.lock()
    return found


def _commit(repository: Repository) -> None:
    git(repository.folder, "init", "--quiet", "--initial-branch=main")
    git(repository.folder, "add", ".")
    git(repository.folder, "commit", "--quiet", "--message=base")


class TestGit:
    """He controls what git finds in the checkout."""

    @pytest.mark.parametrize("verb", [("check", "--against", "HEAD"), ("diff", "HEAD")])
    def test_a_planted_bare_repository_runs_nothing(
        self, repository: Repository, scratch: Path, verb: tuple[str, ...]
    ) -> None:
        """He commits a folder that git takes for a bare repository, with an `ext::` promisor in its settings."""
        ran = scratch / "ran"
        _plant(repository.folder, f'ext::sh -c "touch {ran}; false"')
        result = repository.run(*verb)
        assert not ran.exists()
        assert result.code == 2, result
        assert "bare repository" in result.stderr

    def test_the_checkouts_own_settings_run_nothing(
        self, repository: Repository, scratch: Path
    ) -> None:
        """He got settings into the clone itself: a promisor, a monitor, a text converter, hooks."""
        _commit(repository)
        ran = scratch / "ran"
        blob = git(repository.folder, "rev-parse", "HEAD:locks/a.toml")
        shout = f"sh -c 'touch {ran}; cat'"
        for key, setting in (
            ("core.fsmonitor", shout),
            ("diff.shout.textconv", shout),
            ("diff.external", shout),
            ("core.hooksPath", str(repository.folder)),
            ("core.repositoryformatversion", "1"),
            ("extensions.partialClone", "origin"),
            ("remote.origin.promisor", "true"),
            ("remote.origin.url", f'ext::sh -c "touch {ran}; false"'),
            ("protocol.ext.allow", "always"),
        ):
            git(repository.folder, "config", key, setting)
        (repository.folder / ".gitattributes").write_text("*.toml diff=shout\n")
        (repository.folder / ".git/objects" / blob[:2] / blob[2:]).unlink()
        result = repository.run("diff", "HEAD")
        assert not ran.exists()
        assert result.code == 2, result
        assert "is not in this clone" in result.stderr

    def test_git_is_not_looked_for_in_the_checkout(
        self, repository: Repository, scratch: Path
    ) -> None:
        """He adds a program `git`; the runner's PATH names the working folder by a relative path."""
        _commit(repository)
        fake = repository.folder / "git"
        fake.write_text(f"#!/bin/sh\ntouch {scratch}/ran\n")
        fake.chmod(0o755)
        result = repository.run("diff", "HEAD", PATH=f".::{os.environ['PATH']}")
        assert not (scratch / "ran").exists()
        assert result.code == 0, result

    @pytest.mark.parametrize("name", ["drivers.toml", "locks/a.toml"])
    def test_a_link_at_a_revision_is_not_text(self, repository: Repository, name: str) -> None:
        """He committed a link in place of a file, whose target would be taken for its content."""
        path = repository.folder / name
        text = path.read_text()
        path.unlink()
        path.symlink_to("/etc/passwd")
        _commit(repository)
        path.unlink()
        path.write_text(text)
        result = repository.run("diff", "HEAD")
        assert result.code == 2, result
        assert "is not an ordinary file there" in result.stderr

    def test_a_huge_file_at_a_revision_is_refused(self, repository: Repository) -> None:
        """He committed a lockfile of 30 MB, which is little to push."""
        path = repository.folder / "locks/a.toml"
        text = path.read_text()
        with path.open("wb") as stream:
            stream.truncate(30_000_000)
        _commit(repository)
        path.write_text(text)
        result = repository.run("diff", "HEAD")
        assert result.code == 2, result
        assert "larger than 4 MiB" in result.stderr


def _plant(folder: Path, url: str) -> None:
    """Make the folder a bare repository whose one object has to be fetched by a command."""
    for name in ("objects", "refs"):
        (folder / name).mkdir()
    (folder / "HEAD").write_text("1" * 40 + "\n")
    (folder / "config").write_text(
        "[core]\nrepositoryformatversion = 1\nbare = true\n"
        "[extensions]\npartialClone = origin\n"
        f'[remote "origin"]\npromisor = true\nurl = {url.replace(chr(34), chr(92) + chr(34))}\n'
        '[protocol "ext"]\nallow = always\n'
    )


class TestFiles:
    """He controls what the names in the checkout lead to."""

    @pytest.mark.parametrize("name", ["drivers.toml", "locks/a.toml", "locks/a.pins"])
    @pytest.mark.parametrize("kind", ["zero", "fifo", "environment", "secret", "folder", "large"])
    def test_what_is_no_file_of_the_repository_is_refused(
        self, repository: Repository, scratch: Path, name: str, kind: str
    ) -> None:
        """He puts a link to a device, the runner's environment or a secret there, a pipe, or gigabytes."""
        _replace(repository.folder / name, kind, scratch)
        results = repository.read_all([("check",), ("lock", "--check"), ("show",)])
        for words, result in results.items():
            assert SECRET not in str(result)
            if name == "drivers.toml":
                assert result.code == 2, f"{words}: {result}"
        if name == "locks/a.toml":
            assert results["check"].code == 1
            assert "broken-lockfile" in results["check"].stdout

    def test_the_pins_of_another_file_are_not_told(
        self, repository: Repository, scratch: Path
    ) -> None:
        """He links `locks/a.pins` to a secret; locking must say that, and nothing of what is in it."""
        (repository.folder / "locks/a.toml").unlink()
        _replace(repository.folder / "locks/a.pins", "secret", scratch)
        result = repository.run("lock")
        assert result.code == 1, result
        assert "leads out of the declaration's folder" in result.stderr
        assert SECRET not in str(result)

    def test_pins_that_are_none_are_named_by_line(self, repository: Repository) -> None:
        """He checks in a file that is none of pins: the line's number is told, not the line."""
        (repository.folder / "locks/a.toml").unlink()
        (repository.folder / "locks/a.pins").write_text(f"a==1\n{SECRET * 9999}\n")
        result = repository.run("lock")
        assert result.code == 1, result
        assert "line 2 is not a pin" in result.stderr
        assert SECRET not in str(result)

    def test_a_folder_of_locks_elsewhere_is_not_listed(
        self, repository: Repository, scratch: Path
    ) -> None:
        """He links `locks` to a folder of the host, whose names would be told as lockfiles."""
        outside = scratch / "outside"
        (repository.folder / "locks").rename(outside)
        (outside / f"{SECRET}.toml").touch()
        (repository.folder / "locks").symlink_to(outside)
        for words, result in repository.read_all().items():
            assert SECRET not in str(result), words
            assert result.code == (0 if words == "show" else 1), f"{words}: {result}"

    def test_a_link_inside_the_repository_is_followed(self, repository: Repository) -> None:
        """Nobody attacks: lockfiles that are links to others below the declaration's folder work."""
        path = repository.folder / "locks/a.toml"
        path.rename(repository.folder / "kept.toml")
        path.symlink_to("../kept.toml")
        assert repository.run("check").code == 0

    @pytest.mark.parametrize("kind", ["zero", "fifo", "environment", "secret", "folder", "large"])
    def test_a_unit_that_is_no_file_is_refused(
        self, repository: Repository, scratch: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        """He adds a unit file that leads elsewhere, and the runner asks `doctor --unit` about it."""
        from envbuild.commands.doctor import check_units
        from envbuild.errors import UsageError
        from envbuild.store.store import Store
        from tests.support.values import make_manifest

        path = repository.folder / "a.service"
        _replace(path, kind, scratch)
        monkeypatch.chdir(repository.folder)
        with pytest.raises(UsageError) as raised:
            check_units(Store(root=scratch / "s"), make_manifest(), ("a.service",))
        assert SECRET not in str(raised.value)


def _replace(path: Path, kind: str, scratch: Path) -> None:
    """Put something at a path that is no file of the repository."""
    path.unlink(missing_ok=True)
    secret = scratch / "secret"
    secret.write_text(f"[Service]\nExecStart={SECRET}\n{SECRET}\n")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        with path.open("wb") as stream:
            stream.truncate(5 << 30)
    else:
        targets = {"zero": "/dev/zero", "environment": "/proc/self/environ", "secret": str(secret)}
        path.symlink_to(targets[kind])


def _lock_alike(repository: Repository, count: int, *packages: LockedPackage) -> None:
    """Declare drivers `d0`, `d1` and so on, all with the same packages."""
    declared = "".join(f'[drivers.d{n}]\nrequires = ["a"]\n' for n in range(count))
    repository.declare(declared)
    repository.lock(*sorted(packages, key=lambda package: package.name), driver="d0")
    text = (repository.folder / "locks/d0.toml").read_text()
    for number in range(1, count):
        own = sign(text.replace('driver = "d0"', f'driver = "d{number}"'))
        (repository.folder / f"locks/d{number}.toml").write_text(own)


class TestBounds:
    """He controls every byte of `drivers.toml` and of the lockfiles."""

    @pytest.mark.parametrize("name", DECLARATIONS)
    def test_a_declaration_ends_soon(self, project: Path, name: str) -> None:
        """He writes a declaration that asks for more than its length: it is read, or refused with words."""
        repository = Repository(folder=project)
        text = DECLARATIONS[name]
        (project / "drivers.toml").write_text(text)
        verb = "show" if "host" in name else "check"
        result = repository.run(verb)
        assert result.code in (0, 1, 2), f"{result!s:.2000}"
        assert len(result.stderr) < 300_000, "what he wrote is told back without end"

    @pytest.mark.parametrize("name", BROKEN)
    def test_a_right_digest_makes_no_content_right(self, repository: Repository, name: str) -> None:
        """He makes the digest anew over a requirement, a marker, a version or a number that is none."""
        changes = BROKEN[name]
        package = make_package("a", **{key: changes[key] for key in changes if key != "inputs"})
        repository.lock(package, inputs=changes.get("inputs", {}))
        checked = repository.run("check")
        assert checked.code == 1, f"{checked!s:.2000}"
        assert "locks/a.toml:1: error: " in checked.stdout
        assert len(checked.stdout) < 10_000
        if name == "a-version-that-is-none":  # the others are read in the same place
            assert repository.run("tree", "a").code == repository.run("lock", "--check").code == 1

    def test_a_ladder_of_requirements_ends_soon(self, repository: Repository) -> None:
        """He locks packages that ask for the next two each, so that 2^500 chains lead to the last."""
        steps = 500
        packages = [make_package("a", requires=("r0", "l0"))]
        for side in "lr":
            packages += [
                make_package(f"{side}{n}", requires=(f"l{n + 1}", f"r{n + 1}"))
                for n in range(steps)
            ]
            packages.append(make_package(f"{side}{steps}", requires=("z",)))
        repository.lock(*sorted((*packages, make_package("z")), key=lambda one: one.name))
        result = repository.run("why", "a", "z")
        assert result.code == 0, f"{result!s:.2000}"
        assert "and more than 1,000,000 longer chains" in result.stdout
        assert repository.run("tree", "a").code == 0
        assert repository.run("check").code == 0

    def test_a_dense_circle_of_requirements_ends_soon(self, repository: Repository) -> None:
        """He locks packages that all ask for one another."""
        names = [f"p{n}" for n in range(90)]
        packages = [make_package(name, requires=tuple(names)) for name in sorted(names)]
        repository.lock(make_package("a", requires=("p0",)), *packages)
        result = repository.run("why", "a", "p77")
        assert result.code == 0, f"{result!s:.2000}"
        assert "or more longer chains" in result.stdout

    def test_lockfiles_that_are_large_together_are_refused(self, project: Path) -> None:
        """He adds lockfiles that are each as large as one may be."""
        repository = Repository(folder=project)
        names = [f"d{n}" for n in range(5)]
        repository.declare("".join(f'[drivers.{n}]\nrequires = ["a"]\n' for n in names))
        (project / "locks").mkdir()
        for name in names:
            (project / f"locks/{name}.toml").write_text("#" * (4 << 20))
        for verb in (("check",), ("lock", "--check")):
            result = repository.run(*verb)
            assert result.code == 2, f"{result!s:.2000}"
            assert "all lockfiles together have more than 16 MiB" in result.stderr

    def test_lockfiles_that_ask_for_much_together_are_refused(self, project: Path) -> None:
        """He adds lockfiles that each ask for nearly as much as one may."""
        repository = Repository(folder=project)
        names = [f"p{n}" for n in range(3000)]
        packages = [make_package(name, requires=tuple(names[:24])) for name in names]
        _lock_alike(repository, 3, make_package("a", requires=tuple(names)), *packages)
        result = repository.run("check")
        assert result.code == 2, f"{result!s:.2000}"
        assert "together have more than 200,000 requirements of packages" in result.stderr

    @pytest.mark.parametrize("form", ["text", "json", "sarif", "markdown", "github"])
    def test_endless_findings_are_not_all_reported(self, project: Path, form: str) -> None:
        """He locks packages that ask for what is missing, so that nearly every line is a finding."""
        repository = Repository(folder=project)
        asked = make_package("a", requires=tuple(f"missing{n}=={n}" for n in range(9000)))
        _lock_alike(repository, 20, asked)
        result = repository.run("check", "--format", form)
        assert result.code == 1, f"{result!s:.2000}"
        assert "2,020 more findings are not reported" in result.stdout
        assert len(result.stdout) < 2_000_000

    def test_many_drivers_are_not_all_compared(self, project: Path) -> None:
        """He declares so many drivers that there are fifty thousand pairs."""
        repository = Repository(folder=project)
        _lock_alike(repository, 330, make_package("a"))
        result = repository.run("conflicts")
        assert result.code == 2, f"{result!s:.2000}"
        assert "more than 50,000 pairs of drivers and platforms" in result.stderr

    def test_versions_for_many_targets_are_not_all_compared(self, project: Path) -> None:
        """He locks other versions for each driver, and each of them for many platforms."""
        repository = Repository(folder=project)
        platforms = [f"x86_64-manylinux_2_{minor}" for minor in range(17, 29)]
        targets = tuple(parse_target(f"3.12-{platform}") for platform in platforms)
        repository.declare(
            f'version = 1\n[defaults]\npython = "3.12"\nplatforms = {platforms}\n'
            + "".join(f'[drivers.d{n}]\nrequires = ["a"]\n' for n in range(8))
        )
        names = [f"p{n}" for n in range(200)]
        for driver in range(8):
            packages = [
                make_package(name, str(driver), requires=tuple(names[:20]), targets=targets)
                for name in names
            ]
            asked = make_package("a", requires=tuple(names), targets=targets)
            repository.lock(asked, *sorted(packages, key=lambda p: p.name), driver=f"d{driver}")
        result = repository.run("conflicts")
        assert result.code == 2, f"{result!s:.2000}"
        assert "more than 200,000 requirements of locked versions and targets" in result.stderr

    def test_many_new_conflicts_are_not_all_proved(self, repository: Repository) -> None:
        """He adds drivers that each conflict with all others: only the first are explained."""
        _commit(repository)
        drivers = [f"d{n}" for n in range(120)]
        lines = [f'[drivers.{name}]\nrequires = ["p=={n}"]\n' for n, name in enumerate(drivers)]
        repository.declare(DRIVER + "".join(lines))
        for number, name in enumerate(drivers):
            repository.lock(make_package("p", str(number)), driver=name)
        result = repository.run("check", "--against", "HEAD", "--format", "json")
        assert result.code == 0, f"{result!s:.2000}"
        appeared = result.json["comparison"]["appeared"]
        assert len(appeared) == 119 * 120 // 2
        assert sum(bool(pair["clashes"]) for pair in appeared) == 120

    def test_a_folder_of_very_many_files_is_refused(self, repository: Repository) -> None:
        """He adds files to `locks/` without end."""
        for number in range(10_001):
            os.mknod(repository.folder / f"locks/x{number}")
        result = repository.run("check")
        assert result.code == 2, f"{result!s:.2000}"
        assert "locks: there are more than 10,000 files in it" in result.stderr

    def test_a_riddle_among_lockfiles_ends_soon(self, project: Path) -> None:
        """He locks packages whose versions stand for a riddle that is known to take for ever."""
        repository = Repository(folder=project)
        drivers = ("a", "b", "c")
        repository.declare("".join(f'[drivers.{n}]\nrequires = ["{n}"]\n' for n in drivers))
        rng, variables = random.Random(3), 40
        riddle = [
            [(rng.randrange(variables), rng.randrange(2)) for _ in range(3)] for _ in range(170)
        ]
        for place, driver in enumerate(drivers):
            packages = [make_package(driver, requires=tuple(f"q{n}" for n in range(170)))]
            packages += [make_package(f"v{n}", str(place % 2)) for n in range(variables)]
            for number, clause in enumerate(riddle):
                variable, wanted = clause[place]
                asks = (f"v{variable}=={wanted}",)
                packages.append(make_package(f"q{number}", str(place), requires=asks))
            repository.lock(*sorted(packages, key=lambda one: one.name), driver=driver)
        result = repository.run("conflicts")
        assert result.code == 2, f"{result!s:.2000}"
        assert "takes too long to decide" in result.stderr
