"""Packages that come as source: built once, with pinned build requirements, and never where that is refused."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from envbuild.lockfile.parse import parse_lockfile
from tests.support.command_line import CommandLine, host_platform
from tests.support.sources import MadeSource, maker
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.lockfile.lockfile import Lockfile
    from tests.support.index_server import IndexServer


@pytest.fixture
def told(scratch: Path) -> Path:
    """The file in which every build of a wheel leaves a line; any user may write it."""
    path = scratch / "told"
    path.touch(mode=0o666)
    path.chmod(0o666)
    return path


@pytest.fixture
def declared(
    run_envbuild: CommandLine, index: IndexServer, told: Path, python_version: str
) -> CommandLine:
    """Two drivers with one package that comes as source."""
    index.add(maker("1.0"), maker("1.1"), MadeSource(name="svc", requires=("dep",)))
    index.add(Wheel(name="dep"))
    declare(run_envbuild, told, python_version)
    return run_envbuild


def declare(
    run: CommandLine, told: Path, python_version: str, more: str = "", build: str = ""
) -> None:
    """The declaration of the two drivers."""
    rest = f'python = "{python_version}"\nplatforms = ["{host_platform()}"]\nbinary = "svc"\n'
    rest += 'allow-sdist = ["svc"]\n'
    text = f'[drivers.one]\nrequires = ["svc"]\n{rest}'
    text += f'[drivers.two]\nrequires = ["svc", "dep"]\n{rest}{more}\n'
    run.declare(f'{text}[build.svc]\nenv = {{ TELLS = "{told}" }}\n{build}\n')


def change(run: CommandLine, before: str, after: str) -> None:
    """Replace a part of the declaration."""
    text = (run.cwd / "drivers.toml").read_text()
    assert before in text
    run.declare(text.replace(before, after))


def lockfile(project: Path, driver: str = "one") -> Lockfile:
    """A lockfile as it was written."""
    path = project / "locks" / f"{driver}.toml"
    return parse_lockfile(path.read_text(), file=str(path))


def builds(told: Path) -> list[str]:
    """What was built so far."""
    return told.read_text().splitlines()


def test_build_requirements_are_pinned(
    declared: CommandLine, project: Path, index: IndexServer
) -> None:
    """With hashes, by the driver's resolver; a newer one does not move them, an upgrade does."""
    declared("lock", check=True)
    (build,) = lockfile(project).builds
    assert (build.package, build.version) == ("svc", "1.0")
    assert build.requires == ("maker", "maker>=1")
    assert [file.name for file in build.files] == ["maker-1.1-py3-none-any.whl"]
    assert build.files[0].sha256 == maker("1.1").sha256
    before = (project / "locks" / "one.toml").read_bytes()
    index.add(maker("2.0"))
    declared("lock", "--upgrade-package", "dep", check=True)
    assert (project / "locks" / "one.toml").read_bytes() == before
    declared("lock", "--upgrade-package", "maker", check=True)
    assert [file.name for file in lockfile(project).builds[0].files] == [
        "maker-2.0-py3-none-any.whl"
    ]


def test_a_source_is_built_once(declared: CommandLine, told: Path, store: Path) -> None:
    """Two drivers, another generation and a repeated sync: one build, and its wheel is in the store."""
    declared("lock", check=True)
    declared("sync", check=True)
    assert builds(told) == ["svc 1.0 1.1 {}"]
    assert declared("run", "one", check=True).stdout == "svc 1.0 by maker 1.1\n"
    change(declared, '"svc", "dep"', '"svc", "dep", "maker"')
    declared("lock", check=True)
    declared("sync", check=True)
    assert len(builds(told)) == 1
    (wheel,) = store.glob("cache/built/*/svc-1.0-py3-none-any.whl")
    declared("gc", "--cache", "--keep", "1", check=True)
    assert wheel.is_file()
    declared("verify", check=True)


