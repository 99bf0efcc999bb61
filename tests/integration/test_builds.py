"""Packages that come as source: built once, with pinned build requirements, and never where that is refused."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.built_sources import builds, declare, declared, told
from tests.support.command_line import CommandLine, host_platform
from tests.support.mutation import sign
from tests.support.sources import MadeSource, maker
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.index_server import IndexServer

__all__ = ["declared", "told"]


def change(run: CommandLine, before: str, after: str) -> None:
    """Replace a part of the declaration."""
    text = (run.cwd / "drivers.toml").read_text()
    assert before in text
    run.declare(text.replace(before, after))


def test_build_requirements_are_pinned(
    declared: CommandLine, project: Path, index: IndexServer
) -> None:
    """With hashes, by the driver's resolver; a newer one does not move them, an upgrade does."""
    declared("lock", check=True)
    (build,) = declared.lockfile("one").builds
    assert (build.package, build.version) == ("svc", "1.0")
    assert build.requires == ("maker", "maker>=1")
    assert [file.name for file in build.files] == ["maker-1.1-py3-none-any.whl"]
    assert build.files[0].sha256 == maker("1.1").sha256
    before = (project / "locks" / "one.toml").read_bytes()
    index.add(maker("2.0"))
    declared("lock", "--upgrade-package", "dep", check=True)
    assert (project / "locks" / "one.toml").read_bytes() == before
    declared("lock", "--upgrade-package", "maker", check=True)
    assert [file.name for file in declared.lockfile("one").builds[0].files] == [
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
        return [file.name for file in declared.lockfile(driver).builds[0].files]

    assert files("one") == ["dep-2.0-py3-none-any.whl", "maker-1.1-py3-none-any.whl"]
    assert files("two") == ["dep-1.0-py3-none-any.whl", "maker-1.1-py3-none-any.whl"]
    assert declared.lockfile("one").builds[0].added == ("dep",)


def test_a_build_without_isolation_sees_the_drivers_packages(
    declared: CommandLine, told: Path, project: Path, python_version: str
) -> None:
    """It gets what the driver has, and nothing is resolved for it."""
    more = 'constraints = ["maker<1.1"]'
    declare(declared, told, python_version, more, "isolation = false")
    change(declared, '"svc", "dep"', '"svc", "dep", "maker"')
    declared("lock", "two", check=True)
    (build,) = declared.lockfile("two").builds
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
    lines = (declared.cwd / "drivers.toml").read_text().splitlines()
    number = lines.index("[build.svc]") + 1
    assert result.stderr.count(f"error: drivers.toml:{number}: build.svc: ") == 2, result
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


def test_build_locks_the_wheel(
    declared: CommandLine, told: Path, project: Path, store: Path
) -> None:
    """Its name, size and sha256 for the target; the lockfile stays fresh, and nothing is built again."""
    declared("lock", check=True)
    done = declared("build", "--format", "json", check=True).json
    assert [(one["driver"], one["file"], one["new"]) for one in done["wheels"]] == [
        ("one", "svc-1.0-py3-none-any.whl", True),
        ("two", "svc-1.0-py3-none-any.whl", True),
    ]
    (wheel,) = store.glob("cache/built/*/*.whl")
    locked = next(one for one in declared.lockfile("one").packages if one.name == "svc")
    assert [(file.name, file.size) for file in locked.built] == [(wheel.name, wheel.stat().st_size)]
    assert locked.built[0].sha256 == done["wheels"][0]["sha256"]
    declared("lock", "--check", check=True)
    before = (project / "locks" / "one.toml").read_bytes()
    assert not any(one["new"] for one in declared("build", "--format", "json").json["wheels"])
    declared("sync", check=True)
    declared("lock", "--upgrade-package", "dep", check=True)
    assert (project / "locks" / "one.toml").read_bytes() == before
    assert len(builds(told)) == 1


@pytest.fixture(params=["index", "folder"])
def origin(
    request: pytest.FixtureRequest, declared: CommandLine, index: IndexServer, project: Path
) -> str:
    """Where the source of svc is: in the index, or in a folder of the repository."""
    if request.param == "folder":
        for name, text in MadeSource(name="svc", requires=("dep",)).members().items():
            (project / "svc").mkdir(exist_ok=True)
            (project / "svc" / name).write_text(text)
        change(declared, "[build.svc]", '[sources]\nsvc = { path = "svc" }\n[build.svc]')
        change(declared, 'allow-sdist = ["svc"]\n', "")
        del index.files["svc-1.0.tar.gz"]
    return str(request.param)


def test_a_third_store_takes_the_wheel_from_a_folder(
    origin: str,
    declared: CommandLine,
    told: Path,
    scratch: Path,
    project: Path,
    index: IndexServer,
) -> None:
    """Two clones and stores build once each, with equal keys; the third builds nothing, with an empty PATH."""
    declared("lock", check=True)
    clone = scratch / "clone"
    shutil.copytree(project, clone)
    names = []
    for number, place in enumerate((project, clone)):
        env = {"ENVBUILD_STORE": str(scratch / f"store{number}")}
        declared("sync", cwd=place, env=env, check=True)
        built = (scratch / f"store{number}").glob("cache/built/*/*.whl")
        envs = (scratch / f"store{number}/envs").iterdir()
        names.append(([path.parent.name for path in built], sorted(path.name for path in envs)))
    assert len(builds(told)) == 2
    assert names[0] == names[1]
    assert len(names[0][0]) == 1
    first, third = {"ENVBUILD_STORE": str(scratch / "store0")}, scratch / "store2"
    declared("build", "--out", str(scratch / "wheels"), env=first, check=True)
    third.mkdir()
    folder = f'[[source]]\nfolder = "{scratch / "wheels"}"\n'
    (third / "settings.toml").write_text(f'build = "never"\n{folder}')
    if origin == "index":
        del index.files["svc-1.0.tar.gz"]
    empty = {"ENVBUILD_STORE": str(third), "PATH": ""}
    declared("sync", env=empty, check=True)
    assert declared("run", "one", env=empty, check=True).stdout == "svc 1.0 by maker 1.1\n"
    assert len(builds(told)) == 2


def test_another_wheel_than_the_locked_one_is_refused(
    declared: CommandLine, told: Path, project: Path, store: Path
) -> None:
    """Exit 5 with both digests; `build --again` locks this one."""
    declared("lock", check=True)
    declared("build", check=True)
    path = project / "locks" / "one.toml"
    (locked,) = (one for one in declared.lockfile("one").packages if one.name == "svc")
    sha256 = locked.built[0].sha256
    path.write_text(sign(path.read_text().replace(sha256, "0" * 64)))
    result = declared("sync", "one")
    assert result.code == 5, result
    assert "svc-1.0.tar.gz is built into another wheel than the locked one" in result.stderr
    assert "0" * 64 in result.stderr
    assert sha256 in result.stderr
    assert "envbuild build --again" in result.stderr
    declared("build", "one", "--again", check=True)
    declared("sync", "one", check=True)
    assert sha256 in path.read_text()
    assert len(builds(told)) == 1


def test_build_fails_without_a_trace(declared: CommandLine, project: Path, told: Path) -> None:
    """The lockfile of a driver whose build fails stays as it was."""
    change(declared, 'TELLS = "', 'TELLS = "/nowhere')
    declared("lock", check=True)
    before = (project / "locks" / "one.toml").read_bytes()
    result = declared("build")
    assert result.code == 5, result
    assert result.stdout == ""
    assert "svc-1.0.tar.gz cannot be built" in result.stderr
    assert (project / "locks" / "one.toml").read_bytes() == before


def test_build_for_every_target_that_is_here(
    declared: CommandLine, told: Path, project: Path, python_version: str
) -> None:
    """Each platform that the host runs, and none of another processor; all of them have pins."""
    here = host_platform()
    other = "aarch64" if here.startswith("x86_64") else "x86_64"
    older, foreign = here.replace("2_28", "2_17"), f"{other}-manylinux_2_28"
    change(declared, f'["{here}"]', f'["{here}", "{older}", "{foreign}"]')
    declared("lock", "one", check=True)
    assert len(declared.lockfile("one").builds[0].targets) == 3
    done = declared("build", "one", "--all-targets-here", "--format", "json", check=True).json
    targets = [f"{python_version}-{here}", f"{python_version}-{older}"]
    assert [one["target"] for one in done["wheels"]] == targets
    (locked,) = (one for one in declared.lockfile("one").packages if one.name == "svc")
    assert [str(target) for file in locked.built for target in file.targets] == targets
    assert len(builds(told)) == 2


def test_nothing_to_build_is_said(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A fleet of wheels has nothing for `build` to do."""
    index.add(Wheel(name="dep"))
    run_envbuild.declare(f'[drivers.one]\nrequires = ["dep"]\npython = "{python_version}"\n')
    run_envbuild("lock", check=True)
    assert run_envbuild("build", check=True).stdout == "no package comes as source\n"


def test_what_carries_wheels_carries_built_ones(
    declared: CommandLine, told: Path, scratch: Path, index: IndexServer
) -> None:
    """`fetch` and `publish` take the locked wheel from the store; who follows the release builds nothing."""
    declared("lock", check=True)
    declared("build", check=True)
    del index.files["svc-1.0.tar.gz"]
    declared("fetch", "--out", str(scratch / "wheels"), check=True)
    assert (scratch / "wheels" / "svc-1.0-py3-none-any.whl").is_file()
    assert not (scratch / "wheels" / "svc-1.0.tar.gz").exists()
    declared("sync", check=True)
    declared("publish", "--no-tools", f"dir:{scratch / 'release'}", check=True)
    other = {"ENVBUILD_STORE": str(scratch / "other")}
    release = f"dir:{scratch / 'release'}"
    declared("sync", "--from", release, "--only-from", "--rebuild", env=other, check=True)
    assert declared("run", "two", env=other, check=True).stdout == "svc 1.0 by maker 1.1\n"
    assert len(builds(told)) == 1


def test_gc_removes_what_no_environment_needs(
    declared: CommandLine, store: Path, python_version: str
) -> None:
    """A built wheel goes with the last environment that was built from it."""
    declared("lock", "one", check=True)
    declared("sync", "one", check=True)
    (folder,) = (path.parent for path in store.glob("cache/built/*/*.whl"))
    declared.declare(
        f'[drivers.other]\nrequires = ["dep"]\nbinary = "dep"\npython = "{python_version}"\n'
        f'platforms = ["{host_platform()}"]\n'
    )
    declared("lock", check=True)
    declared("sync", check=True)
    declared("gc", "--cache", check=True)
    assert folder.is_dir()
    declared("gc", "--cache", "--keep", "1", check=True)
    assert not folder.exists()


def test_exports_name_the_built_wheel(
    origin: str, declared: CommandLine, scratch: Path, store: Path, index: IndexServer
) -> None:
    """Once a wheel is locked, every export has it and not the source; pip installs the requirements with hashes."""
    del origin  # both kinds of source give the same exports
    declared("lock", check=True)
    declared("build", "--out", str(scratch / "wheels"), check=True)
    (wheel,) = store.glob("cache/built/*/*.whl")
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    text = declared("export", "requirements", "one", check=True).stdout
    assert re.search(rf"^svc==1\.0 \\\n    --hash=sha256:{sha256}$", text, re.MULTILINE)
    assert "--find-links DIR, after `envbuild build --out DIR`" in text
    listed = scratch / "requirements.txt"
    listed.write_text(text)
    pip = (sys.executable, "-m", "pip", "--isolated", "install", "--require-hashes", "--no-deps")
    where = ("--index-url", index.url, "--find-links", str(scratch / "wheels"))
    how = ("--only-binary", ":all:", "--target", str(scratch / "target"), "-r", str(listed))
    subprocess.run((*pip, *where, *how), check=True, capture_output=True, timeout=60)
    assert (scratch / "target/svc.py").is_file()
    pylock = tomllib.loads(declared("export", "pylock", "one", check=True).stdout)
    (svc,) = (one for one in pylock["packages"] if one["name"] == "svc")
    (found,) = svc["wheels"]
    assert (found["path"], found["hashes"]) == (str(wheel), {"sha256": sha256})
    assert "sdist" not in svc
    bill = declared("export", "cyclonedx", "one", check=True).json
    (svc,) = (one for one in bill["components"] if one["name"] == "svc")
    assert [one["name"] for one in svc["components"]] == [wheel.name]
    assert svc["hashes"] == [{"alg": "SHA-256", "content": sha256}]
    assert "tar.gz" not in text
    shutil.rmtree(wheel.parent)
    refused = declared("export", "pylock", "one")
    assert refused.code == 1, refused
    assert f"one: the built wheel {wheel.name} is not in this store" in refused.stderr
    assert "run `envbuild build one` here" in refused.stderr
