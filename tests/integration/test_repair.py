"""`verify --repair` of what only a receipt still describes, by the real command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.index_server import IndexServer
from tests.support.pythons import own_python
from tests.support.wheels import Sdist, Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.command_line import CommandLine, Result

_BASE = Wheel(name="base", files={"base.py": "VALUE = 1\n"})


class Web:
    """A driver `web` that is locked anew again and again, and what its environments hold."""

    def __init__(self, run: CommandLine, store: Path, python_version: str) -> None:
        self.run = run
        self.store = store
        self.python = python_version

    def lock(self, version: str, more: str = "") -> None:
        """Declare and lock a version."""
        drivers = {"web": [f"web=={version}"]}
        self.run.declare(declare_drivers(drivers, python=self.python, more=more))
        self.run("lock", check=True)

    def move(self, version: str, more: str = "") -> Path:
        """Declare, lock and sync a version; its environment."""
        self.lock(version, more)
        self.run("sync", check=True)
        return self.environment

    @property
    def environment(self) -> Path:
        """The current environment."""
        return Path(os.path.realpath(self.store / "current/web"))

    def receipt(self, environment: Path) -> Path:
        """An environment's receipt."""
        return self.store / "receipts" / f"{environment.name}.json"

    def repair(self) -> Result:
        """Repair everything; the caller looks what came of it."""
        return self.run("verify", "--repair")


@pytest.fixture
def web(run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str) -> Web:
    """Two versions of the driver are published."""
    index.add(*(command_wheel("web", version, requires=("base",)) for version in ("1.0", "1.1")))
    index.add(_BASE)
    return Web(run_envbuild, store, python_version)


def tamper(environment: Path) -> Path:
    """Change a file of the package `base` in place, so that every hardlink of it changes too."""
    (path,) = environment.glob("lib/python3.*/site-packages/base.py")
    path.chmod(0o644)
    path.write_text("EVIL_ = 1\n")
    path.chmod(0o444)
    return path


def assert_repaired(web: Web, result: Result, environment: Path, changed: Path) -> None:
    """The environment is as it was built, by every way to look at it."""
    assert result.code == 0, str(result)
    assert f"repaired {environment.name}\n" in result.stdout
    assert changed.read_text() == "VALUE = 1\n"
    web.run("verify", check=True)
    web.run("verify", "--quick", check=True)


def test_an_old_generation_whose_driver_was_locked_anew(web: Web) -> None:
    """What gc keeps for a rollback is put back from its receipt, which itself stays as it was."""
    old = web.move("1.0")
    web.move("1.1")
    recorded = web.receipt(old).read_bytes()
    changed = tamper(old)
    assert_repaired(web, web.repair(), old, changed)
    assert web.receipt(old).read_bytes() == recorded
    assert (web.store / "current").readlink().name == "2"
    web.run("rollback", check=True)
    assert web.run("run", "web", "--", "--version", check=True).stdout == "web 1.0\n"


def test_the_current_one_whose_lockfile_has_changed(web: Web) -> None:
    """A lockfile that is not synced yet is no reason to leave what runs as it is."""
    current = web.move("1.0")
    web.lock("1.1")
    changed = tamper(current)
    assert_repaired(web, web.repair(), current, changed)
    assert web.environment == current


def test_a_driver_that_is_gone_from_the_declaration(web: Web, project: Path) -> None:
    """Neither the driver nor its lockfile is needed, nor any lockfile that is good."""
    old = web.move("1.0", '[drivers.web.env]\nMODE = "fast"\n')
    web.run.declare(declare_drivers({"other": ["base"]}, python=web.python))
    shutil.rmtree(project / "locks")
    changed = tamper(old)
    assert_repaired(web, web.repair(), old, changed)


def test_a_receipt_that_was_rewritten_as_well(web: Web) -> None:
    """The generation's key vouches for what the receipt says it was built from."""
    old = web.move("1.0")
    web.move("1.1")
    changed = tamper(old)
    receipt = web.receipt(old)
    table = json.loads(receipt.read_text())
    receipt.write_text(json.dumps({**table, "files": table["files"][1:]}))
    assert_repaired(web, web.repair(), old, changed)


