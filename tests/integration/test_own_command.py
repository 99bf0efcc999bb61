"""Drivers whose service is a module, or a command with fixed first arguments."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

_SERVER = """\
import json, os, sys

def said():
    return {"argv": sys.argv[1:], "pid": os.getpid(), "main": __name__, "file": __file__,
            "prefix": sys.prefix}

def main():
    found = said()
    print(json.dumps(found), flush=True)
    if "--wait" in sys.argv:
        sys.stdin.read()

if __name__ == "__main__":
    main()
"""

ENGINE = Wheel(
    name="engine",
    files={
        "engine/__init__.py": "",
        "engine/launch_server.py": _SERVER,
        "engine/__main__.py": "from engine.launch_server import main\nmain()\n",
    },
    commands={"engine": "engine.launch_server:main"},
)


def declare(run: CommandLine, keys: str, python: str, driver: str = "svc") -> None:
    """One driver that requires the engine."""
    run.declare(declare_drivers({driver: ("engine",)}, python=python) + keys)


def start(*argv: str | Path, cwd: Path | str = "/") -> Any:
    """What a driver says of itself, started with no variable at all."""
    done = subprocess.run(argv, env={}, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        ('module = "engine.launch_server"', []),
        ('module = "engine"', []),
        ('command = ["python", "-m", "engine.launch_server", "--tp", "a b"]', ["--tp", "a b"]),
        ('command = ["engine", "serve", "it\'s"]', ["serve", "it's"]),
    ],
)
def test_a_driver_starts_what_is_declared(
    run_envbuild: CommandLine,
    index: IndexServer,
    store: Path,
    project: Path,
    python_version: str,
    keys: str,
    first: list[str],
) -> None:
    """By `run`, its shim and its path; what is in the working folder is not imported instead."""
    index.add(ENGINE)
    declare(run_envbuild, keys, python_version)
    run_envbuild("lock", check=True)
    assert run_envbuild("check", env={"ENVBUILD_INDEX_DEFAULT_URL": None}).code == 0
    run_envbuild("sync", check=True)
    binary = run_envbuild("which", "svc", check=True).stdout.strip()
    assert binary.endswith("/bin/svc")
    (project / "engine.py").write_text("raise SystemExit('the wrong one')\n")
    (project / "runpy.py").write_text("raise SystemExit('the wrong one')\n")
    for path in (binary, store / "current/bin/svc", store / "current/svc/bin/svc"):
        said = start(path, "--own", cwd=project)
        assert said["argv"] == [*first, "--own"]
        assert said["prefix"] == str(Path(binary).parents[1])
    said = run_envbuild("run", "svc", "--", "--own", check=True).json
    assert said["argv"] == [*first, "--own"]
    assert run_envbuild("verify").code == 0


def test_no_parent_stays(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """The process that a launcher started is the service itself: a signal to it reaches nobody else."""
    index.add(ENGINE)
    declare(run_envbuild, 'module = "engine.launch_server"', python_version)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    with subprocess.Popen(
        [store / "current/bin/svc", "--wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        process.terminate()
        assert process.wait(timeout=30) == -15


def test_a_module_that_nobody_has_is_found_before_anything_is_built(
    run_envbuild: CommandLine, index: IndexServer, project: Path, store: Path, python_version: str
) -> None:
    """Exit 2 by `lock` with the line; a lockfile that does not know it is stale for `check` and `sync`."""
    index.add(ENGINE)
    declare(run_envbuild, 'module = "engine.launch"', python_version)
    result = run_envbuild("lock")
    assert result.code == 2, result
    assert (
        "drivers.svc.command: no locked package of svc has the module 'engine.launch'"
        in result.stderr
    )
    assert "drivers.toml:9" in result.stderr
    assert not (project / "locks").exists()
    declare(run_envbuild, 'module = "engine.launch_server"', python_version)
    run_envbuild("lock", check=True)
    declare(run_envbuild, 'module = "engine.launch"', python_version)
    for command in ("check", "sync", "lock --check"):
        stale = run_envbuild(*command.split())
        assert stale.code == 1, stale
        assert "before the module 'engine.launch' was declared" in stale.stdout + stale.stderr
    assert not store.exists()


def test_a_wheel_is_not_opened_again_for_its_module(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """What the lockfile knows of the same wheel is kept; the bytes are those of a first lock."""
    index.add(ENGINE, Wheel(name="more"))
    declare(run_envbuild, 'module = "engine"', python_version)
    run_envbuild("lock", check=True)
    before = len(index.asked(r"engine.*\.whl$"))
    text = declare_drivers({"svc": ("engine", "more")}, python=python_version)
    run_envbuild.declare(text + 'module = "engine"')
    run_envbuild("lock", check=True)
    assert len(index.asked(r"engine.*\.whl$")) == before
    again = (project / "locks/svc.toml").read_bytes()
    (project / "locks/svc.toml").unlink()
    run_envbuild("lock", check=True)
    assert (project / "locks/svc.toml").read_bytes() == again


def test_the_words_decide_the_key(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """Other words are another environment, the same words the same; both stores have equal keys."""
    index.add(ENGINE)
    keys = []
    for words in ("a", "b", "a"):
        declare(run_envbuild, f'command = ["engine", "{words}"]', python_version)
        run_envbuild("lock", check=True)
        run_envbuild("sync", check=True)
        manifest = json.loads((store / "current/manifest.json").read_text())
        keys.append(manifest["drivers"]["svc"]["key"])
    other = store.with_name("other")
    run_envbuild("sync", "--store", str(other), check=True)
    manifest = json.loads((other / "current/manifest.json").read_text())
    assert keys[0] == keys[2] == manifest["drivers"]["svc"]["key"] != keys[1]


def test_the_drivers_command_takes_a_packages_place(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """A driver called like its package's command starts what it declares, and the sync says so."""
    index.add(ENGINE)
    declare(run_envbuild, 'module = "engine.launch_server"', python_version, driver="engine")
    run_envbuild("lock", check=True)
    synced = run_envbuild("sync", check=True)
    assert "warning: engine: bin/engine is the driver's own command" in synced.stderr
    script = store / "current/engine/bin/engine"
    assert "-m engine.launch_server" in script.read_text()
    assert start(script)["main"] == "__main__"
    assert run_envbuild("verify").code == 0


