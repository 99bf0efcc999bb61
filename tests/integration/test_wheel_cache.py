"""Wheels that are unpacked once and linked into every further environment, through `envbuild sync`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import NOWHERE, declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

_LONG = "x = 0\n" * 20_000
_SHIPPED = f"odd/__pycache__/shipped.{sys.implementation.cache_tag}.pyc"
ODD = Wheel(
    name="odd",
    files={
        "odd/__init__.py": "import sys\ndef main():\n    print(sys.prefix)\n",
        "odd/Case.py": "x = 'C'\n",
        "odd/case.py": "x = 'c'\n",
        "odd/shipped.py": "x = 1\n",
        _SHIPPED: b"as shipped",
        "odd/a,b c.py": "x = 1\n",
        "odd/n\u00e4me.py": "x = 1\n",
        "odd/template.py": "def {{ name }}(:\n",
        "odd/data.bin": b"\0" * 300_000,
        "top.py": "",
    },
    commands={"odd": "odd:main"},
    scripts={
        "odd-script": "#!python\nimport sys\nprint(sys.prefix)\n",
        "odd-large": f"#!python\nimport sys\nprint(sys.prefix)\n{_LONG}",
        "odd-binary": b"\x7fELF\0\xff" * 20_000,
    },
    data={"data/share/odd/x.txt": "shared\n", "headers/odd.h": "#define ODD 1\n"},
)
PLAIN = Wheel(name="plain", files={"plain/__init__.py": "", "plain/m.py": "x = 1\n"})
_DOWN = {"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}


class Fleet:
    """Drivers over one store, and what came of them."""

    def __init__(
        self, run: CommandLine, index: IndexServer, store: Path, python_version: str
    ) -> None:
        self.run = run
        self.index = index
        self.store = store
        self.python = python_version
        self.drivers: dict[str, list[str]] = {}

    def add(self, driver: str, *requires: str) -> None:
        """Declare and lock one more driver, whose command is that of the package `runner`."""
        self.drivers[driver] = ["runner", *requires]
        text = declare_drivers(self.drivers, python=self.python)
        for name in self.drivers:
            text = text.replace(f"[drivers.{name}]\n", f'[drivers.{name}]\nbinary = "runner"\n')
        self.run.declare(text)
        self.run("lock", check=True)

    def sync(self, *drivers: str, down: bool = False) -> None:
        """Sync drivers, all by default; with `down` no index answers and uv's cache is gone."""
        if down:
            shutil.rmtree(self.store / "cache/uv")
        self.run("sync", *drivers, env=_DOWN if down else None, check=True)

    def environment(self, driver: str) -> Path:
        """A driver's current environment."""
        return Path(os.path.realpath(self.store / "current" / driver))

    def site(self, driver: str) -> Path:
        """Its site-packages folder."""
        (found,) = self.environment(driver).glob("lib/python3.*/site-packages")
        return found

    def receipt(self, driver: str) -> Any:
        """What the receipt says of the files, links and folders."""
        path = self.store / "receipts" / f"{self.environment(driver).name}.json"
        table = json.loads(path.read_text())
        return {key: table[key] for key in ("files", "links", "folders")}

    def forget(self, *caches: str) -> None:
        """Take everything from the store but its caches, and of these what is named."""
        for name in ("envs", "receipts", "generations", "records", *caches):
            subprocess.run(("rm", "-rf", self.store / name), check=True)
        (self.store / "current").unlink()

    def kept(self) -> set[str]:
        """The wheels that are kept, by sha256."""
        return {path.name for path in (self.store / "cache/wheels").iterdir()} - {"locks"}

    def says(self, driver: str, program: str) -> str:
        """What a program prints in a driver's environment."""
        argv = (str(self.environment(driver) / "bin/python"), "-c", program)
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()

    def downloads(self, name: str) -> int:
        """How often a package's wheel was asked for since the requests were cleared."""
        asked = self.index.asked(rf"/files/{name}-[^/]*\.whl$")
        return len([request for request in asked if request.method == "GET"])


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str) -> Fleet:
    """A fleet without drivers; `odd`, `plain` and `runner` are published."""
    index.add(ODD, PLAIN, command_wheel("runner"))
    return Fleet(run_envbuild, index, store, python_version)


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_a_second_driver_needs_neither_uv_nor_an_index(fleet: Fleet) -> None:
    """What one driver has installed is linked for the next: same inodes, with no index and no cache of uv's."""
    fleet.add("one", "odd", "plain")
    fleet.sync()
    fleet.add("two", "odd", "plain")
    fleet.sync(down=True)
    site = fleet.site("two")
    own = {
        "_envbuild_activation.py",
        "_envbuild.pth",
        "RECORD",
        "_virtualenv.py",
        "_virtualenv.pth",
    }
    for path in _files(fleet.site("one")):
        other = site / path.relative_to(fleet.site("one"))
        if path.name in own or "_activation" in path.name or "_virtualenv" in path.name:
            continue
        assert other.samefile(path), path
    assert (site / _SHIPPED).read_bytes() != b"as shipped"
    fleet.run("verify", check=True)
    fleet.run("verify", "--quick", check=True)


