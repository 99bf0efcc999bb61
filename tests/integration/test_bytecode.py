"""Bytecode that is compiled once a wheel by a real interpreter, and linked into environments."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from envbuild.posix.process import Command, Completed, SystemRunner
from envbuild.store.unused_wheels import unused_entries
from envbuild.target.target import Interpreter
from envbuild.value import replace
from envbuild.wheelcache.bytecode import Bytecode, Installed
from envbuild.wheelcache.compiler import BytecodeCompiler
from tests.support.counting import Counting
from tests.support.site_packages import unpack
from tests.support.wheels import Wheel

TAG = sys.implementation.cache_tag or ""

PLAIN = Wheel(
    name="plain",
    files={
        "plain/__init__.py": "from plain.fault import fail\n",
        "plain/fault.py": "def fail():\n    raise ValueError('here')\n",
        "plain/deep/er.py": "NAMES = {'a', 'b', 'c'}\nPAIR = (1.5, 'x', (None, b'y'))\n",
    },
)
ODD = Wheel(
    name="odd",
    files={
        "odd/__init__.py": "x = 1\n",
        "odd/template.py": "def {{ name }}(:\n",
        "odd/null.py": "x = '\0'\n",
        "odd/latin.py": b"x = '\xff'\n",
        "odd/warns.py": "x = '\\d'\n",
        "odd/Case.py": "x = 'C'\n",
        "odd/case.py": "x = 'c'\n",
    },
)


def compilations(runner: Counting) -> int:
    """How often modules were compiled."""
    return sum(argv[-1].endswith(".job") for argv in runner.ran)


class FullDisk(SystemRunner):
    """A compiler that finds no room for its result."""

    def run(self, command: Command) -> Completed:
        if command.argv[-1].endswith(".job"):
            return Completed(code=3, stdout=f"errno {errno.ENOSPC} /x\n", stderr="")
        return super().run(command)


class Crashing(SystemRunner):
    """A compiler that is ended by its second module, as one with a bug in it would be."""

    def run(self, command: Command) -> Completed:
        completed = super().run(command)
        lines = completed.stdout.splitlines(keepends=True)
        if command.argv[-1].endswith(".job") and len(lines) > 1:
            return Completed(code=-11, stdout=lines[0], stderr="")
        return completed


@pytest.fixture
def interpreter(python: Path) -> Interpreter:
    """The interpreter that runs the tests, as a sync has it."""
    return Interpreter(
        path=str(python),
        version=".".join(map(str, sys.version_info[:3])),
        cache_tag=TAG,
        size=0,
        mtime_ns=0,
        shareable=True,
    )


class Fleet:
    """Environments over one folder of kept bytecode."""

    def __init__(self, root: Path, interpreter: Interpreter, runner: SystemRunner) -> None:
        self.root = root
        self.interpreter = interpreter
        self.compiler = BytecodeCompiler(runner=runner, jobs=2)

    def sync(self, name: str, *wheels: Wheel) -> Path:
        """Unpack wheels and give them their bytecode, as one sync; its site-packages folder."""
        bytecode = Bytecode(root=self.root / "bytecode", compiler=self.compiler)
        site_packages = self.root / name / "lib"
        installed = tuple(unpack(wheel, site_packages) for wheel in wheels)
        with Path(os.devnull).open() as lock:
            bytecode.add(
                Installed(
                    site_packages=site_packages,
                    interpreter=self.interpreter,
                    wheels=installed,
                    lock=lock.fileno(),
                )
            )
        return site_packages

    def kept(self, wheel: Wheel) -> Path:
        """The folder in which a wheel's bytecode is kept."""
        (folder,) = self.root.glob(f"bytecode/*/{wheel.sha256}")
        return folder


@pytest.fixture
def runner() -> Counting:
    """The runner of `fleet`."""
    return Counting()


@pytest.fixture
def fleet(scratch: Path, interpreter: Interpreter, runner: Counting) -> Fleet:
    """An empty fleet."""
    return Fleet(scratch, interpreter, runner)


def _python(site_packages: Path, program: str, python: str) -> str:
    argv = [
        python,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path[:0] = [{str(site_packages)!r}]\n{program}",
    ]
    return subprocess.run(argv, capture_output=True, text=True).stdout


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _cached(site_packages: Path, module: str) -> Path:
    folder, _, name = module.rpartition("/")
    return site_packages / folder / "__pycache__" / f"{name}.{TAG}.pyc"


def test_a_wheel_is_compiled_once_and_linked_into_every_environment(
    fleet: Fleet, runner: Counting
) -> None:
    """A second environment with the same wheel holds the same inodes, and nothing was compiled for it."""
    one = fleet.sync("one", PLAIN)
    first = compilations(runner)
    two = fleet.sync("two", PLAIN)
    assert compilations(runner) == first
    for module in ("plain/__init__", "plain/fault", "plain/deep/er"):
        assert _cached(one, module).samefile(_cached(two, module))
        assert _cached(one, module).stat().st_mode & 0o777 == 0o444


