"""What `lock` would move without writing it, and what it writes where a part of the fleet fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def declare(run_envbuild: CommandLine, more: str = "", **drivers: list[str]) -> None:
    """Write `drivers.toml` for these drivers."""
    run_envbuild.declare(declare_drivers(drivers, python="3.11", more=more))


def lockfiles(project: Path) -> dict[str, bytes]:
    """Every lockfile's bytes, by driver."""
    return {path.stem: path.read_bytes() for path in sorted((project / "locks").glob("*.toml"))}


def test_an_upgrade_that_is_only_checked_says_what_would_move(
    run_envbuild: CommandLine, index: IndexServer, project: Path
) -> None:
    """`lock --upgrade --check` asks the index, writes nothing, and exits 1 where anything would move."""
    index.add(Wheel(name="one"), Wheel(name="two"))
    declare(run_envbuild, app=["one"], other=["two"])
    run_envbuild("lock", check=True)
    same = run_envbuild("lock", "--upgrade", "--check")
    assert (same.code, same.stdout) == (
        0,
        "app 1.0: fresh, 1 package\nother 1.0: fresh, 1 package\n",
    )
    index.add(Wheel(name="two", version="2.0"))
    before = lockfiles(project)
    everything = run_envbuild("lock", "--upgrade", "--check")
    assert everything.code == 1
    assert "app 1.0: fresh, 1 package\nother 1.0: would change\n" in everything.stdout
    assert "  ~ two 1.0 → 2.0\n" in everything.stdout
    assert run_envbuild("lock", "--check", "--upgrade-package", "one").code == 0
    named = run_envbuild("lock", "--check", "--upgrade-package", "two", "--format", "json")
    assert named.code == 1
    entry = named.json["drivers"]["other"]
    assert (entry["fresh"], entry["version"]) == (False, "1.0")
    (change,) = entry["changes"]
    assert (change["package"], change["before"], change["after"]) == ("two", ["1.0"], ["2.0"])
    assert named.json["drivers"]["app"]["fresh"]
    assert lockfiles(project) == before
    assert run_envbuild("lock").stdout == same.stdout  # nothing was remembered as other than it is


def test_what_could_be_locked_is_written_when_it_is_asked_for(
    run_envbuild: CommandLine, index: IndexServer, project: Path
) -> None:
    """Without `--keep-going` nothing is written, and the error says what could have been."""
    index.add(Wheel(name="one"), Wheel(name="two"))
    declare(run_envbuild, app=["one"], bad=["one>=9"], other=["two"])
    nothing = run_envbuild("lock")
    assert nothing.code == 3
    assert "nothing was written; these could have been locked: app, other" in nothing.stderr
    assert "`envbuild lock --keep-going` writes what can be locked" in nothing.stderr
    assert lockfiles(project) == {}
    partly = run_envbuild("lock", "--keep-going", "--format", "json")
    assert partly.code == 3
    assert lockfiles(project).keys() == {"app", "other"}
    (failed,) = partly.json["failed"]
    assert (failed["drivers"], failed["exit_code"]) == (["bad"], 3)
    assert failed["problems"][0]["key"] == "drivers.bad.requires"
    assert "error: drivers.toml:" in partly.stderr
    again = run_envbuild("lock", "--keep-going")
    assert again.code == 3
    assert "app 1.0: fresh" in again.stdout
    assert "bad: failed, its lockfile stays as it was" in again.stdout


def test_a_partial_lock_breaks_no_rule(
    run_envbuild: CommandLine, index: IndexServer, project: Path
) -> None:
    """What must agree with a driver that failed is not written at another version; the rest is."""
    for name in ("lib", "free"):
        index.add(Wheel(name=name, version="1.0"))
    rule = '[[agree]]\npackages = ["lib"]\ndrivers = ["one", "two"]\n'
    declare(run_envbuild, more=rule, one=["lib"], two=["lib"], three=["free"])
    run_envbuild("lock", check=True)
    before = lockfiles(project)
    for name in ("lib", "free"):
        index.add(Wheel(name=name, version="2.0"))
    declare(run_envbuild, more=rule, one=["lib>=2"], two=["lib>=9"], three=["free"])
    result = run_envbuild("lock", "--upgrade", "--keep-going")
    assert result.code == 3, result
    assert "lib would differ from that of two, and they must agree" in result.stderr
    after = lockfiles(project)
    assert after["one"] == before["one"]
    assert after["two"] == before["two"]
    assert after["three"] != before["three"]
    assert "rule" not in run_envbuild("check").stdout