def test_scripts_name_their_own_environment(fleet: Fleet) -> None:
    """A linked wheel's commands run its own environment's Python, large ones too, and its RECORD says so."""
    fleet.add("one", "odd")
    fleet.sync()
    fleet.add("two", "odd")
    fleet.sync(down=True)
    for driver in ("one", "two"):
        environment = fleet.environment(driver)
        for command in ("odd", "odd-script", "odd-large"):
            done = subprocess.run([environment / "bin" / command], capture_output=True, text=True)
            assert done.stdout.strip() == str(environment), (command, done)
        program = """
import base64, hashlib
from importlib.metadata import distribution
for file in distribution("odd").files:
    if file.hash and file.suffix != ".pyc":
        digest = hashlib.sha256(file.locate().read_bytes()).digest()
        assert file.hash.value == base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), file
        assert file.size == file.locate().stat().st_size
print(len(distribution("odd").files))
"""
        assert int(fleet.says(driver, program)) > len(ODD.files)
    binary = [fleet.environment(driver) / "bin/odd-binary" for driver in ("one", "two")]
    assert binary[0].samefile(binary[1])


@pytest.mark.parametrize("bytecode", [True, False])
def test_the_receipt_is_the_one_that_uv_alone_comes_to(fleet: Fleet, *, bytecode: bool) -> None:
    """Linked, or installed again by uv: every file, mode, link and folder is the same."""
    fleet.add("one", "odd", "plain")
    if not bytecode:
        text = (fleet.run.cwd / "drivers.toml").read_text()
        fleet.run.declare(text.replace("[defaults]\n", "[defaults]\nbytecode = false\n"))
    fleet.sync()
    installed = fleet.receipt("one")
    fleet.forget()
    fleet.sync(down=True)
    assert fleet.receipt("one") == installed
    fleet.run("verify", check=True)
    fleet.forget("cache/wheels", "cache/bytecode")
    fleet.sync()
    assert fleet.receipt("one") == installed


def test_a_mask_of_the_user_reaches_no_environment(fleet: Fleet) -> None:
    """Under `umask 077` a linked environment can be read by every user, as an installed one can."""
    fleet.add("one", "odd", "plain")
    mask = ("sh", "-c", 'umask 077; exec "$0" "$@"')
    fleet.run.wrapped(mask, "sync", check=True)
    installed = fleet.receipt("one")
    fleet.forget()
    fleet.run.wrapped(mask, "sync", check=True)
    assert fleet.receipt("one") == installed
    modes = {path.stat().st_mode & 0o777 for path in _files(fleet.environment("one"))}
    assert modes == {0o444, 0o555}


@pytest.mark.parametrize("processes", [1, 2])
def test_cold_drivers_download_what_they_share_once(fleet: Fleet, processes: int) -> None:
    """Built side by side, by one sync or by two: each wheel comes down once, and is unpacked once."""
    names = [f"shared{number}" for number in range(6)]
    fleet.index.add(*(Wheel(name=name) for name in names))
    fleet.add("one", *names)
    fleet.add("two", *names[::-1], "plain")
    fleet.index.requests.clear()
    if processes == 1:
        fleet.sync()
    else:
        started = [fleet.run.start("sync", driver) for driver in ("one", "two")]
        ended = [process.communicate(timeout=120) for process in started]
        assert [process.returncode for process in started] == [0, 0], ended
    assert {name: fleet.downloads(name) for name in names} == dict.fromkeys(names, 1)
    for name in names:
        one, two = (fleet.site(driver) / name / "__init__.py" for driver in ("one", "two"))
        assert one.samefile(two)
    fleet.run("verify", check=True)


def _contested(name: str) -> Wheel:
    return Wheel(
        name=name,
        files={
            f"{name}/__init__.py": "",
            "shared/m.py": f"name = {name!r}\n",
            "same.py": "x = 1\n",
        },
        commands={"tool": f"{name}:main"},
    )


