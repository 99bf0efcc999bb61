"""The collection `envbuild.fleet`, played by ansible-core over four hosts with sshd."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.fleet.hosts import NAMES, Hosts, sshd_hosts
from tests.fleet.registries import need
from tests.support.command_line import NOWHERE, ROOT
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.releases import Fleet


@dataclass(frozen=True, kw_only=True)
class Rolled:
    """A publishing host, four others, and the exported playbook."""

    fleet: Fleet
    hosts: Hosts
    folder: Path
    reports: Path

    def publish(self, version: str) -> None:
        """Build and publish a version of `web`."""
        self.fleet.build(version)
        self.fleet.publish()

    def play(self, *options: str, check: bool = True) -> str:
        """What `ansible-playbook` prints for the exported playbook."""
        return self.ansible("ansible-playbook", "rollout.yml", *options, check=check)

    def ansible(self, *words: str, check: bool = True) -> str:
        """What a program of Ansible prints about the hosts."""
        return ansible(self.folder, self.hosts, *words, check=check)

    def changed(self, text: str) -> list[int]:
        """The number of changes on each host, from the closing lines; -1 for a host that has none."""
        counts = dict(re.findall(r"^(\w+) +: ok=\d+ +changed=(\d+)", text, re.MULTILINE))
        return [int(counts.get(name, -1)) for name in NAMES]


def ansible(folder: Path, hosts: Hosts, *words: str, check: bool = True) -> str:
    """What a program of Ansible prints that works in a folder, with its collections."""
    env = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "LC_ALL": "C.UTF-8",
    }
    argv = (*words, "-i", str(hosts.folder / "inventory"))
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=400)
    assert (done.returncode == 0) == check, done.stdout + done.stderr
    return str(done.stdout)


@pytest.fixture
def rolled(fleet: Fleet, scratch: Path) -> Iterator[Rolled]:
    """Release 1 is published, the collection installed, and no host has anything."""
    need("ansible-playbook")
    fleet.index.add(
        Wheel(
            name="web",
            version="1.2",
            requires=("base",),
            files={"web/__init__.py": "", "web/cli.py": "def main():\n    return 3\n"},
            commands={"web": "web.cli:main"},
        )
    )
    fleet.build("1.0")
    fleet.publish()
    folder = scratch / "rollout"
    env = fleet.run.environment({"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE})
    with sshd_hosts(scratch / "hosts", fleet.store, env) as hosts:
        exported = ("--from", fleet.source, "--envbuild", f"{hosts.folder}/envbuild")
        fleet.run("export", "ansible", *exported, "--out", str(folder), check=True)
        reports = folder / "reports"
        reports.mkdir()
        own = {
            "envbuild_restart_command": [f"{hosts.folder}/restart"],
            "envbuild_restart": ["web.service"],
            "envbuild_health_command": f"{hosts.folder}/health",
            "envbuild_health_retries": 2,
            "envbuild_health_delay": 0,
            "envbuild_reports": str(reports),
        }
        (folder / "group_vars/all/own.yml").write_text(json.dumps(own))
        collections = str(folder / "collections")
        install = ("ansible-galaxy", "collection", "install", str(ROOT / "ansible"))
        subprocess.run((*install, "-p", collections), check=True, capture_output=True, timeout=60)
        yield Rolled(fleet=fleet, hosts=hosts, folder=folder, reports=reports)


def test_four_hosts_are_rolled(rolled: Rolled) -> None:
    """Every host fetches before any switches; a second time changes nothing; a check changes nothing and tells."""
    text = rolled.play()
    assert rolled.hosts.current() == [1, 1, 1, 1]
    fetched = [text.index(f"changed: [{name}]") for name in NAMES]
    assert max(fetched) < text.index("TASK [envbuild.fleet.rollout : Switch to the release]")
    assert text.count("PLAY [Switch, ring by ring]") == 3
    assert [rolled.hosts.restarts(name) for name in NAMES] == [[1]] * 4
    assert rolled.fleet.run("fleet", str(rolled.reports)).code == 0
    again = rolled.play()
    assert rolled.changed(again) == [0, 0, 0, 0]
    rolled.publish("1.1")
    checked = rolled.play("--check", "--diff", "-e", "envbuild_reports=")
    assert rolled.hosts.current() == [1, 1, 1, 1]
    assert re.search(r"^-web 1\.0 \w{12}$", checked, re.MULTILINE)
    assert re.search(r"^\+web 1\.1 \w+$", checked, re.MULTILINE)
    assert [rolled.hosts.restarts(name) for name in NAMES] == [[1]] * 4
    text = rolled.play("--diff")
    assert rolled.hosts.current() == [2, 2, 2, 2]
    assert re.search(r"^\+web 1\.1 \w{12}$", text, re.MULTILINE)


def test_a_bad_canary_goes_back(rolled: Rolled) -> None:
    """Its services run the recorded generation again, the reason is told, and no other host is touched."""
    rolled.play()
    rolled.publish("1.2")
    text = rolled.play(check=False)
    print(text)
    assert rolled.hosts.current() == [1, 1, 1, 1]
    assert [rolled.hosts.restarts(name) for name in NAMES] == [[1, 2, 1], [1], [1], [1]]
    assert "alpha was not healthy (Check that the host is healthy: " in text
    assert "is at generation 1, as before" in text
    assert text.count("PLAY [Switch, ring by ring]") == 1
    assert "TASK [envbuild.fleet.rollout : Switch to the release]" in text
    rolled.publish("1.1")
    rolled.play()
    digests = {
        json.loads((rolled.reports / f"{name}.json").read_text())["release"]["sequence"]
        for name in NAMES
    }
    assert digests == {3}


def test_a_module_that_dies_after_the_switch(rolled: Rolled) -> None:
    """Nobody heard that it switched; the rescue knows the number from before."""
    rolled.play()
    rolled.publish("1.1")
    (rolled.hosts.folder / "alpha" / "dies").touch()
    text = rolled.play(check=False)
    assert rolled.hosts.current() == [1, 1, 1, 1]
    assert "alpha was not healthy (Switch to the release: " in text
    assert (rolled.hosts.folder / "alpha/store/generations/2").is_dir()


def test_a_host_that_is_lost_on_the_way(rolled: Rolled) -> None:
    """A connection that breaks off after the switch is a failure like any other: the host goes back."""
    rolled.play()
    rolled.publish("1.1")
    (rolled.hosts.folder / "alpha" / "loses").touch()
    text = rolled.play(check=False)
    assert "UNREACHABLE" in text
    assert rolled.hosts.current() == [1, 1, 1, 1]
    assert rolled.hosts.restarts("alpha") == [1, 2, 1]
    assert "the connection to the host was lost" in text


def test_a_host_with_nothing_has_nothing_to_go_back_to(rolled: Rolled) -> None:
    """It is told so, and the others still have nothing."""
    rolled.publish("1.2")
    text = rolled.play(check=False)
    assert rolled.hosts.current() == [1, 0, 0, 0]
    assert "had no generation to go back to" in text


def test_a_tampered_and_a_lagging_host_are_named(rolled: Rolled) -> None:
    """`fleet` names both, with what is wrong, and nobody else."""
    rolled.play()
    rolled.publish("1.1")
    rolled.play()
    file = next((rolled.hosts.folder / "charlie/store/envs").glob("web-1.1-*/lib/*/*/web/cli.py"))
    file.chmod(0o644)
    file.write_text("def main():\n    return 0\n")
    wanted = {
        "state": "generation",
        "generation": 1,
        "store": str(rolled.fleet.store),
        "command": [f"{rolled.hosts.folder}/envbuild"],
    }
    module = ("-m", "envbuild.fleet.release", "-a", json.dumps(wanted))
    assert '"changed": true' in rolled.ansible("ansible", "delta", *module)
    role = {"name": "envbuild.fleet.rollout", "tasks_from": "report"}
    play = {"hosts": "all", "gather_facts": False, "tasks": [{"import_role": role}]}
    (rolled.folder / "report.yml").write_text(json.dumps([play]))
    rolled.ansible("ansible-playbook", "report.yml")
    compared = rolled.fleet.run("fleet", str(rolled.reports))
    print(compared.stdout)
    assert compared.code == 1
    said = compared.stdout.splitlines()
    states = {
        line.split()[0]: line.rpartition("Z  ")[2].partition(",")[0]
        for line in said
        if "Z  " in line
    }
    assert states == {
        "alpha": "as most",
        "bravo": "as most",
        "charlie": "DIFFERS",
        "delta": "DIFFERS",
    }
    assert "  web was changed since it was built: 1 difference" in said
    assert "  has release 1, and the newest is 2" in said


@pytest.mark.index
def test_the_example_is_played(
    run_envbuild_online: CommandLine, store: Path, scratch: Path
) -> None:
    """examples/fleet-ansible with its own playbook, variables and lockfile: four hosts, equal in the end."""
    need("ansible-playbook")
    example = ROOT / "examples/fleet-ansible"
    run, folder = run_envbuild_online, run_envbuild_online.cwd
    shutil.copytree(example, folder, dirs_exist_ok=True)
    release = f"dir:{scratch / 'release'}"
    run("sync", check=True)
    run("publish", "--no-tools", release, check=True)
    install = ("ansible-galaxy", "collection", "install", "-r", "requirements.yml")
    where = ("-p", str(folder / "collections"))
    subprocess.run((*install, *where), cwd=example, check=True, capture_output=True, timeout=60)
    (folder / "reports").mkdir(exist_ok=True)
    env = run.environment({"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE})
    with sshd_hosts(scratch / "hosts", store, env) as hosts:
        here = {
            "envbuild_source": [release],
            "envbuild_store": str(store),
            "envbuild_command": [f"{hosts.folder}/envbuild"],
            "envbuild_restart_command": [f"{hosts.folder}/restart"],
            "envbuild_soak_minutes": 0,
        }
        play = ("ansible-playbook", "rollout.yml", "-e", json.dumps(here))
        ansible(folder, hosts, *play, "--syntax-check")
        ansible(folder, hosts, *play)
        assert hosts.current() == [1, 1, 1, 1]
        assert [hosts.restarts(name) for name in NAMES] == [[1]] * 4
    compared = run("fleet", "reports", check=True)
    assert compared.stdout.count("as most") == 4
