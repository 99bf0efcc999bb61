"""`envbuild audit` against a database in files, and against an index of the tests that has the JSON API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

IGNORE = """
[audit]
ignore = [{{ id = "cve-2030-1", reason = "only on Windows", expires = "{}" }}]
"""


def advisory(package: str, *fixed: str) -> dict[str, Any]:
    """An entry of a database."""
    events = [{"introduced": "0"}, *({"fixed": one} for one in fixed)]
    return {
        "id": "GHSA-1",
        "aliases": ["CVE-2030-1"],
        "summary": "it runs \x1b[31m what others say",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver whose package `core` is held back by `web`; another one that is clean."""
    index.add(
        Wheel(name="web", version="1.0", requires=("core<2",)),
        Wheel(name="core", version="1.0"),
        Wheel(name="idle", version="1.0"),
    )
    drivers = {"app": ["web"], "other": ["idle"]}
    run_envbuild.declare(declare_drivers(drivers, python=python_version))
    run_envbuild("lock", check=True)
    return run_envbuild


def database(fleet: CommandLine, *entries: dict[str, Any]) -> tuple[str, str]:
    """The option with a folder of these entries."""
    folder = fleet.cwd / "osv"
    folder.mkdir(exist_ok=True)
    for number, entry in enumerate(entries):
        (folder / f"{number}.json").write_text(json.dumps(entry))
    return "--database", str(folder)


def test_a_database(fleet: CommandLine, index: IndexServer) -> None:
    """The vulnerability, its fixed versions and what holds them; no index is asked; every form; exit 1."""
    named = database(fleet, advisory("core", "1.5", "2.1"))
    index.files.clear()
    done = fleet("audit", *named)
    assert done.code == 1
    assert (
        done.stdout
        == """\
app 1.0: 1 known vulnerability in 2 packages
  core 1.0: GHSA-1 (CVE-2030-1)
    it runs \\x1b[31m what others say
    fixed in 1.5, which every requirement admits: `envbuild lock app --upgrade-package core`
other 1.0: 1 package, no known vulnerability
"""
    )
    table = fleet("audit", "app", *named, "--format", "json").json
    (found,) = table["drivers"][0]["vulnerabilities"]
    assert (found["fixed"], found["fitting"], found["held_by"]) == (["1.5", "2.1"], ["1.5"], [])
    (run,) = json.loads(fleet("audit", *named, "--format", "sarif").stdout)["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert result["ruleId"] == "vulnerable"
    assert place["artifactLocation"]["uri"] == "locks/app.toml"
    line = place["region"]["startLine"]
    lines = (fleet.cwd / "locks/app.toml").read_text().splitlines()
    assert 'name = "core"' in "".join(lines[line - 1 : line + 1])
    assert "`GHSA-1`" in fleet("audit", *named, "--format", "markdown").stdout
    assert fleet("audit", "other", *named).code == 0

    held = fleet("audit", *database(fleet, advisory("core", "2.1")))
    assert "fixed in 2.1; held by web 1.0: <2" in held.stdout


def test_ignored_for_some_time(fleet: CommandLine) -> None:
    """By id or alias, with a reason, until a day; then it is a finding again, and says so."""
    named = database(fleet, advisory("core", "1.5"))
    declaration = fleet.cwd / "drivers.toml"
    text = declaration.read_text()
    declaration.write_text(text + IGNORE.format("2999-12-31"))
    done = fleet("audit", *named, check=True)
    assert "GHSA-1 is ignored until 2999-12-31: only on Windows" in done.stdout
    assert fleet("lock", "--check").code == 0
    declaration.write_text(text + IGNORE.format("2020-02-29"))
    done = fleet("audit", *named)
    assert done.code == 1
    assert "ignored until 2020-02-29 (drivers.toml:" in done.stdout
    declaration.write_text(text + IGNORE.format("2999-12-31").replace("cve-2030-1", "CVE-1"))
    assert "no package has CVE-1; remove the entry" in fleet("audit", *named).stdout


@pytest.mark.parametrize(
    ("entry", "key", "words"),
    [
        ('{ id = "a", reason = "b" }', "audit.ignore[0]", "no `expires`"),
        ('{ id = "a", reason = " ", expires = "2030-01-01" }', "audit.ignore[0].reason", "empty"),
        ('{ id = "a", reason = "b", expires = "2030-02-30" }', "audit.ignore[0].expires", "no day"),
        ('{ id = "a", reason = "b", expires = 2030-02-03 }', "audit.ignore[0].expires", "string"),
        ('{ id = "a b", reason = "b", expires = "2030-02-03" }', "audit.ignore[0].id", "not the id"),
        ('{ id = "a", until = "b" }', "audit.ignore[0].until", "unknown key"),
        ('"a"', "audit.ignore[0]", "table"),
    ],
)  # fmt: skip
def test_bad_entries(fleet: CommandLine, entry: str, key: str, words: str) -> None:
    """File, line and key of each, exit 2."""
    declaration = fleet.cwd / "drivers.toml"
    before = declaration.read_text()
    declaration.write_text(f"{before}\n[audit]\nignore = [{entry}]\n")
    done = fleet("audit", "--format", "json")
    assert done.code == 2
    problem = json.loads(done.stdout or done.stderr)["problems"][0]
    assert problem["file"] == "drivers.toml"
    assert problem["line"] == before.count("\n") + 3
    assert problem["key"] == key
    assert words in problem["message"]


def test_the_index_knows(fleet: CommandLine, index: IndexServer, tmp_path: Path) -> None:
    """The JSON API beside the pages; packages that it does not know are named; without any data it is exit 4."""
    done = fleet("audit")
    assert done.code == 4
    assert "--database" in done.stderr
    index.releases["core/1.0"] = {
        "info": {},
        "vulnerabilities": [
            {"id": "PYSEC-1", "aliases": [], "details": "long", "fixed_in": ["1.5"], "withdrawn": None},
            {"id": "PYSEC-2", "aliases": [], "fixed_in": [], "withdrawn": "2030-01-01T00:00:00Z"},
        ],
    }  # fmt: skip
    index.releases["web/1.0"] = {"info": {}, "vulnerabilities": []}
    index.releases["idle/1.0"] = "nonsense"
    done = fleet("audit")
    assert done.code == 1, done
    assert "core 1.0: PYSEC-1\n    long\n    fixed in 1.5" in done.stdout
    assert "PYSEC-2" not in done.stdout
    assert "other: not checked, their index has no vulnerability data: idle 1.0" in done.stdout


def test_what_is_installed(fleet: CommandLine) -> None:
    """The current generation, with the requirements of its lockfile; without a declaration too."""
    named = database(fleet, advisory("core", "1.5"))
    assert fleet("audit", "--installed", *named).code == 1
    assert "nothing has been synced" in fleet("audit", "--installed", *named).stderr
    fleet("sync", check=True)
    done = fleet("audit", "--installed", "app", *named)
    assert done.code == 1
    assert "fixed in 1.5, which every requirement admits" in done.stdout
    assert fleet("audit", "--installed", "nobody", *named).code == 2
    (fleet.cwd / "drivers.toml").unlink()
    done = fleet("audit", "--installed", *named)
    assert done.code == 1
    assert "fixed in 1.5\n" in done.stdout
