"""`resolver = "pip-tools"`: pip's own resolver finds the versions, over the same router as uv."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers, host_platform
from tests.support.index_server import IndexServer
from tests.support.open_markers import OPEN, add_open
from tests.support.pip_tools import BY_PIP, declare, locked
from tests.support.scenarios import load_scenario
from tests.support.svc_project import write_project
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.command_line import CommandLine


def without_resolver(command: CommandLine) -> list[str]:
    """The lines of the lockfile without its resolver, and the digest that covers it."""
    lines = (command.cwd / "locks/app.toml").read_text().splitlines()
    return [line for line in lines if not line.startswith(("digest = ", "resolver = "))]


def test_it_locks_what_uv_locks(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """The same lockfile but for the resolver's name; `sync` and `check` take it like any other."""
    load_scenario("diamond").fill(index)
    run_envbuild.declare(declare_drivers({"app": ["top[fast]"]}, python=python_version))
    run_envbuild("lock", check=True)
    by_uv = without_resolver(run_envbuild)
    (run_envbuild.cwd / "locks/app.toml").unlink()
    declare(run_envbuild, "top[fast]", python=python_version)
    run_envbuild("lock", check=True)
    assert without_resolver(run_envbuild) == by_uv
    assert 'resolver = "pip-tools"\n' in (run_envbuild.cwd / "locks/app.toml").read_text()
    run_envbuild("check", check=True)
    run_envbuild("sync", check=True)