def test_a_changed_command_is_drift_and_is_repaired(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """It is in the receipt like every other file, and is made again from the receipt alone."""
    index.add(ENGINE)
    declare(run_envbuild, 'module = "engine.launch_server"', python_version)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    script = (store / "current/svc/bin/svc").resolve()
    text = script.read_text()
    script.parent.chmod(0o755)
    script.chmod(0o755)
    script.write_text("#!/bin/sh\nexit 7\n")
    assert run_envbuild("verify", "--quick").code == 1
    assert run_envbuild("verify").code == 1
    declare(run_envbuild, 'binary = "engine"', python_version)
    repaired = run_envbuild("verify", "--repair")
    assert repaired.code == 0, repaired
    assert script.read_text() == text


_SAY = """\
import json, os, subprocess, sys, time

def said():
    names = ("TZ", "PYTHONHASHSEED", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH", "PLACE", "LEVEL", "ROOT")
    return {"hash": sys.flags.hash_randomization, "zone": time.tzname[0], "pyc": sys.pycache_prefix,
            "env": {name: os.environ.get(name) for name in names}}

if __name__ == "__main__":
    print(json.dumps(said()))
"""


def test_variables_that_only_work_before_the_interpreter_starts(
    run_envbuild: CommandLine, index: IndexServer, store: Path, scratch: Path, python_version: str
) -> None:
    """By `run`, shim and path, under `env -i` too; another store has the same key and its own places.

    A folder that no package has is refused, except for a variant: another one may have it.
    """
    files = {"engine/__init__.py": "", "engine/say.py": _SAY, "nvidia/cudnn/lib/libx.so": "x"}
    index.add(Wheel(name="engine", files=files))
    head, _, rest = declare_drivers({"svc": ("engine",)}, python=python_version).partition(
        "\n[drivers"
    )
    keys = """module = "engine.say"
library-path = ["nvidia/cudnn/lib"]
env = { PYTHONHASHSEED = "0", PYTHONPYCACHEPREFIX = "{cache}/pyc", PLACE = "{env}", LEVEL = "own" }
"""
    defaults = 'env = { TZ = "JST-9", LEVEL = "default", ROOT = "{site-packages}" }\n'
    run_envbuild.declare(f"{head}{defaults}\n[drivers{rest}{keys}")
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    other = scratch / "o"
    run_envbuild("sync", "--store", str(other), check=True)
    found = []
    for place in (store, other):
        entry = json.loads((place / "current/manifest.json").read_text())["drivers"]["svc"]
        found.append(entry["key"])
        folder = entry["environment"]
        site_packages = f"{folder}/lib/python{python_version}/site-packages"
        assert entry["env"]["PYTHONPYCACHEPREFIX"] == "{cache}/pyc"
        assert entry["env"]["PLACE"] == folder
        said = json.loads(
            subprocess.run(
                [place / "current/bin/svc"],
                env={"CACHE_DIRECTORY": f"{scratch}/c"},
                capture_output=True,
                check=True,
            ).stdout
        )
        assert (said["hash"], said["zone"], said["pyc"]) == (0, "JST", f"{scratch}/c/pyc")
        assert said["env"] == {
            "TZ": "JST-9",
            "PYTHONHASHSEED": "0",
            "PYTHONPYCACHEPREFIX": f"{scratch}/c/pyc",
            "LD_LIBRARY_PATH": f"{site_packages}/nvidia/cudnn/lib",
            "PLACE": folder,
            "LEVEL": "own",
            "ROOT": site_packages,
        }
        assert start(place / "current/svc/bin/svc")["zone"] == "JST"
    assert found[0] == found[1]
    assert run_envbuild("run", "svc", env={"TZ": "UTC"}, check=True).json["zone"] == "UTC"
    assert run_envbuild("verify").code == 0
    run_envbuild.declare(
        f"{head}\n[drivers{rest}module = 'engine.say'\nlibrary-path = ['nvidia/x']\n"
    )
    missing = run_envbuild("sync")
    assert missing.code == 2, missing
    assert "no package of svc has the folder 'nvidia/x'" in missing.stderr
    variant = "[drivers.svc.variants.cpu]\n"
    run_envbuild.declare(
        f"{head}\n[drivers{rest}module = 'engine.say'\nlibrary-path = ['nvidia/x']\n{variant}"
    )
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
