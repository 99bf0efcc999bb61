"""The fleets of examples/ work as they are."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

EXAMPLES = ROOT / "examples"
FLEETS = sorted(path.parent.name for path in EXAMPLES.glob("*/drivers.toml"))
pytestmark = pytest.mark.index


def copy(run: CommandLine, name: str) -> None:
    """Put an example where the command line runs."""
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(EXAMPLES / name, run.cwd, dirs_exist_ok=True, ignore=leave)


@pytest.mark.parametrize("name", FLEETS)
def test_the_lockfiles_are_fresh_and_sound(name: str, run_envbuild_online: CommandLine) -> None:
    """Whoever copies an example has nothing to lock, and `check` finds nothing wrong."""
    copy(run_envbuild_online, name)
    run_envbuild_online("lock", "--check", check=True)
    run_envbuild_online("check", check=True)
    assert f"({name}/" in (EXAMPLES / "README.md").read_text()


def test_services_of_one_host(run_envbuild_online: CommandLine) -> None:
    """Both are built, and their probes pass."""
    copy(run_envbuild_online, "cpu-services")
    synced = run_envbuild_online("sync", check=True)
    assert "notes 0.65.5: built" in synced.stdout
    assert "gateway" in run_envbuild_online("list", check=True).stdout
    said = run_envbuild_online("run", "notes", "--", "--version", check=True)
    assert said.stdout == "datasette, version 0.65.5\n"


def test_a_service_of_ones_own(run_envbuild_online: CommandLine) -> None:
    """It is built from its folder."""
    copy(run_envbuild_online, "own-service")
    run_envbuild_online("sync", check=True)
    said = run_envbuild_online("run", "greeter", "--", "World", check=True)
    assert said.stdout == "Hello, World!\n"


@pytest.mark.parametrize(
    ("facts", "variant"),
    [('cuda = "12.8"\ncompute = "8.6"\n', "cuda12"), ('cpu = { features = ["avx2"] }\n', "cpu")],
)
def test_a_host_gets_its_variant(
    facts: str, variant: str, run_envbuild_online: CommandLine, scratch: Path
) -> None:
    """CUDA's libraries are for hosts with a GPU alone."""
    copy(run_envbuild_online, "gpu-host")
    file = scratch / "facts.toml"
    file.write_text(facts)
    env = {"ENVBUILD_HOST_FACTS": str(file)}
    planned = run_envbuild_online("sync", "--dry-run", "--format", "json", env=env, check=True)
    (build,) = planned.json["plan"]["build"]
    assert build["variant"] == variant
    assert (build["download"] > 300 << 20) is (variant == "cuda12")


def test_the_playbook_sets_what_the_role_knows() -> None:
    """Its variables are among the role's, and it is the exported one; `nox -s fleet` plays it."""
    example, role = EXAMPLES / "fleet-ansible", ROOT / "ansible/roles/rollout"
    known = _yaml(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(_yaml(example / "group_vars/all.yml")) <= set(known)
    plays = _yaml(example / "rollout.yml")
    roles = [task["ansible.builtin.import_role"] for play in plays for task in play["tasks"]]
    assert {one["name"] for one in roles} == {"envbuild.fleet.rollout"}
    assert all((role / f"tasks/{one['tasks_from']}.yml").is_file() for one in roles)
    exported = (ROOT / "tests/golden/export/ansible.txt").read_text()
    assert (example / "rollout.yml").read_text() in exported
    (collection,) = _yaml(example / "requirements.yml")["collections"]
    assert (example / collection["name"] / "galaxy.yml").is_file()
    assert len(_yaml(example / "hosts.yml")["all"]["hosts"]) == 4


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())