@pytest.mark.parametrize("kept", ["none", "a", "b", "a b", "a b c"])
def test_wheels_that_bring_different_files_of_one_name(fleet: Fleet, kept: str) -> None:
    """Whichever were kept, the environment holds one of the files, whole, with that one's bytecode."""
    fleet.index.add(*(_contested(name) for name in "abc"))
    for name in kept.split() if kept != "none" else ():
        fleet.add(f"only-{name}", name)
        fleet.sync()
    fleet.add("all", "a", "b", "c")
    for _ in range(2):
        fleet.sync()
        content = (fleet.site("all") / "shared/m.py").read_text()
        program = "import shared.m as m; print(repr(m.name), m.__cached__)"
        name, cached = fleet.says("all", program).split()
        assert content == f"name = {name}\n"
        assert Path(cached).is_file()
        script = (fleet.environment("all") / "bin/tool").read_text()
        assert script.startswith(f"#!{fleet.environment('all')}/bin/python\n")
        fleet.run("verify", check=True)
        for other in kept.split() if kept != "none" else ():
            assert (
                fleet.site(f"only-{other}") / "shared/m.py"
            ).read_text() == f"name = {other!r}\n"
        fleet.forget()


def test_wheels_that_bring_one_file_alike(fleet: Fleet) -> None:
    """A path that several wheels own with one content, such as an empty `__init__.py`, is no quarrel."""
    names = [f"ns{number}" for number in range(4)]
    files = {"space/__init__.py": "", "LICENSE": "free\n"}
    fleet.index.add(*(Wheel(name=name, files={**files, f"space/{name}.py": ""}) for name in names))
    for name in names:
        fleet.add(f"only-{name}", name)
    fleet.sync()
    fleet.add("all", *names)
    fleet.sync("all", down=True)
    assert fleet.says("all", f"import {', '.join(f'space.{name}' for name in names)}") == ""
    fleet.run("verify", check=True)


def test_a_wheel_that_brings_the_start_up_file_is_refused_each_time(fleet: Fleet) -> None:
    """Nothing takes the place of what envbuild bakes in, and that the wheel was seen before changes nothing."""
    name = "_envbuild_activation.py"
    fleet.index.add(Wheel(name="sly", files={name: "print('mine')\n", "sly.py": ""}))
    fleet.add("one", "sly")
    for _ in range(2):
        result = fleet.run("sync")
        assert result.code == 4, str(result)
        assert f"must not contain {name!r}" in result.stderr
    assert not list(fleet.store.glob("envs/*"))


@pytest.mark.parametrize("where", ["an environment", "the wheel cache", "both caches"])
def test_a_poisoned_file_goes_no_further(fleet: Fleet, where: str) -> None:
    """Content changed with size and mtime kept, through whatever link, gets into no further environment."""
    fleet.add("one", "plain")
    fleet.sync()
    good = (fleet.site("one") / "plain/m.py").read_bytes()
    path = fleet.site("one") / "plain/m.py"
    if where == "the wheel cache":
        entry = fleet.store / "cache/wheels" / PLAIN.sha256
        path = next(path for path in entry.iterdir() if path.read_bytes() == good)
    status = path.stat()
    for place in (path, *fleet.store.glob("cache/uv/archive-v0/*/plain/m.py")):
        if place is path or where == "both caches":
            place.chmod(0o644)
            place.write_bytes(good.replace(b"1", b"2"))
            place.chmod(0o444)
            os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    fleet.add("two", "plain")
    fleet.sync()
    assert (fleet.site("two") / "plain/m.py").read_bytes() == good
    assert fleet.run("verify", "two").code == 0
    assert fleet.run("verify", "one").code == 1
    fleet.run("verify", "--repair", check=True)
    assert (fleet.site("one") / "plain/m.py").read_bytes() == good
    fleet.run("verify", check=True)
    fleet.add("three", "plain")
    fleet.sync(down=True)
    assert (fleet.site("three") / "plain/m.py").read_bytes() == good


@pytest.mark.parametrize("harm", ["gone", "no table", "no stamp", "rubbish", "half", "a file"])
def test_a_damaged_entry_costs_time_alone(fleet: Fleet, harm: str) -> None:
    """Whatever a crash or somebody did to an unpacked wheel, the next build installs and caches it again."""
    fleet.add("one", "plain")
    fleet.sync()
    before = fleet.kept()
    entry = fleet.store / "cache/wheels" / PLAIN.sha256
    if harm in ("gone", "a file"):
        shutil.rmtree(entry)
        if harm == "a file":
            entry.write_text("no folder")
    elif harm == "half":
        entry.rename(entry.with_name(f".{entry.name}.0123"))
    elif harm == "rubbish":
        (entry / "table").write_text("{")
    else:
        (entry / harm.removeprefix("no ")).unlink()
    fleet.add("two", "plain")
    fleet.sync()
    assert fleet.kept() == before
    assert (entry / "stamp").is_file()
    fleet.run("verify", check=True)