def test_pins_stay_until_an_upgrade(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A newer release moves nothing; a range that excludes a pin moves that one; an upgrade moves all."""
    index.add(Wheel(name="one", requires=("two",)), Wheel(name="two"))
    declare(run_envbuild, "one", python=python_version)
    run_envbuild("lock", check=True)
    index.add(
        Wheel(name="one", version="2.0", requires=("two>1",)), Wheel(name="two", version="2.0")
    )
    index.add(Wheel(name="six"))
    declare(run_envbuild, "one", "six", python=python_version)
    run_envbuild("lock", check=True)
    assert locked(run_envbuild) == {"one": "1.0", "two": "1.0", "six": "1.0"}
    declare(run_envbuild, "one>1", "six", python=python_version)
    run_envbuild("lock", check=True)
    assert locked(run_envbuild) == {"one": "2.0", "two": "2.0", "six": "1.0"}
    index.add(Wheel(name="six", version="6.0"))
    run_envbuild("lock", "--upgrade", check=True)
    assert locked(run_envbuild) == {"one": "2.0", "two": "2.0", "six": "6.0"}


def test_it_takes_only_what_the_target_takes(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """No wheel for a newer system library than the target's, although pip runs on a host that has it.

    No release that is too young either, for one package or for all; and no wheel for another Python.
    """
    tag = f"cp{python_version.replace('.', '')}"
    platform = host_platform().replace("-manylinux_2_28", "-manylinux_2_17")
    arch = platform.partition("-")[0]
    index.add(
        Wheel(name="native", version="2.0", tag=f"{tag}-{tag}-manylinux_2_28_{arch}"),
        Wheel(name="native", version="1.9", tag=f"cp38-cp38-manylinux_2_17_{arch}"),
        Wheel(name="native", version="1.0", tag=f"{tag}-{tag}-manylinux_2_17_{arch}"),
        Wheel(name="young"),
        Wheel(name="younger"),
    )
    later = "2026-03-01T00:00:00Z"
    index.add(
        Wheel(name="young", version="2.0"), Wheel(name="younger", version="2.0"), uploaded=later
    )
    index.add(Wheel(name="younger", version="3.0"), uploaded="2026-05-01T00:00:00Z")
    declare(
        run_envbuild,
        *("native", "young", "younger"),
        python=python_version,
        more='exclude-newer = "2026-02-01"\nexclude-newer-packages = { younger = "2026-04-01" }\n'
        f'platforms = ["{platform}"]\n',
    )
    run_envbuild("lock", check=True)
    assert locked(run_envbuild) == {"native": "1.0", "young": "1.0", "younger": "2.0"}


def test_what_a_wheel_says_inside_counts(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """METADATA beside a wheel that leaves out a requirement does not decide, as with uv."""
    top = Wheel(name="top", requires=("base>=1",))
    index.add(top, Wheel(name="base", version="0.5"), Wheel(name="base", version="1.5"))
    held = index.files[top.filename]
    index.files[top.filename] = replace(held, metadata=replace(top, requires=()).metadata())
    declare(run_envbuild, "top", python=python_version)
    run_envbuild("lock", check=True)
    assert locked(run_envbuild) == {"top": "1.0", "base": "1.5"}


def test_what_only_some_hosts_of_a_target_need_is_locked(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Markers on patch releases and kernels are not decided by the Python that happens to run pip."""
    add_open(index)
    declare(run_envbuild, "web", python=python_version)
    run_envbuild("lock", check=True)
    some = {name for name, (_, here) in OPEN.items() if here is not None}
    assert locked(run_envbuild).keys() == {"web", *some}


def test_a_package_comes_from_its_own_index(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Bindings hold, and the password of an index is not pip's affair: only the router knows it."""
    index.add(Wheel(name="app", requires=("base",)), Wheel(name="base", version="9.0"))
    with IndexServer([Wheel(name="base", version="1.0")]) as own:
        own.offer = replace(own.offer, login=("kim", "sesame"))
        bound = f'[[index]]\nname = "own"\nurl = "{own.url}"\npackages = ["base"]\n'
        declare(run_envbuild, "app", python=python_version, more=bound)
        run_envbuild("lock", env={"ENVBUILD_INDEX_OWN_URL": own.url_with_login}, check=True)
    assert locked(run_envbuild) == {"app": "1.0", "base": "1.0"}
    assert not index.asked("/simple/base/")


def test_another_python_of_the_host_resolves_for_itself(
    run_envbuild: CommandLine, index: IndexServer, pythons: Mapping[str, Path]
) -> None:
    """Markers are those of the target's Python, not of the one that runs envbuild."""
    if len(pythons) < 2:
        pytest.skip("NOT TESTED: this machine has one Python")
    names = {minor: f"for-{minor.replace('.', '-')}" for minor in pythons}
    index.add(
        Wheel(
            name="app",
            requires=tuple(f"{name}; python_version == '{minor}'" for minor, name in names.items()),
        ),
        *(Wheel(name=name) for name in names.values()),
    )
    several = ", ".join(f'"{minor}"' for minor in pythons)
    declare(run_envbuild, "app", python=next(iter(pythons)), more=f"python = [{several}]\n")
    path = os.pathsep.join((*(str(one.parent) for one in pythons.values()), os.environ["PATH"]))
    run_envbuild("lock", env={"PATH": path}, check=True)
    text = (run_envbuild.cwd / "locks/app.toml").read_text()
    for minor, name in names.items():
        own = text.partition(f'name = "{name}"')[2].partition("[[package]]")[0]
        assert f'targets = ["{minor}-{host_platform()}"]' in own


def test_source_is_built_only_where_the_declaration_allows_it(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """Without `allow-sdist` none of its code runs and the message names the key; with it, it is locked."""
    ran = scratch / "ran"
    index.add(Sdist(wheel=Wheel(name="src", version="2.0", requires=("base",)), tells=ran))
    index.add(Wheel(name="base"))
    declare(run_envbuild, "src", python=python_version)
    result = run_envbuild("lock")
    assert result.code == 3
    assert 'allow-sdist = ["src"]' in result.stderr
    assert not ran.exists()
    index.add(Sdist(wheel=Wheel(name="src", version="2.1", requires=("base",))))
    declare(run_envbuild, "src>2", python=python_version, more='allow-sdist = ["src"]\n')
    run_envbuild("lock", check=True)
    assert locked(run_envbuild) == {"src": "2.1", "base": "1.0"}


def test_packages_with_a_source_of_their_own(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A wheel by its URL and a folder are locked as by uv, no index is asked for them, and uv accepts the result."""
    index.add(Wheel(name="helper"), Wheel(name="flash", version="9.0"))
    write_project(run_envbuild.cwd / "svc")
    with IndexServer([Wheel(name="flash", version="2.8", requires=("helper",))]) as elsewhere:
        url = f"{elsewhere.origin}/files/flash-2.8-py3-none-any.whl"
        sources = f'[sources]\nsvc = {{ path = "svc" }}\nflash = {{ url = "{url}" }}\n'
        declare(run_envbuild, "svc", "flash", python=python_version, more=sources)
        run_envbuild("lock", "--cross-check", check=True)
    assert locked(run_envbuild) == {"svc": "0.3", "flash": "2.8", "helper": "1.0"}
    assert not index.asked("flash")
    assert not index.asked("svc")


def test_drivers_that_coexist(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Both are one request, and get the same version of what they share."""
    index.add(
        Wheel(name="one", requires=("lib",)),
        Wheel(name="two", requires=("lib<2", "more")),
        *(Wheel(name="lib", version="1.0"), Wheel(name="lib", version="2.0"), Wheel(name="more")),
    )
    drivers = declare_drivers({"app": ["one"], "other": ["two"]}, python=python_version)
    text = drivers.replace("[defaults]\n", f"[defaults]\n{BY_PIP}\n")
    run_envbuild.declare(f'{text}[[coexist]]\ndrivers = ["app", "other"]\n')
    run_envbuild("lock", check=True)
    assert locked(run_envbuild) == {"one": "1.0", "lib": "1.0"}
    run_envbuild("lock", "--upgrade", "--cross-check", check=True)


def test_settings_of_the_hosts_pip_change_nothing(
    run_envbuild: CommandLine,
    index: IndexServer,
    python_version: str,
    isolation: Path,
    scratch: Path,
) -> None:
    """No pip.conf, no variable, no further folder of wheels, no netrc: only the router is asked."""
    index.add(Wheel(name="app"))
    Wheel(name="app", version="9.0").write(scratch / "wheels")
    with IndexServer([Wheel(name="app", version="8.0")]) as elsewhere:
        settings = f"[global]\nfind-links = {scratch}/wheels\nextra-index-url = {elsewhere.url}\npre = true\n"
        for folder in (isolation / ".config/pip", isolation / ".pip"):
            folder.mkdir(parents=True)
            (folder / "pip.conf").write_text(settings)
        (isolation / ".netrc").write_text("default login kim password sesame\n")
        (run_envbuild.cwd / ".pip-tools.toml").write_text("[tool.pip-tools]\npre = true\n")
        (run_envbuild.cwd / "pyproject.toml").write_text("[tool.pip-tools]\nno-index = true\n")
        declare(run_envbuild, "app", python=python_version)
        env = {
            "PIP_FIND_LINKS": str(scratch / "wheels"),
            "PIP_EXTRA_INDEX_URL": elsewhere.url,
            "PIP_CONFIG_FILE": str(isolation / ".pip/pip.conf"),
            "PIP_NO_INDEX": "1",
            "PIP_CONSTRAINT": "/nowhere",
            "PIP_REQUIRE_HASHES": "1",
        }
        run_envbuild("lock", env=env, check=True)
        assert locked(run_envbuild) == {"app": "1.0"}
        assert not elsewhere.asked()
