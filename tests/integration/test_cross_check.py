"""`lock --cross-check`: what uv has locked, judged by pip's resolver, and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import copy_own_fleet, declare_drivers, host_platform
from tests.support.index_server import IndexServer
from tests.support.pip_tools import BY_PIP, fake_pip_tools
from tests.support.repository import git
from tests.support.scenarios import FOLDER, load_scenario
from tests.support.sources import MadeSource, maker, write_files
from tests.support.svc_project import write_project
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine

pytest.importorskip("piptools", reason="NOT TESTED: pip-tools is not installed beside envbuild")

HEAD = 'version = 1\n[defaults]\npython = "{python}"\nplatforms = ["x86_64-manylinux_2_28"]\n'
CORPUS = sorted(path.stem for path in (FOLDER / "conflicts").glob("*.toml"))
SAMPLE = ("extras", "markers", "pre-releases")
"""The made-up indexes that CI looks at; the session `slow` has all of them."""


def test_both_take_the_same(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Exit 0, a line for each driver; a fresh lockfile is judged too, and nothing is written."""
    load_scenario("diamond").fill(index)
    drivers = declare_drivers({"app": ["top[fast]"]}, python=python_version)
    run_envbuild.declare(f"{drivers}[drivers.other]\nrequires = ['left']\n{BY_PIP}\n")
    first = run_envbuild("lock", "--cross-check", check=True)
    assert "app: pip-tools takes the same versions as uv on 1 target\n" in first.stdout
    assert "other: uv takes the same versions as pip-tools on 1 target\n" in first.stdout
    before = (run_envbuild.cwd / "locks/app.toml").read_bytes()
    again = run_envbuild("lock", "--check", "--cross-check", "--format", "json", check=True)
    assert (run_envbuild.cwd / "locks/app.toml").read_bytes() == before
    target = f"{python_version}-{host_platform()}"
    assert again.json["cross_check"][0] == {
        "driver": "app",
        "resolver": "uv",
        "judge": "pip-tools",
        "packages": 5,
        "builds": 0,
        "agreed": [target],
        "differences": [],
        "unsatisfied": [],
        "not_judged": [],
    }
    assert run_envbuild("lock", "--format", "json", check=True).json["cross_check"] is None