def test_python_runs_the_bytecode_and_shows_where_the_source_is(
    fleet: Fleet, interpreter: Interpreter
) -> None:
    """Linked bytecode is what is imported, never compared, and tracebacks name this environment's file."""
    fleet.sync("one", PLAIN)
    two = fleet.sync("two", PLAIN)
    program = """
import traceback
import plain
try:
    plain.fail()
except ValueError:
    print(traceback.format_exc())
print(plain.fail.__code__.co_filename)
"""
    output = _python(two, program, interpreter.path)
    assert output.count(str(two / "plain/fault.py")) == 2
    (two / "plain/fault.py").write_text("def fail():\n    raise KeyError('the source was read')\n")
    assert "ValueError: here" in _python(two, program, interpreter.path)


def test_bytecode_is_the_same_wherever_and_beside_whatever_it_is_compiled(
    scratch: Path, interpreter: Interpreter
) -> None:
    """Two hosts, two paths, two orders of modules: the same bytes, with no path of the build in them."""
    many = Wheel(
        name="many",
        files={f"many/m{n}.py": f"def f{n}(self, a): return a.x{n}\n" for n in range(50)},
    )
    one = Fleet(scratch / "one", interpreter, SystemRunner())
    two = Fleet(scratch / "elsewhere" / "two", interpreter, SystemRunner())
    one.sync("a", PLAIN, many)
    two.sync("b", many, ODD, PLAIN)
    for wheel in (PLAIN, many):
        names = _names(one.kept(wheel))
        assert names == _names(two.kept(wheel))
        for name in filter(str.isdecimal, names):
            content = (one.kept(wheel) / name).read_bytes()
            assert content == (two.kept(wheel) / name).read_bytes()
            assert str(scratch).encode() not in content


def test_what_does_not_compile_is_remembered(fleet: Fleet, runner: Counting) -> None:
    """Templates and files in no encoding are left without bytecode, and not tried again."""
    one = fleet.sync("one", ODD)
    first = compilations(runner)
    two = fleet.sync("two", ODD)
    assert compilations(runner) == first
    for folder in (one, two):
        for module in ("odd/template", "odd/null", "odd/latin"):
            assert not _cached(folder, module).exists()
        for module in ("odd/__init__", "odd/warns", "odd/Case", "odd/case"):
            assert _cached(folder, module).exists()


@pytest.mark.parametrize("keep_times", [True, False])
def test_a_damaged_file_is_compiled_again_and_never_linked(
    fleet: Fleet, runner: Counting, *, keep_times: bool
) -> None:
    """Content changed through an environment's link, even with size and times kept, goes no further."""
    one = fleet.sync("one", PLAIN)
    poisoned = _cached(one, "plain/fault")
    good = poisoned.read_bytes()
    status = poisoned.stat()
    poisoned.chmod(0o644)
    poisoned.write_bytes(good.replace(b"here", b"evil"))
    poisoned.chmod(0o444)
    if keep_times:
        os.utime(poisoned, ns=(status.st_atime_ns, status.st_mtime_ns))
    first = compilations(runner)
    two = fleet.sync("two", PLAIN)
    assert compilations(runner) > first
    assert _cached(two, "plain/fault").read_bytes() == good
    assert poisoned.read_bytes() != good


@pytest.mark.parametrize("damage", ["truncated index", "no index", "file gone", "all gone"])
def test_a_broken_entry_is_made_anew(fleet: Fleet, damage: str) -> None:
    """Whatever somebody, a crash or a cleaner does to the cache, the next sync has its bytecode."""
    fleet.sync("one", PLAIN)
    folder = fleet.kept(PLAIN)
    index = folder / "table"
    if damage == "truncated index":
        index.write_bytes(index.read_bytes()[:40])
    elif damage == "no index":
        index.unlink()
    elif damage == "file gone":
        (folder / "1").unlink()
    else:
        subprocess.run(["rm", "-rf", str(fleet.root / "bytecode")], check=True)
    two = fleet.sync("two", PLAIN)
    assert _cached(two, "plain/fault").exists()
    assert _names(fleet.kept(PLAIN)) == ["0", "1", "2", "stamp", "table"]


def test_what_a_killed_sync_left_is_no_entry(fleet: Fleet) -> None:
    """A half compiled folder is removed by the next sync that compiles the wheel."""
    fleet.sync("one", PLAIN)
    folder = fleet.kept(PLAIN)
    left = folder.rename(folder.with_name(f".{folder.name}.1234"))
    fleet.sync("two", PLAIN)
    assert not left.exists()
    assert fleet.kept(PLAIN).is_dir()


