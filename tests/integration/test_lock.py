"""`envbuild lock` with real uv over a real index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.scenarios import load_scenario
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def _locked(result: object) -> dict[str, list[str]]:
    return {c["package"]: c["after"] for c in result["drivers"]["app"]["changes"]}  # type: ignore[index]


def test_a_lockfile_names_no_address_and_is_the_same_twice(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """Mirror-neutral and byte-stable: no `://` in it, and locking anew gives the same bytes."""
    load_scenario("diamond").fill(index)
    run_envbuild.declare(declare_drivers({"app": ["top[fast]"]}, python=python_version))
    run_envbuild("lock", check=True)
    first = (project / "locks/app.toml").read_bytes()
    assert b"://" not in first
    (project / "locks/app.toml").unlink()
    run_envbuild("lock", check=True)
    assert (project / "locks/app.toml").read_bytes() == first


def test_a_fresh_lockfile_asks_no_index(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """What still answers its declaration is not resolved again."""
    load_scenario("diamond").fill(index)
    run_envbuild.declare(declare_drivers({"app": ["top"]}, python=python_version))
    run_envbuild("lock", check=True)
    asked = len(index.asked())
    again = run_envbuild("lock", check=True)
    assert "app 1.0: fresh, 4 packages" in again.stdout
    assert len(index.asked()) == asked


def test_each_package_says_what_it_requires_and_who_asked(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """Chains can be computed offline: published requirements and requirers are in the lockfile."""
    load_scenario("diamond").fill(index)
    run_envbuild.declare(declare_drivers({"app": ["top[fast]"]}, python=python_version))
    run_envbuild("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    base = text[text.index('name = "base"') :].partition("[[package]]")[0]
    assert 'version = "2.0"' in base
    assert 'required-by = [\n  "fast-top",\n  "left",\n  "right",\n]' in base
    assert "\"fast-top; extra == 'fast'\"" in text.replace('extra == \\"fast\\"', "extra == 'fast'")


def test_pins_that_still_fit_stay(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A newer release moves nothing until an upgrade is asked for, and then just what was named.

    An upgrade that finds nothing newer leaves the file untouched.
    """
    index.add(Wheel(name="one", version="1.0"), Wheel(name="two", version="1.0"))
    run_envbuild.declare(declare_drivers({"app": ["one"]}, python=python_version))
    run_envbuild("lock", check=True)
    index.add(Wheel(name="one", version="1.1"), Wheel(name="two", version="1.1"))
    run_envbuild.declare(declare_drivers({"app": ["one", "two<1.1"]}, python=python_version))
    kept = run_envbuild("lock", "--format", "json", check=True)
    assert _locked(kept.json) == {"two": ["1.0"]}
    run_envbuild.declare(declare_drivers({"app": ["one", "two"]}, python=python_version))
    still = run_envbuild("lock", "--format", "json", check=True)
    assert _locked(still.json) == {}
    moved = run_envbuild("lock", "--upgrade-package", "One", "--format", "json", check=True)
    assert _locked(moved.json) == {"one": ["1.1"]}
    everything = run_envbuild("lock", "--upgrade", "--format", "json", check=True)
    assert _locked(everything.json) == {"two": ["1.1"]}
    before = (run_envbuild.cwd / "locks/app.toml").stat()
    run_envbuild("lock", "--upgrade", check=True)
    after = (run_envbuild.cwd / "locks/app.toml").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_an_upgrade_of_what_no_lockfile_has_is_a_mistake(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A misspelt --upgrade-package is said, not ignored."""
    index.add(Wheel(name="one"))
    run_envbuild.declare(declare_drivers({"app": ["one"]}, python=python_version))
    run_envbuild("lock", check=True)
    result = run_envbuild("lock", "--upgrade-package", "oen")
    assert result.code == 2
    assert "no lockfile has oen" in result.stderr


def test_every_target_is_resolved_for_itself(
    run_envbuild: CommandLine, index: IndexServer, project: Path
) -> None:
    """Markers and wheels decide per Python and platform; what differs carries its targets."""
    index.add(
        Wheel(name="app", requires=("old<2; python_version < '3.12'", "native")),
        Wheel(name="old", version="1.0"),
        Wheel(name="native", tag="cp311-cp311-manylinux_2_17_x86_64"),
        Wheel(name="native", tag="cp312-cp312-manylinux_2_17_x86_64"),
        Wheel(name="native", tag="cp312-cp312-macosx_11_0_arm64"),
        Wheel(name="native", version="0.9", tag="py3-none-any"),
    )
    run_envbuild.declare(
        '[defaults]\npython = ["3.12", "3.11"]\n'
        'platforms = ["x86_64-manylinux_2_28", "arm64-macosx_14_0"]\n'
        '[drivers.app]\nrequires = ["app"]\n'
    )
    run_envbuild("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    old = text[text.index('name = "old"') :]
    assert 'targets = [\n  "3.11-x86_64-manylinux_2_28",\n  "3.11-arm64-macosx_14_0",\n]' in old
    assert text.count('name = "native"\n') == 2
    assert 'targets = ["3.11-arm64-macosx_14_0"]' in text


def test_check_says_why_and_writes_nothing(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """`lock --check` exits 1 with the reasons and leaves the lockfile as it was."""
    index.add(Wheel(name="one"), Wheel(name="two"))
    run_envbuild.declare(declare_drivers({"app": ["one"]}, python=python_version))
    assert run_envbuild("lock", "--check").code == 1
    run_envbuild("lock", check=True)
    before = (project / "locks/app.toml").read_bytes()
    assert run_envbuild("lock", "--check").code == 0
    run_envbuild.declare(declare_drivers({"app": ["two"]}, python=python_version))
    result = run_envbuild("lock", "--check")
    assert result.code == 1
    assert "because requires: two is new" in result.stdout
    assert (project / "locks/app.toml").read_bytes() == before


def test_one_driver_that_fails_leaves_every_lockfile(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """Exit 3 with uv's words and the driver's line; nothing is written, for no driver."""
    index.add(Wheel(name="one", requires=("two<1",)), Wheel(name="two", version="1.0"))
    path = run_envbuild.declare(
        declare_drivers({"good": ["two"], "bad": ["one", "two>=1"]}, python=python_version)
    )
    line = path.read_text().splitlines().index('requires = ["one", "two>=1"]') + 1
    result = run_envbuild("lock")
    assert result.code == 3, result
    assert f"drivers.toml:{line}: drivers.bad.requires: no set of versions satisfies bad" in (
        result.stderr
    )
    assert "  Because " in result.stderr
    assert "No solution found" not in result.stderr
    assert not (project / "locks").exists()


def test_an_edited_lockfile_is_noticed_and_locked_anew(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """A change by hand is stale for `lock`, refused by `sync`, and mended by locking."""
    index.add(Wheel(name="one"))
    run_envbuild.declare(declare_drivers({"app": ["one"]}, python=python_version))
    run_envbuild("lock", check=True)
    file = project / "locks/app.toml"
    good = file.read_text()
    file.write_text(good.replace('version = "1.0"', 'version = "1.1"'))
    refused = run_envbuild("sync")
    assert refused.code == 1
    assert "locks/app.toml: digest: the lockfile was changed" in refused.stderr
    run_envbuild("lock", check=True)
    assert file.read_text() == good


def test_a_newer_lockfile_is_never_overwritten(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """What a newer envbuild wrote is left alone, with the advice to upgrade."""
    index.add(Wheel(name="one"))
    run_envbuild.declare(declare_drivers({"app": ["one"]}, python=python_version))
    run_envbuild("lock", check=True)
    file = project / "locks/app.toml"
    file.write_text(file.read_text().replace("format = 1", "format = 2"))
    result = run_envbuild("lock")
    assert result.code == 1
    assert "hint: upgrade envbuild" in result.stderr
    assert "format = 2" in file.read_text()


def test_a_bound_name_is_asked_of_its_own_index_alone(
    run_envbuild: CommandLine, index: IndexServer, project: Path, scratch: Path, python_version: str
) -> None:
    """A folder of wheels is an index too; its names never reach the default one, at lock and sync."""
    wheels = scratch / "wheels"
    wheels.mkdir()
    Wheel(name="acme-core", requires=("open",)).write(wheels)
    index.add(Wheel(name="open"), Wheel(name="acme-core", version="9.9"))
    bound = f'[[index]]\nname = "internal"\npath = "{wheels}"\npackages = ["acme-*"]\n'
    run_envbuild.declare(
        declare_drivers({"app": ["acme-core", "open"]}, python=python_version, more=bound)
    )
    run_envbuild("lock", check=True)
    text = (project / "locks/app.toml").read_text()
    assert 'index = "internal"' in text
    assert 'version = "9.9"' not in text
    run_envbuild("sync")  # it has no command, but it builds
    assert index.asked("acme") == []
    assert index.asked("open")


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("!", "could not be parsed"),
        ("other; python_version ~= '3'", "whose marker compares what cannot be compared"),
    ],
)
def test_a_package_that_asks_for_nonsense(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, requirement: str, said: str
) -> None:
    """A published requirement that is none is told with its package; it is no bug of envbuild."""
    index.add(Wheel(name="one", requires=(requirement,)), Wheel(name="other"))
    run_envbuild.declare(declare_drivers({"app": ["one"]}, python=python_version))
    result = run_envbuild("lock")
    assert result.code == (3 if "parsed" in said else 4), result
    assert said in result.stderr
    assert "one" in result.stderr
    assert not (run_envbuild.cwd / "locks").exists()
