"""The ready-made checks: the pre-commit hook through pre-commit, the action's steps as plain shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.command_line import ROOT, declare_drivers
from tests.support.repository import git

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

STEPS = ROOT / "scripts/action"

SOURCE = ("envbuild", "pyproject.toml", "hatch_build.py", "share", "README.md", "LICENSE")
"""What a wheel of envbuild is built from."""


@pytest.fixture
def repository(run_envbuild: CommandLine, index: IndexServer, project: Path) -> Path:
    """A git repository with a locked driver on its branch `main`."""
    from tests.support.wheels import Wheel

    index.add(Wheel(name="lib", version="1.0"), Wheel(name="lib", version="2.0"))
    run_envbuild.declare(declare_drivers({"app": ["lib<2"]}, python="3.11"))
    run_envbuild("lock", check=True)
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "drivers.toml", "locks")
    git(project, "commit", "--quiet", "--message=locked")
    return project


@pytest.fixture
def runner(scratch: Path) -> dict[str, str]:
    """The files and folders that a runner names in the environment of every step."""
    folder = scratch / "runner"
    python = folder / "envbuild-action" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    files = {
        name: str(folder / name)
        for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
    }
    for name in files.values():
        Path(name).touch()
    return {
        **files,
        "RUNNER_TEMP": str(folder),
        "GITHUB_ACTION_PATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }


def _step(
    name: str, command_line: CommandLine, folder: Path, runner: Mapping[str, str], **inputs: str
) -> subprocess.CompletedProcess[str]:
    """Run one step of the action as its `run:` line does, with what earlier steps left in $GITHUB_ENV."""
    left = dict(
        line.split("=", 1) for line in Path(runner["GITHUB_ENV"]).read_text().splitlines() if line
    )
    env = command_line.environment({**runner, "GITHUB_WORKSPACE": str(folder), **left, **inputs})
    return subprocess.run(
        ("bash", str(STEPS / name)), cwd=folder, env=env, capture_output=True, text=True
    )


def test_the_action_passes_where_nothing_is_wrong(
    run_envbuild: CommandLine, repository: Path, runner: dict[str, str]
) -> None:
    """A fresh fleet passes, says so in the outputs, and leaves a summary."""
    assert _step("fetch", run_envbuild, repository, runner, CHECK_AGAINST="main").returncode == 0
    done = _step("check", run_envbuild, repository, runner)
    assert done.returncode == 0, done.stderr
    assert "::error" not in done.stdout
    assert Path(runner["GITHUB_OUTPUT"]).read_text() == "passed=true\n"
    assert "### ✅ envbuild" in Path(runner["GITHUB_STEP_SUMMARY"]).read_text()


def test_the_action_annotates_a_stale_lockfile_of_a_shallow_pull_request(
    run_envbuild: CommandLine, repository: Path, runner: dict[str, str], scratch: Path
) -> None:
    """In a clone without history the base is fetched, and the changed line is annotated."""
    clone = scratch / "clone"
    git(repository, "checkout", "--quiet", "-b", "raise")
    text = (repository / "drivers.toml").read_text()
    (repository / "drivers.toml").write_text(text.replace("lib<2", "lib>=2"))
    git(repository, "commit", "--quiet", "--all", "--message=raise")
    git(scratch, "clone", "--quiet", "--depth=1", "--branch=raise", f"file://{repository}", "clone")
    fetched = _step("fetch", run_envbuild, clone, runner, GITHUB_BASE_REF="main")
    assert fetched.returncode == 0, fetched.stderr
    done = _step("check", run_envbuild, clone, runner, CHECK_SARIF="out.sarif")
    assert done.returncode == 1, done.stderr
    assert "::error file=drivers.toml,line=8,title=stale-lockfile::" in done.stdout
    assert Path(runner["GITHUB_OUTPUT"]).read_text() == "passed=false\n"
    assert "stale-lockfile" in Path(runner["GITHUB_STEP_SUMMARY"]).read_text()
    assert '"stale-lockfile"' in (clone / "out.sarif").read_text()


def test_the_action_compares_with_nothing_where_there_is_no_base(
    run_envbuild: CommandLine, repository: Path, runner: dict[str, str]
) -> None:
    """On a push there is no base, and the check does without."""
    assert _step("fetch", run_envbuild, repository, runner).returncode == 0
    assert _step("check", run_envbuild, repository, runner).returncode == 0


@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("action.yml", ("install", "fetch", "check")),
        ("actions/lock/action.yml", ("install", "lock")),
    ],
)
def test_the_actions_run_just_these_steps(file: str, steps: tuple[str, ...]) -> None:
    """What the tests run as shell is what the actions run; no input is part of a script."""
    folder = (ROOT / file).parent
    action = yaml.safe_load((ROOT / file).read_text())
    for step, name in zip(action["runs"]["steps"], steps, strict=True):
        match = re.fullmatch(r'bash "\$GITHUB_ACTION_PATH/([a-z./]+)"', step["run"])
        assert match is not None
        assert (folder / match[1]).resolve() == STEPS / name
    used = re.findall(r"inputs\.([a-z]+)", (ROOT / file).read_text())
    assert sorted(used) == sorted(action["inputs"])


def test_every_step_is_of_an_action() -> None:
    """Nothing lies there that no test runs."""
    names = {path.name for path in STEPS.iterdir()}
    assert names == {"common.sh", "install", "fetch", "check", "lock"}


HOSTILE = "renovate/lib-$(touch${IFS}injected);`id`'\"&|#%0A"
"""A branch's name that git takes; a shell or a runner would do something about each part of it."""


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A branch on which a bot has raised a requirement, checked out from the repository that it is pushed to."""

    remote: Path
    checkout: Path
    run: CommandLine
    runner: Mapping[str, str]
    name: str = HOSTILE

    def lock(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the step, in a push to the branch if nothing else is said."""
        event = {
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REF_NAME": self.name,
            "GITHUB_REF_TYPE": "branch",
        }
        where = {"LOCK_FILE": "gpu hosts/drivers.toml"}
        return _step("lock", self.run, self.checkout, self.runner, **{**event, **where, **inputs})

    def tip(self) -> str:
        """The branch's last commit where it is pushed to."""
        return git(self.remote, "rev-parse", f"refs/heads/{self.name}")

    def pushed(self) -> str:
        """What the step says of itself to later ones."""
        return Path(self.runner["GITHUB_OUTPUT"]).read_text()


