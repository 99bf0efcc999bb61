"""`resolver = "pip-tools"`: pip's own resolver finds the versions, over the same router as uv."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_open_markers import OPEN, add_open
from tests.integration.test_path_sources import write as write_project
from tests.support.command_line import declare_drivers, host_platform
from tests.support.index_server import IndexServer
from tests.support.scenarios import load_scenario
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.command_line import CommandLine

pytest.importorskip("piptools", reason="NOT TESTED: pip-tools is not installed beside envbuild")

BY_PIP = 'resolver = "pip-tools"'


def declare(command: CommandLine, *requires: str, python: str, more: str = "") -> None:
    """One driver `app`, resolved by pip-tools."""
    text = declare_drivers({"app": requires}, python=python)
    command.declare(f"{text}{BY_PIP}\n{more}")


def locked(command: CommandLine) -> dict[str, str]:
    """The locked version of each package."""
    from envbuild.lockfile.parse import parse_lockfile

    text = (command.cwd / "locks/app.toml").read_text()
    return {one.name: one.version for one in parse_lockfile(text, file="app.toml").packages}


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


def test_other_targets_are_refused_in_one_message(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Every target that pip cannot resolve for here, why, and what to do; nothing is asked or written."""
    index.add(Wheel(name="app"))
    declare(
        run_envbuild,
        "app",
        python=python_version,
        more=f'platforms = ["{host_platform()}", "arm64-macosx_14_0"]\npython = ["{python_version}", "3.95"]\n',
    )
    result = run_envbuild("lock")
    assert result.code == 5
    assert result.stderr.count("error: ") == 1, result
    for target in (f"{python_version}-arm64-macosx_14_0", f"3.95-{host_platform()}"):
        assert target in result.stderr
    assert f"{python_version}-{host_platform()}," not in result.stderr
    assert "pip cannot resolve for a Python that is not running" in result.stderr
    assert "there is no Python 3.95 here" in result.stderr
    assert f'declare python = ["{python_version}"] and platforms = ["{host_platform()}"]' in (
        result.stderr
    )
    assert 'resolver = "uv"' in result.stderr
    assert not index.asked()
    assert not (run_envbuild.cwd / "locks").exists()


@pytest.mark.root
def test_no_python_of_a_strangers_store_is_started(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, store: Path, scratch: Path
) -> None:
    """A store of another user has Pythons that he has put there: exit 5, and none of them has run."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: it takes root to make files of another user")
    index.add(Wheel(name="app"))
    declare(run_envbuild, "app", python=python_version)
    python = store / "pythons/cpython-3.12.99-linux-x86_64-gnu/bin/python3.12"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ntouch {scratch}/ran\n")
    python.chmod(0o755)
    os.chown(store, 54321, 54321)
    result = run_envbuild("lock")
    assert result.code == 5
    assert "--trust-owner" in result.stderr
    assert not (scratch / "ran").exists()


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


def test_nothing_fits(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> None:
    """Exit 3 with the requirements that exclude one another, in plain sentences."""
    index.add(
        Wheel(name="left", requires=("base<2",)),
        Wheel(name="right", requires=("base>=2",)),
        Wheel(name="base", version="1.0"),
        Wheel(name="base", version="2.0"),
    )
    declare(run_envbuild, "left", "right", python=python_version)
    result = run_envbuild("lock")
    assert result.code == 3
    assert "left 1.0 requires base<2" in result.stderr
    assert "right 1.0 requires base>=2" in result.stderr
    declare(run_envbuild, "base>=3", python=python_version)
    result = run_envbuild("lock")
    assert result.code == 3
    assert "base>=3" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_index_that_fails_is_named(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A package that is missing, and a wheel with another digest than its page says: exit 4, as with uv."""
    index.add(Wheel(name="app", requires=("base",)))
    declare(run_envbuild, "nowhere", python=python_version)
    result = run_envbuild("lock")
    assert result.code == 4
    assert "has no package 'nowhere'" in result.stderr
    declare(run_envbuild, "app", python=python_version)
    index.add(Wheel(name="base"))
    index.replace("base-1.0-py3-none-any.whl", b"not a wheel")
    index.offer = replace(index.offer, metadata=False)
    result = run_envbuild("lock")
    assert result.code == 4
    assert "base-1.0-py3-none-any.whl" in result.stderr


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