def test_gc_keeps_what_receipts_name(fleet: Fleet) -> None:
    """`gc --cache` takes uv's cache and the wheels and bytecode of no environment; the rest builds on."""
    fleet.index.add(command_wheel("web", "1.0", requires=("plain",)))
    fleet.add("one", "web")
    fleet.sync()
    old = fleet.kept()
    fleet.index.add(command_wheel("web", "1.1", requires=("plain",)))
    fleet.run("lock", "--upgrade", check=True)
    fleet.sync()
    assert len(fleet.kept()) == 4
    fleet.run("gc", "--keep", "1", "--cache", check=True)
    assert len(fleet.kept()) == 3
    assert PLAIN.sha256 in fleet.kept() & old
    folders = fleet.store.glob("cache/bytecode/*/")
    assert {path.name for folder in folders for path in folder.iterdir()} - {
        "locks"
    } == fleet.kept()
    assert not list(fleet.store.glob("cache/uv/archive-v0/*"))
    fleet.add("two", "web")
    fleet.run("sync", "--offline", check=True, env=_DOWN)
    fleet.run("verify", check=True)


def test_a_wheel_with_headers_is_right_for_every_python(
    fleet: Fleet, pythons: dict[str, Path]
) -> None:
    """What lies below a folder that names the Python gets into environments of that Python alone."""
    own = fleet.python
    others = [minor for minor in pythons if minor != own]
    if not others:
        pytest.skip("NOT TESTED: this machine has one Python alone")
    other = others[-1]
    path = f"{pythons[other].parent}:{os.environ['PATH']}"
    tables = f'python = "{own}"\n', f'python = "{other}"\n'
    text = declare_drivers({"one": ["odd"], "two": ["odd"]}, python=own)
    for driver, table in zip(("one", "two"), tables, strict=True):
        text = text.replace(f"[drivers.{driver}]\n", f'[drivers.{driver}]\nbinary = "odd"\n{table}')
    fleet.run.declare(text)
    fleet.run("lock", check=True)
    for _ in range(2):
        fleet.run("sync", check=True, env={"PATH": path})
        for driver, minor in (("one", own), ("two", other)):
            found = [file.parent.parent.name for file in fleet.environment(driver).rglob("odd.h")]
            assert found == [f"python{minor}"]
            done = subprocess.run(
                [fleet.environment(driver) / "bin/odd"], capture_output=True, text=True
            )
            assert done.stdout.strip() == str(fleet.environment(driver))
        fleet.run("verify", check=True)
        fleet.forget()


@pytest.mark.parametrize("limit", ["-n", "-Sn"])
def test_more_wheels_than_files_may_be_open(fleet: Fleet, limit: str) -> None:
    """A build, and a gc after it, hold no more locks than the host lets them; all is kept all the same."""
    names = [f"small{number}" for number in range(90)]
    fleet.index.add(*(Wheel(name=name) for name in names), command_wheel("web", requires=names))
    few = ("sh", "-c", f'ulimit {limit} 80; exec "$0" "$@"')
    fleet.add("one", "web")
    fleet.run.wrapped(few, "sync", check=True)
    assert len(fleet.kept()) == len(names) + 2
    fleet.index.add(command_wheel("web", "1.1", requires=names))
    fleet.run("lock", "--upgrade", check=True)
    fleet.run.wrapped(few, "sync", check=True)
    fleet.run.wrapped(few, "gc", "--keep", "1", "--wait", check=True)
    assert not list(fleet.store.glob("trash/*"))
    fleet.run("verify", check=True)


def test_ten_thousand_tiny_modules(fleet: Fleet) -> None:
    """A wheel of very many files is kept, compiled and linked as any other."""
    files = {f"many/p{number // 100}/m{number}.py": "" for number in range(10_000)}
    fleet.index.add(Wheel(name="many", files=files))
    fleet.add("one", "many")
    fleet.sync()
    fleet.add("two", "many")
    fleet.sync(down=True)
    assert len(list(fleet.site("two").glob("many/*/__pycache__/*.pyc"))) == len(files)
    fleet.run("verify", check=True)