@pytest.fixture
def branch(
    run_envbuild: CommandLine, repository: Path, runner: dict[str, str], scratch: Path
) -> Branch:
    """Its declaration is in a subfolder, and its hooks would leave a trace."""
    folder = repository / "gpu hosts"
    folder.mkdir()
    for name in ("drivers.toml", "locks"):
        (repository / name).rename(folder / name)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=moved")
    remote, checkout = scratch / "remote.git", scratch / "checkout"
    git(scratch, "clone", "--quiet", "--bare", f"file://{repository}", str(remote))
    git(scratch, "clone", "--quiet", "--depth=1", f"file://{remote}", str(checkout))
    git(checkout, "checkout", "--quiet", "-b", HOSTILE)
    file = checkout / "gpu hosts" / "drivers.toml"
    file.write_text(file.read_text().replace("lib<2", "lib>=2"))
    git(checkout, "commit", "--quiet", "--all", "--message=raise")
    git(checkout, "push", "--quiet", "origin", f"HEAD:refs/heads/{HOSTILE}")
    for name in ("pre-commit", "commit-msg", "pre-push"):
        hook = checkout / ".git" / "hooks" / name
        hook.write_text("#!/bin/sh\ntouch hooked\nexit 1\n")
        hook.chmod(0o755)
    return Branch(remote=remote, checkout=checkout, run=run_envbuild, runner=runner)