def test_an_index_without_upload_times(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """`exclude-newer` cannot be kept there: exit 4, as with uv, and not that nothing satisfies the driver."""
    index.add(Wheel(name="app"))
    index.offer = replace(index.offer, upload_times=False)
    declare(run_envbuild, "app", python=python_version, more='exclude-newer = "2026-02-01"\n')
    result = run_envbuild("lock")
    assert result.code == 4
    assert "gives no upload times" in result.stderr


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


FAKE = {
    "pip_tools-9.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pip-tools\nVersion: 9.0\nRequires-Dist: pip\n",
    "pip_tools-9.0.dist-info/RECORD": "piptools/__init__.py,,\npip_tools-9.0.dist-info/METADATA,,\n",
    "piptools/__init__.py": "",
    "piptools/repositories.py": "PyPIRepository = lambda *_, **__: None\n",
}
RESOLVER = (
    "class BacktrackingResolver:\n    def __init__(self, **_): pass\n    def resolve(self, **_):\n"
)
ESCAPES = "\\x1b]0;own\\x07\\x1b[31m\\u202ered"


def fake_pip_tools(folder: Path, body: str, files: Mapping[str, str] = FAKE) -> dict[str, str]:
    """A pip-tools whose resolver does something else; the variables under which envbuild finds it."""
    for name, text in {**files, "piptools/resolver.py": f"{RESOLVER}        {body}\n"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    python_path = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join((str(folder), *((python_path,) if python_path else ())))}


def test_a_pip_that_hangs_is_ended_with_its_children(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """Bounded by the deadline of indexes; exit 4 says which driver and target, and nothing goes on."""
    index.add(Wheel(name="app"))
    declare(run_envbuild, "app", python=python_version)
    child = scratch / "child"
    body = (
        "import subprocess, time\n        "
        f"started = subprocess.Popen(['/bin/sleep', '300'])\n        "
        f"open({str(child)!r}, 'w').write(str(started.pid))\n        time.sleep(300)"
    )
    env = fake_pip_tools(scratch / "fake", body) | {"ENVBUILD_HTTP_DEADLINE": "1"}
    result = run_envbuild("lock", env=env)
    assert result.code == 4
    assert f"pip took longer than 4 seconds to resolve app for {python_version}" in result.stderr
    pid = int(child.read_text())
    for _ in range(100):
        if not _runs(pid):
            break
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    """Whether a process goes on; one that is dead and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_pip_tools_that_is_too_old(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """It is not tried: exit 5 says which version is needed and how to get it."""
    index.add(Wheel(name="app"))
    declare(run_envbuild, "app", python=python_version)
    old = {name: text.replace("9.0", "6.14") for name, text in FAKE.items()}
    result = run_envbuild("lock", env=fake_pip_tools(scratch / "fake", "return []", old))
    assert result.code == 5
    assert "pip-tools 6.14 is too old to resolve: envbuild needs 7.5 or newer" in result.stderr
    assert (
        "hint: install pip 25.1 or newer and pip-tools 7.5 or newer for the Python" in result.stderr
    )


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (f"raise RuntimeError('{ESCAPES}')", 5, "RuntimeError"),
        ("raise SystemExit('x' * 10_000_000)", 5, "pip could not resolve app for"),
        ("import os; os.kill(os.getpid(), 9)", 4, "needs more than 1 GiB"),
        ("bytearray(3 << 30)", 4, "needs more than 1 GiB"),
        (
            "import sys, os; [os.write(1, b'y' * 65536) for _ in range(20_000)]; os._exit(3)",
            5,
            "exit code 3",
        ),
        ("return ['no', 'packages']", 5, "pip could not resolve app for"),
    ],
    ids=["escapes", "long-words", "killed", "memory", "endless-output", "nonsense"],
)
def test_whatever_pip_does_is_one_message(
    run_envbuild: CommandLine,
    index: IndexServer,
    python_version: str,
    scratch: Path,
    body: str,
    code: int,
    said: str,
) -> None:
    """Its words are bounded and escaped, its output goes nowhere, its memory has a limit."""
    index.add(Wheel(name="app"))
    declare(run_envbuild, "app", python=python_version)
    result = run_envbuild("lock", env=fake_pip_tools(scratch / "fake", body))
    assert result.code == code, result
    assert said in result.stderr
    assert len(result.stderr) < 50_000
    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr
    assert not (run_envbuild.cwd / "locks").exists()


def piptools(*argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of pip-tools as a user would."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
    env["PIP_CONFIG_FILE"] = os.devnull
    return subprocess.run(
        (sys.executable, "-m", "piptools", *argv),
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_pip_sync_takes_an_annotated_export(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """pip-sync installs just the locked versions, hashes checked, without a network; what is not locked goes."""
    load_scenario("diamond").fill(index)
    wheels = scratch / "wheels"
    load_scenario("diamond").write(wheels)
    Wheel(name="stray").write(wheels)
    run_envbuild.declare(declare_drivers({"app": ["top[fast]"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("export", "requirements", "--annotate", "--out", str(scratch), check=True)
    file = scratch / "requirements.app.txt"
    venv = scratch / "venv"
    subprocess.run((sys.executable, "-m", "venv", str(venv)), check=True, timeout=120)
    python = venv / "bin/python"
    offline = ("--no-index", "--find-links", str(wheels))
    pip = (str(python), "-m", "pip", "--isolated", "--disable-pip-version-check")
    subprocess.run((*pip, "install", "-q", *offline, "stray"), check=True, timeout=120)
    sync = ("sync", "--no-config", "--python-executable", str(python), *offline, str(file))
    done = piptools(*sync, cwd=scratch)
    assert done.returncode == 0, done.stderr
    listed = subprocess.check_output((*pip, "list", "--format", "freeze"), text=True, timeout=120)
    found = dict(line.split("==") for line in listed.split())
    found.pop("pip")
    found.pop("setuptools", None)
    assert found == locked(run_envbuild)
    digest = file.read_text().partition("sha256:")[2][:64]
    file.write_text(file.read_text().replace(digest, "0" * 64))
    subprocess.run((*pip, "uninstall", "-q", "-y", *found), check=True, timeout=120)
    done = piptools(*sync, cwd=scratch)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stdout + done.stderr


def test_the_export_is_what_pip_compile_writes(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """Line by line but for the header and the file that asked; and an import of pip-compile's file locks the same."""
    load_scenario("diamond").fill(index)
    load_scenario("diamond").write(scratch / "wheels")
    (scratch / "app.in").write_text("top[fast]\nbase<3\n")
    done = piptools(
        *("compile", "--no-config", "--generate-hashes", "--no-header", "--no-index", "--quiet"),
        *("--allow-unsafe", "--no-emit-find-links", "--find-links", str(scratch / "wheels")),
        *("--output-file", "app.txt", "app.in"),
        cwd=scratch,
    )
    assert done.returncode == 0, done.stderr
    compiled = (scratch / "app.txt").read_text()
    run_envbuild("import", str(scratch / "app.txt"), check=True)
    declared = (run_envbuild.cwd / "drivers.toml").read_text()
    assert 'requires = ["base", "top[fast]"]' in declared
    head = f'python = "{python_version}"\nplatforms = ["{host_platform()}"]\n'
    run_envbuild.declare(f"{declared}{head}")
    run_envbuild("lock", check=True)
    exported = run_envbuild("export", "requirements", "--annotate", check=True).stdout
    ours = exported.replace("app (drivers.toml)", "-r app.in").splitlines()[1:]
    theirs = [line for line in compiled.splitlines() if line and not line.startswith(("#", "--"))]
    assert sorted(ours) == sorted(theirs)
    assert [line for line in ours if "==" in line] == [line for line in theirs if "==" in line]


def test_what_is_exported_is_imported_again(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, scratch: Path
) -> None:
    """An import of the annotated export locks the same files and exports the same bytes, newer releases or not."""
    load_scenario("diamond").fill(index)
    run_envbuild.declare(declare_drivers({"app": ["top[fast]", "base<3"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("export", "requirements", "--annotate", "--out", str(scratch), check=True)
    file = scratch / "requirements.app.txt"
    before, text = locked(run_envbuild), file.read_text()
    (run_envbuild.cwd / "locks/app.toml").unlink()
    (run_envbuild.cwd / "drivers.toml").unlink()
    index.add(Wheel(name="base", version="2.5"), Wheel(name="top", version="9.0"))
    run_envbuild("import", str(file), check=True)
    declared = (run_envbuild.cwd / "drivers.toml").read_text()
    assert 'requires = ["base", "top[fast]"]' in declared
    head = f'python = "{python_version}"\nplatforms = ["{host_platform()}"]\n'
    run_envbuild.declare(f"{declared}{head}")
    run_envbuild("lock", check=True)
    assert locked(run_envbuild) == before
    again = run_envbuild("export", "requirements", "--annotate", "--check", str(file))
    assert again.code == 0, again
    assert text == file.read_text()