@pytest.mark.parametrize(
    "forged", [{"bytecode": 7}, {"env": {"LD_PRELOAD": "/evil.so"}}, {"driver": "wed"}]
)
def test_a_receipt_that_says_something_else(web: Web, forged: dict[str, object]) -> None:
    """A recipe that does not come to the generation's key is not followed, and nothing is changed."""
    old = web.move("1.0")
    web.move("1.1")
    receipt = web.receipt(old)
    table = json.loads(receipt.read_text())
    receipt.write_text(json.dumps({**table, "recipe": {**table["recipe"], **forged}}))
    result = web.repair()
    assert result.code == 1, str(result)
    assert (
        "not repaired: neither its receipt nor a lockfile says what it was built from"
        in result.stdout
    )
    assert old.is_dir()


def test_a_receipt_of_the_first_format(web: Web) -> None:
    """What an older envbuild built is repaired while its lockfile describes it, and named after that."""
    environment = web.move("1.0")
    receipt = web.receipt(environment)
    table = json.loads(receipt.read_text())
    del table["recipe"], table["wheels"]
    receipt.write_text(json.dumps({**table, "version": 1}))
    changed = tamper(environment)
    assert_repaired(web, web.repair(), environment, changed)
    assert json.loads(receipt.read_text())["version"] == 2
    receipt.write_text(json.dumps({**table, "version": 1}))
    web.lock("1.1")
    result = web.repair()
    assert result.code == 1, str(result)
    assert "not repaired: neither its receipt nor a lockfile" in result.stdout
    assert "then `envbuild gc` to remove this one" in result.stdout


@pytest.fixture
def corp() -> Iterator[IndexServer]:
    """A second index."""
    with IndexServer() as server:
        yield server


def test_every_package_comes_from_its_own_index(web: Web, corp: IndexServer) -> None:
    """A package that was bound to another index since is looked for where it came from."""
    corp.add(_BASE)
    bound = '[[index]]\nname = "corp"\nurl = "{}"\npackages = ["{}"]\n'
    old = web.move("1.0", bound.format(corp.url, "base"))
    web.move("1.1", bound.format(corp.url, "other"))
    corp.requests.clear()
    changed = tamper(old)
    assert_repaired(web, web.repair(), old, changed)
    assert corp.asked("base")
    web.lock("1.1")
    tamper(old)
    result = web.repair()
    assert result.code == 1, str(result)
    assert "base came from the index 'corp', which is no longer declared" in result.stdout


def release(python: Path) -> str:
    """The full version of a Python, which few other Pythons answer to."""
    asked = (python, "-Ic", "import platform; print(platform.python_version())")
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def test_an_interpreter_that_is_gone(web: Web, scratch: Path, pythons: dict[str, Path]) -> None:
    """Another Python makes another environment, so there is nothing to put in this one's place."""
    others = [(minor, path) for minor, path in pythons.items() if path != own_python()]
    if not others:
        pytest.skip("NOT TESTED: there is no other Python than the one that runs the tests")
    minor, python = others[0]
    own = scratch / f"a-python/bin/python{minor}"
    own.parent.mkdir(parents=True)
    shutil.copy(python, own)
    (scratch / "a-python/lib").symlink_to(python.resolve().parents[1] / "lib")
    web.python = release(own)
    web.lock("1.0")
    web.run("sync", env={"PATH": f"{own.parent}:/usr/bin:/bin"}, check=True)
    old = web.environment
    if (old / "bin/python").resolve() != own:
        pytest.skip("NOT TESTED: this Python does not run from a copy, or another comes before it")
    own.unlink()
    tamper(old)
    result = web.repair()
    assert result.code == 1, str(result)
    assert f"not repaired: its interpreter {own} ({web.python}) is missing" in result.stdout


def built_from_source(web: Web, index: IndexServer, swapped: Path) -> tuple[Path, Wheel]:
    """A changed module of a package that came as source, which would be built otherwise now."""
    built = Wheel(name="built", files={"built.py": "ONE = 1\n"})
    index.add(Sdist(wheel=built, swapped=swapped))
    index.add(command_wheel("web", "2.0", requires=("base", "built")))
    text = declare_drivers({"web": ["web==2.0"]}, python=web.python)
    web.run.declare(f'{text}allow-sdist = ["built"]\n')
    web.run("lock", check=True)
    web.run("sync", check=True)
    (module,) = web.environment.glob("lib/python3.*/site-packages/built.py")
    module.chmod(0o644)
    module.write_text("EVIL = 1\n")
    swapped.write_bytes(replace(built, files={"built.py": "TWO = 2\n"}).to_bytes())
    swapped.chmod(0o644)
    return module, built