def test_the_lock_action_pushes_the_lockfiles(branch: Branch) -> None:
    """Onto the branch itself, as one commit of nothing but lockfiles; once they are there, it has nothing to do."""
    before = branch.tip()
    (branch.checkout / "other").write_text("left alone")
    done = branch.lock(LOCK_MESSAGE="Locked $(touch injected)\n\n[dependabot skip]")
    assert done.returncode == 0, done.stderr
    assert branch.pushed() == "pushed=true\n"
    after = branch.tip()
    assert git(branch.remote, "rev-parse", f"{after}^") == before
    changed = git(branch.remote, "diff", "--name-only", before, after)
    assert changed == "gpu hosts/locks/app.toml"
    locked = git(branch.remote, "show", f"{after}:gpu hosts/locks/app.toml")
    assert 'version = "2.0"' in locked
    said = git(branch.remote, "show", "--no-patch", "--format=%an %ae%n%B", after)
    assert said == (
        "envbuild envbuild@users.noreply.github.com\nLocked $(touch injected)\n\n[dependabot skip]"
    )
    assert branch.lock().returncode == 0
    assert branch.tip() == after
    assert branch.pushed() == "pushed=true\npushed=false\n"
    left = {path.name for path in branch.checkout.iterdir()}
    assert left == {".git", "gpu hosts", "other"}


def test_the_lock_action_adds_and_removes_lockfiles(branch: Branch) -> None:
    """A driver that is new gets its lockfile; without a lockfile folder before, too."""
    git(branch.checkout, "rm", "-r", "--quiet", "gpu hosts/locks")
    _push_all(branch)
    done = branch.lock(LOCK_FILE="gpu hosts")
    assert done.returncode == 0, done.stderr
    assert (
        git(branch.remote, "ls-tree", "--name-only", f"{branch.tip()}:gpu hosts/locks")
        == "app.toml"
    )


def test_the_lock_action_lets_pins_move(branch: Branch) -> None:
    """Those of the named packages, or all; a pin that its range admits stays otherwise."""
    file = branch.checkout / "gpu hosts" / "drivers.toml"
    lockfile = branch.checkout / "gpu hosts" / "locks" / "app.toml"
    file.write_text(file.read_text().replace("lib>=2", "lib>=1"))
    _push_all(branch)
    for upgrade, version in (("", "1.0"), (" lib  lib ", "2.0"), ("all", "2.0")):
        done = branch.lock(LOCK_UPGRADE=upgrade)
        assert done.returncode == 0, done.stderr
        assert f'version = "{version}"' in lockfile.read_text()


def _push_all(branch: Branch) -> None:
    """Commit everything and push it, without the hooks."""
    quiet = ("-c", "core.hooksPath=/dev/null")
    git(branch.checkout, *quiet, "commit", "--quiet", "--all", "--message=more")
    git(branch.checkout, *quiet, "push", "--quiet", "origin", f"HEAD:refs/heads/{HOSTILE}")


def test_the_lock_action_leaves_a_branch_that_moved(branch: Branch) -> None:
    """What was pushed meanwhile stays the last commit, and its own run locks it."""
    program = Path(branch.runner["RUNNER_TEMP"], "envbuild-action/bin/python")
    other = git(branch.remote, "commit-tree", "main^{tree}", "-p", "main", "-m", "other")
    moved = shlex.join(
        ("git", "-C", str(branch.remote), "update-ref", f"refs/heads/{HOSTILE}", other)
    )
    program.write_text(program.read_text().replace("exec ", f"{moved}\nexec "))
    done = branch.lock()
    assert done.returncode == 0, done.stderr
    assert "::notice" in done.stdout
    assert branch.pushed() == "pushed=false\n"
    assert branch.tip() == other