def test_a_difference_is_explained_from_both_sides(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A pre-release that only a package asks for: pip takes it, uv does not. Exit 1, as text and as JSON.

    With the locked versions as preferences pip accepts them: an upgrade says what it would choose.
    """
    index.add(
        Wheel(name="app", requires=("lib>=1.0a1",)),
        Wheel(name="lib", version="1.5"),
        Wheel(name="lib", version="2.0a1", requires=("more",)),
        Wheel(name="more"),
    )
    run_envbuild.declare(declare_drivers({"app": ["app"]}, python=python_version))
    run_envbuild("lock", "--cross-check", check=True)
    result = run_envbuild("lock", "--upgrade", "--cross-check")
    target = f"{python_version}-{host_platform()}"
    assert result.code == 1
    assert (
        f"app: lib: uv takes 1.5, pip-tools takes 2.0a1, on {target}\n"
        "  uv: app 1.0 requires lib>=1.0a1; it could take 2.0a1 too, and preferred 1.5\n"
        "  pip-tools: app 1.0 requires lib>=1.0a1; it could take 1.5 too, and preferred 2.0a1\n"
        f"app: more: uv leaves it out, pip-tools takes 1.0, on {target}\n"
        "  uv: nothing that it took requires it\n"
        "  pip-tools: lib 2.0a1 requires more; what it took requires it\n"
    ) in result.stdout
    found = run_envbuild("lock", "--upgrade", "--check", "--cross-check", "--format", "json")
    assert found.code == 1
    (lib, more) = found.json["cross_check"][0]["differences"]
    assert lib == {
        "package": "lib",
        "build": None,
        "targets": [target],
        "locked": {
            "version": "1.5",
            "required_by": ["app 1.0 requires lib>=1.0a1"],
            "why": "it could take 2.0a1 too, and preferred 1.5",
        },
        "judged": {
            "version": "2.0a1",
            "required_by": ["app 1.0 requires lib>=1.0a1"],
            "why": "it could take 1.5 too, and preferred 2.0a1",
        },
    }
    assert more["locked"]["version"] is None


def test_what_the_other_cannot_take_has_its_reason(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A requirement of what the second one took, and its own words where a version cannot be had at all."""
    index.add(
        Wheel(name="app", requires=("lib>=1.0a1", "dep")),
        Wheel(name="lib", version="1.5"),
        Wheel(name="lib", version="2.0a1", requires=("dep<2",)),
        Wheel(name="dep", version="1.0"),
        Wheel(name="dep", version="2.0"),
    )
    run_envbuild.declare(declare_drivers({"app": ["app"]}, python=python_version))
    run_envbuild("lock", check=True)
    result = run_envbuild("lock", "--upgrade", "--cross-check")
    assert result.code == 1
    assert "not 2.0: lib 2.0a1 requires dep<2\n" in result.stdout
    index.remove("dep-2.0-py3-none-any.whl")
    gone = run_envbuild("lock", "--check", "--cross-check")
    assert gone.code == 1
    assert "app: dep: uv takes 2.0, pip-tools takes 1.0" in gone.stdout
    assert "it finds no versions together with dep 2.0: " in gone.stdout


def test_where_the_second_finds_nothing(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """An upper bound of Python counts for pip alone: exit 1 with its words."""
    index.add(Wheel(name="app", requires_python="<3.9"))
    run_envbuild.declare(declare_drivers({"app": ["app"]}, python=python_version))
    result = run_envbuild("lock", "--cross-check")
    assert result.code == 1, result
    assert "app: pip-tools finds no versions for" in result.stdout
    assert "that require a different python version: 1.0 Requires-Python <3.9" in result.stdout


def test_a_rule_is_no_difference(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A version that only a rule across drivers asks for is kept by the second resolver, in an upgrade too."""
    index.add(*(Wheel(name="lib", version=version) for version in ("1.0", "2.0")))
    drivers = declare_drivers({"old": ["lib<2"], "any": ["lib"]}, python=python_version)
    run_envbuild.declare(f'{drivers}[[agree]]\ndrivers = ["old", "any"]\npackages = ["lib"]\n')
    result = run_envbuild("lock", "--upgrade", "--cross-check", check=True)
    assert "any: pip-tools takes the same versions as uv on 1 target\n" in result.stdout


def test_what_cannot_be_judged_is_said(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Other platforms and keys that pip lacks are no difference; exit 5 where nothing at all was judged."""
    index.add(Wheel(name="app", requires=("lib",)), Wheel(name="lib"))
    text = declare_drivers({"app": ["app"]}, python=python_version)
    elsewhere = 'platforms = ["arm64-macosx_14_0"]\n'
    run_envbuild.declare(f"{text}{elsewhere}")
    result = run_envbuild("lock", "--cross-check")
    assert result.code == 5
    assert f"app: pip-tools cannot resolve {python_version}-arm64-macosx_14_0: this host is" in (
        result.stdout
    )
    run_envbuild.declare(f'{text}overrides = ["lib>=1"]\n[drivers.b]\nrequires = ["lib"]\n')
    result = run_envbuild("lock", "--cross-check", check=True)
    assert "pip-tools has no `overrides`" in result.stdout
    assert "b: pip-tools takes the same versions as uv" in result.stdout
    run_envbuild.declare(f"{text}[drivers.b]\nrequires = ['lib', 'new']\n")
    stale = run_envbuild("lock", "--check", "--cross-check")
    assert stale.code == 1
    assert "b: pip-tools" not in stale.stdout


def test_the_second_resolvers_words_reach_no_terminal(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """What it says is escaped, and a resolver that fails is an error and no difference."""
    index.add(Wheel(name="app"))
    run_envbuild.declare(declare_drivers({"app": ["app"]}, python=python_version))
    run_envbuild("lock", check=True)
    body = (
        "from pip._internal.exceptions import DistributionNotFound\n        "
        "raise DistributionNotFound('\\x1b]0;own\\x07\\u202e nothing')"
    )
    result = run_envbuild(
        "lock", "--check", "--cross-check", env=fake_pip_tools(scratch / "fake", body)
    )
    assert result.code == 1
    assert "finds no versions" in result.stdout
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    body = "raise RuntimeError('broken')"
    result = run_envbuild(
        "lock", "--check", "--cross-check", env=fake_pip_tools(scratch / "broken", body)
    )
    assert result.code == 5
    assert "pip could not resolve app" in result.stderr


@pytest.fixture
def sources(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> Iterator[Path]:
    """A driver with every kind of source, three of which are built; the value is the repository of one."""
    index.add(maker(), Wheel(name="helper"), Wheel(name="helper", version="2.0"))
    index.add(MadeSource(name="raw", requires=("helper<2",)))
    project = run_envbuild.cwd
    write_project(project / "svc")
    made = MadeSource(name="moved", requires=("helper",))
    repository = project.parent / "moved"
    write_files(repository, made.members())
    git(repository, "init")
    git(repository, "add", "-A")
    git(repository, "commit", "-m", "one")
    flash = Wheel(name="flash", requires=("helper",))
    archive = Sdist(wheel=Wheel(name="tools", requires=("helper<2",)))
    archive.write(project / "wheels")
    with IndexServer([flash]) as elsewhere:
        names = ["svc", "raw", "moved", "flash", "tools"]
        text = declare_drivers({"app": names}, python=python_version)
        url = f"{elsewhere.origin}/files/{flash.filename}"
        run_envbuild.declare(
            f'{text}binary = "helper"\nallow-sdist = ["raw"]\n[sources]\n'
            f'svc = {{ path = "svc" }}\nflash = {{ url = "{url}" }}\n'
            f'moved = {{ git = "file://{repository}", branch = "main" }}\n'
            f'tools = {{ path = "wheels/{archive.filename}" }}\n'
        )
        yield repository


def test_sources_and_their_builds_are_judged(
    run_envbuild: CommandLine, sources: Path, python_version: str
) -> None:
    """A folder, a commit of a branch that has moved since, files by URL and path, an sdist of the index."""
    run_envbuild("lock", check=True)
    before = (run_envbuild.cwd / "locks/app.toml").read_bytes()
    write_files(sources, MadeSource(name="moved", version="2.0", requires=("helper",)).members())
    git(sources, "commit", "-a", "-m", "two")
    result = run_envbuild("lock", "--check", "--cross-check", "--format", "json", check=True)
    (check,) = result.json["cross_check"]
    assert (check["packages"], check["builds"]) == (6, 2)
    assert check["agreed"] == [f"{python_version}-{host_platform()}"]
    assert (run_envbuild.cwd / "locks/app.toml").read_bytes() == before


def test_what_a_build_requires_is_judged_like_a_driver(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A difference and a build that the second resolver finds nothing for: each says which build it is."""
    tool = Wheel(name="tool", requires=("lib>=1.0a1",))
    index.add(maker(), tool, Wheel(name="lib", version="1.5"), Wheel(name="lib", version="2.0a1"))
    index.add(Wheel(name="aged", requires_python="<3.9"))
    index.add(
        MadeSource(name="one", build_requires=("maker", "tool")),
        MadeSource(name="two", build_requires=("maker", "aged")),
    )
    text = declare_drivers({"app": ["one", "two"]}, python=python_version)
    run_envbuild.declare(f'{text}module = "one"\nallow-sdist = ["one", "two"]\n')
    run_envbuild("lock", check=True)
    result = run_envbuild("lock", "--upgrade", "--check", "--cross-check")
    target = f"{python_version}-{host_platform()}"
    assert result.code == 1, result
    assert (
        f"app: to build one: lib: uv takes 1.5, pip-tools takes 2.0a1, on {target}\n"
        "  uv: tool 1.0 requires lib>=1.0a1; it could take 2.0a1 too, and preferred 1.5\n"
        "  pip-tools: tool 1.0 requires lib>=1.0a1; it could take 1.5 too, and preferred 2.0a1\n"
        f"app: pip-tools finds no versions to build two for {target}, where uv locked some\n"
    ) in result.stdout
    assert "1.0 Requires-Python <3.9" in result.stdout
    assert "takes the same versions" not in result.stdout


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in SAMPLE else pytest.mark.slow) for case in CORPUS],
)
def test_made_up_indexes(
    case: str, run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Of every driver that both can resolve, both choose the same versions by themselves."""
    scenario = load_scenario(f"conflicts/{case}")
    scenario.fill(index)
    head = HEAD.format(python=python_version)
    run_envbuild.declare(head + scenario.case["drivers"].removeprefix("\n"))
    result = run_envbuild("lock", "--upgrade", "--cross-check", "--format", "json")
    assert result.code in (0, 5), result
    checks = result.json["cross_check"]
    assert checks
    assert not any(check["differences"] or check["unsatisfied"] for check in checks)


@pytest.mark.index
def test_a_driver_of_this_repository(run_envbuild_online: CommandLine) -> None:
    """What is committed for the embeddings is what pip takes; the whole fleet is `nox -s differential`'s."""
    copy_own_fleet(run_envbuild_online.cwd)
    result = run_envbuild_online(
        "lock", "embeddings", "--check", "--cross-check", "--format", "json", check=True
    )
    (check,) = result.json["cross_check"]
    assert check["agreed"]