def test_what_was_built_once_is_not_built_for_a_repair(
    web: Web, index: IndexServer, scratch: Path
) -> None:
    """The store has the wheel: the environment is as it was, whatever a build would give now."""
    module, _ = built_from_source(web, index, scratch / "swapped.whl")
    result = web.repair()
    assert result.code == 0, result
    assert module.read_text() == "ONE = 1\n"


def test_what_comes_out_otherwise_is_not_put_in_place(
    web: Web, index: IndexServer, scratch: Path, store: Path
) -> None:
    """A build that gives other bytes than were recorded is refused, exit 1, and the old environment stays."""
    module, _ = built_from_source(web, index, scratch / "swapped.whl")
    environment, receipt = web.environment, web.receipt(web.environment).read_bytes()
    shutil.rmtree(store / "cache" / "built")
    result = web.repair()
    assert result.code == 1, result
    assert "cannot be built again as it was" in result.stdout
    assert "all as built" not in result.stdout
    assert module.read_text() == "EVIL = 1\n"
    assert web.receipt(environment).read_bytes() == receipt


def test_a_built_wheel_that_is_gone_needs_its_lockfile(
    web: Web, index: IndexServer, scratch: Path, store: Path
) -> None:
    """Without both, exit 1 and what to do; the old environment stays."""
    module, _ = built_from_source(web, index, scratch / "swapped.whl")
    shutil.rmtree(store / "cache" / "built")
    web.move("1.0")
    result = web.repair()
    assert result.code == 1, result
    assert (
        "the wheel that was built from built-1.0.tar.gz is no longer in the store" in result.stdout
    )
    assert "restore the lockfile that it was built from" in result.stdout
    assert module.read_text() == "EVIL = 1\n"


def test_caches_that_a_process_wrote(web: Web, index: IndexServer) -> None:
    """Their own finding; a rollback passes over them with a word, and a repair removes just them."""
    first = web.move("1.0")
    web.move("1.1")
    (package,) = first.glob("lib/python3.*/site-packages/web")
    receipt = web.receipt(first).read_bytes()
    package.chmod(0o755)
    (package / "kernel.f-1.py312.nbi").write_text("x")
    (package / "__pycache__").chmod(0o755)
    (package / "__pycache__" / "kernel.f-1.py312.1.nbc").write_text("x")
    for folder in (package / "__pycache__", package):
        folder.chmod(0o555)
    before = len(index.asked(""))
    for words in (("verify",), ("verify", "--quick")):
        found = web.run(*words, "--format", "json")
        assert found.code == 1
        assert {one["code"] for one in found.json["findings"]} == {"drift-cache"}
        assert len(found.json["findings"]) == 2
    rolled = web.run("rollback", check=True)
    assert f"{first.name}: passed over 2 caches that processes wrote" in rolled.stdout
    repaired = web.repair()
    assert repaired.code == 0, repaired
    assert f"repaired {first.name}" in repaired.stdout
    assert not list(package.rglob("*.nb?"))
    assert web.receipt(first).read_bytes() == receipt
    assert web.run("verify", "--quick").code == 0
    assert len(index.asked("")) == before


def test_what_was_built_is_no_cache(web: Web) -> None:
    """Changed bytecode, and a link in place of a cache, are what they were before: a reason not to roll back."""
    first = web.move("1.0")
    web.move("1.1")
    (package,) = first.glob("lib/python3.*/site-packages/web")
    built = next((package / "__pycache__").glob("*.pyc"))
    built.chmod(0o644)
    built.write_bytes(built.read_bytes() + b"x")
    built.chmod(0o444)
    (package / "__pycache__").chmod(0o755)
    (package / "__pycache__" / "other.pyc").symlink_to("/etc/passwd")
    for words in (("verify",), ("verify", "--quick")):
        found = web.run(*words, "--format", "json")
        codes = {one["path"].rpartition("/")[2]: one["code"] for one in found.json["findings"]}
        assert "drift-cache" not in codes.values()
        assert {built.name, "other.pyc"} <= codes.keys()
    assert web.run("rollback").code == 1
    assert web.repair().code == 0
    assert not (package / "__pycache__" / "other.pyc").is_symlink()