REFUSED: tuple[tuple[dict[str, str], str], ...] = (
    ({"GITHUB_EVENT_NAME": "pull_request_target"}, "rights that a stranger's declaration"),
    ({"GITHUB_EVENT_NAME": "workflow_run"}, "rights that a stranger's declaration"),
    ({"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}, "no branch that could be pushed to"),
    ({"GITHUB_REF_NAME": "3/merge"}, "not the branch's last commit"),
    ({"GITHUB_HEAD_REF": "main"}, "not the branch's last commit"),
    ({"GITHUB_REF_NAME": "--mirror"}, "not the branch's last commit"),
    ({"LOCK_FILE": "out/drivers.toml"}, "leads out of the checkout"),
)


def test_the_lock_action_refuses(branch: Branch) -> None:
    """Events with a stranger's files and rights, what is no branch, and a checkout of something else."""
    (branch.checkout / "out").symlink_to(branch.remote)
    before = git(branch.remote, "for-each-ref")
    for event, words in REFUSED:
        done = branch.lock(**event)
        assert (done.returncode, words in done.stderr) == (2, True), done
    assert git(branch.remote, "for-each-ref") == before
    assert branch.pushed() == ""


@pytest.mark.index
def test_the_actions_first_step_installs_envbuild(
    run_envbuild_online: CommandLine, project: Path, runner: dict[str, str], scratch: Path
) -> None:
    """The step leaves an `envbuild` of this very source on the job's PATH."""
    source = scratch / "source"
    source.mkdir()
    for name in SOURCE:
        path = ROOT / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, source / name)
    done = _step("install", run_envbuild_online, project, runner, ENVBUILD_SOURCE=str(source))
    assert done.returncode == 0, done.stderr
    folder = Path(Path(runner["GITHUB_PATH"]).read_text().strip())
    said = subprocess.run((folder / "envbuild", "--version"), capture_output=True, text=True)
    assert re.fullmatch(r"envbuild \d+\.\d+\.\d+\S*\n", said.stdout), said


@pytest.mark.index
def test_pre_commit_runs_the_hook(
    run_envbuild_online: CommandLine, repository: Path, scratch: Path
) -> None:
    """pre-commit installs the hook from this source; it passes, then refuses a stale lockfile."""
    pre_commit = shutil.which("pre-commit")
    if pre_commit is None:
        pytest.skip("NOT TESTED: pre-commit is not installed")
    source = _hook_repository(scratch)
    (repository / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {source}\n  rev: {git(source, 'rev-parse', 'HEAD')}\n"
        "  hooks:\n  - id: envbuild-check\n"
    )
    git(repository, "add", ".pre-commit-config.yaml")
    tried = (pre_commit, "run", "--all-files")
    env = run_envbuild_online.environment({"PRE_COMMIT_HOME": str(scratch / "pre-commit")})
    passed = subprocess.run(tried, cwd=repository, env=env, capture_output=True, text=True)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    text = (repository / "drivers.toml").read_text()
    (repository / "drivers.toml").write_text(text.replace("lib<2", "lib<3"))
    refused = subprocess.run(tried, cwd=repository, env=env, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "stale-lockfile" in refused.stdout


def test_the_lock_hook_renews_the_lockfiles_of_a_subfolder(
    run_envbuild: CommandLine, repository: Path
) -> None:
    """The hook's command, run at the repository's root as pre-commit does, locks a declaration below it."""
    hooks = {
        one["id"]: one for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    }
    folder = repository / "gpu"
    folder.mkdir()
    for name in ("drivers.toml", "locks"):
        (repository / name).rename(folder / name)
    file = folder / "drivers.toml"
    file.write_text(file.read_text().replace("lib<2", "lib>=2"))
    python, *words = hooks["envbuild-lock"]["entry"].split()
    assert python == "python"
    argv = (sys.executable, *words, "--file=gpu/drivers.toml")
    env = run_envbuild.environment({})
    done = subprocess.run(argv, cwd=repository, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'version = "2.0"' in (folder / "locks" / "app.toml").read_text()
    assert re.search(hooks["envbuild-lock"]["files"], "gpu/drivers.toml")


def _hook_repository(scratch: Path) -> Path:
    """A repository with this source as it stands, committed or not."""
    source = scratch / "hook"
    source.mkdir()
    for name in (*SOURCE, ".pre-commit-hooks.yaml"):
        path = ROOT / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, source / name)
    git(source, "init", "--quiet")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "--message=hook")
    return source