def test_a_changed_build_is_built_again(
    declared: CommandLine, told: Path, python_version: str
) -> None:
    """Other settings are another wheel: the lockfile is stale, and the environment another one."""
    declared("lock", check=True)
    declared("sync", check=True)
    before = declared("which", "one", check=True).stdout
    declare(declared, told, python_version, build='config-settings = { fast = "yes" }')
    stale = declared("sync")
    assert stale.code == 1
    assert "the lockfile of one is stale: build.svc has changed" in stale.stderr
    declared("lock", check=True)
    declared("sync", check=True)
    assert builds(told) == ["svc 1.0 1.1 {}", "svc 1.0 1.1 {'fast': 'yes'}"]
    assert declared("which", "one", check=True).stdout != before


def test_a_store_that_never_builds_says_so(declared: CommandLine, told: Path, store: Path) -> None:
    """Exit 5 with what to do; nothing is left behind."""
    declared("lock", check=True)
    store.mkdir()
    (store / "settings.toml").write_text('build = "never"\n')
    result = declared("sync")
    assert result.code == 5, result
    assert "svc 1.0 comes as source, and this store never builds" in result.stderr
    assert "run `envbuild build one` where builds are allowed" in result.stderr
    assert builds(told) == []
    assert list((store / "envs").iterdir()) == []


def test_added_requirements_take_the_drivers_versions(
    declared: CommandLine, told: Path, project: Path, index: IndexServer, python_version: str
) -> None:
    """As flash-attn wants torch: the version that the driver has, not the newest."""
    index.add(Wheel(name="dep", version="2.0"))
    declare(declared, told, python_version, 'constraints = ["dep<2"]', 'requires = ["dep"]')
    declared("lock", check=True)

    def files(driver: str) -> list[str]:
        return [file.name for file in lockfile(project, driver).builds[0].files]

    assert files("one") == ["dep-2.0-py3-none-any.whl", "maker-1.1-py3-none-any.whl"]
    assert files("two") == ["dep-1.0-py3-none-any.whl", "maker-1.1-py3-none-any.whl"]
    assert lockfile(project).builds[0].added == ("dep",)


def test_a_build_without_isolation_sees_the_drivers_packages(
    declared: CommandLine, told: Path, project: Path, python_version: str
) -> None:
    """It gets what the driver has, and nothing is resolved for it."""
    more = 'constraints = ["maker<1.1"]'
    declare(declared, told, python_version, more, "isolation = false")
    change(declared, '"svc", "dep"', '"svc", "dep", "maker"')
    declared("lock", "two", check=True)
    (build,) = lockfile(project, "two").builds
    assert (build.requires, build.files) == ((), ())
    declared("sync", "two", check=True)
    assert builds(told) == ["svc 1.0 1.0 {}"]


def test_a_build_that_fails_leaves_nothing(
    declared: CommandLine, index: IndexServer, store: Path, project: Path, told: Path
) -> None:
    """One message with the key of its options, the place of the log, and no environment."""
    declared("lock", check=True)
    change(declared, 'TELLS = "', 'TELLS = "/nowhere')
    declared("lock", check=True)
    result = declared("sync")
    assert result.code == 5, result
    assert result.stderr.count("svc-1.0.tar.gz cannot be built: it ended with 1") == 2
    assert "FileNotFoundError" in result.stderr
    log = re.search(r"its whole output is in (\S+);", result.stderr)
    assert log is not None
    assert list((store / "envs").iterdir()) == []
    assert list(store.glob("cache/built/*/*.whl")) == []


def test_a_tampered_built_wheel_is_built_again(
    declared: CommandLine, store: Path, told: Path
) -> None:
    """What somebody put in its place is not installed."""
    declared("lock", check=True)
    declared("sync", "one", check=True)
    (wheel,) = store.glob("cache/built/*/*.whl")
    wheel.chmod(0o644)
    wheel.write_bytes(b"evil")
    shutil.rmtree(store / "cache" / "wheels")
    shutil.rmtree(store / "cache" / "uv")
    declared("sync", check=True)
    assert len(builds(told)) == 2
    assert declared("run", "two", check=True).stdout == "svc 1.0 by maker 1.1\n"