def test_an_interpreter_of_another_patch_version_compiles_anew(
    fleet: Fleet, runner: Counting, interpreter: Interpreter
) -> None:
    """At the same path or not, what another version has compiled is left to that one."""
    fleet.sync("one", PLAIN)
    before = compilations(runner)
    fleet.interpreter = replace(interpreter, version="3.11.999")
    two = fleet.sync("two", PLAIN)
    assert compilations(runner) > before
    assert not _cached(two, "plain/fault").samefile(_cached(fleet.root / "one/lib", "plain/fault"))
    assert len(list(fleet.root.glob(f"bytecode/*/{PLAIN.sha256}"))) == 2


def test_without_a_cache_the_environment_is_compiled_in_place(fleet: Fleet) -> None:
    """A cache folder that cannot be written costs time, not bytecode."""
    (fleet.root / "bytecode").write_text("no folder")
    one = fleet.sync("one", PLAIN, ODD)
    for module in ("plain/__init__", "plain/fault", "odd/case"):
        assert _cached(one, module).exists()
    assert list(one.glob(".bytecode*")) == []


def test_a_full_disk_is_an_error(scratch: Path, interpreter: Interpreter) -> None:
    """An environment without its bytecode is not taken for a whole one."""
    fleet = Fleet(scratch, interpreter, FullDisk())
    with pytest.raises(OSError, match="No space left"):
        fleet.sync("one", PLAIN)
    assert list(scratch.glob("bytecode/*/*/*.json")) == []


def test_a_module_that_ends_the_compiler_is_left_out(
    scratch: Path, interpreter: Interpreter
) -> None:
    """One module's crash takes no other module along, and the sync goes on."""
    fleet = Fleet(scratch, interpreter, Crashing())
    wheel = Wheel(name="w", files={f"w/m{n}.py": "x = 1\n" for n in range(6)})
    one = fleet.sync("one", wheel)
    there = [_cached(one, f"w/m{n}").exists() for n in range(6)]
    assert 3 <= there.count(True) < 6


def test_builds_side_by_side_compile_a_wheel_once(fleet: Fleet, runner: Counting) -> None:
    """Eight environments at once, in one process, share one compilation."""
    fleet.sync("before", ODD)
    before = compilations(runner)
    with ThreadPoolExecutor(max_workers=8) as pool:
        folders = list(pool.map(lambda n: fleet.sync(str(n), PLAIN, ODD), range(8)))
    assert compilations(runner) - before <= len(PLAIN.files)
    assert len({_cached(folder, "plain/fault").stat().st_ino for folder in folders}) == 1


def test_a_contested_path_runs_what_is_on_the_disk(fleet: Fleet, interpreter: Interpreter) -> None:
    """Where two wheels own one path, bytecode of the one that lost is not linked, here or elsewhere."""
    first = Wheel(name="first", files={"shared/m.py": "NAME = 'first'\n", "a.py": "x = 1\n"})
    second = Wheel(name="second", files={"shared/m.py": "NAME = 'second'\n", "b.py": "x = 1\n"})
    program = "import shared.m; print(shared.m.NAME, shared.m.__cached__)"
    both = fleet.sync("both", first, second)
    output = _python(both, program, interpreter.path).split()
    assert output[0] == "second"
    assert Path(output[1]).exists()
    alone = fleet.sync("alone", first)
    assert _python(alone, program, interpreter.path).split()[0] == "first"
    assert _cached(alone, "shared/m").exists()


def test_bytecode_that_a_wheel_brings_is_left_as_it_is(fleet: Fleet) -> None:
    """An environment holds what the wheel recorded, shipped bytecode included."""
    shipped = f"s/__pycache__/m.{TAG}.pyc"
    wheel = Wheel(
        name="s",
        files={"s/m.py": "x = 1\n", shipped: b"as shipped", "f/m.py": "", "f/__pycache__": b""},
    )
    one = fleet.sync("one", wheel)
    assert (one / shipped).read_bytes() == b"as shipped"
    assert (one / "f/__pycache__").is_file()


def test_a_file_system_that_cannot_link_gets_copies(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where links are refused (another device, too many of them), the content is there all the same."""

    def refuse(*_: object, **_named: object) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    monkeypatch.setattr(os, "link", refuse)
    one = fleet.sync("one", PLAIN)
    assert _cached(one, "plain/fault").stat().st_nlink == 1
    assert _cached(one, "plain/fault").stat().st_mode & 0o777 == 0o444


def test_what_no_environment_links_may_go(fleet: Fleet) -> None:
    """`gc --cache` takes entries that no environment has, and what kills have left; live ones stay."""
    fleet.sync("one", PLAIN)
    shutil.rmtree(fleet.sync("two", PLAIN, ODD).parent)
    odd = fleet.kept(ODD)
    left = odd.with_name(f".{ODD.sha256}.1234")
    left.mkdir()
    assert set(unused_entries(fleet.root, None)) == {odd, left}
    assert set(unused_entries(fleet.root, {ODD.sha256})) == {fleet.kept(PLAIN), left}
    assert unused_entries(fleet.root / "nothing here", None) == ()
