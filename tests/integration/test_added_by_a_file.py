"""What it takes to add something: a file for a format, a resolver, a source, an accelerator; two or three for a key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import envbuild
from envbuild.environment.derivation import compute_key
from envbuild.lockfile.folder import LockFolder
from envbuild.target.accelerator import Accelerator
from tests.support.command_line import ROOT
from tests.support.values import make_derivation, make_driver, make_lockfile, make_package
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMAT = """
from envbuild.launchers.export import ExportFormat, Option
from envbuild.launchers.fleet import ExportedFile

FORMAT = ExportFormat(
    name="toy",
    files="`toy.txt`",
    taken_by="nobody",
    options=(Option(name="colour", metavar="NAME", help="the colour of the toy"),),
    render=lambda export: tuple(
        ExportedFile(name="toy.txt", text=f"{lockfile.driver} {export.request.options['colour']}\\n")
        for lockfile, _ in export.lockfiles()
    ),
)
"""
_KIND = """
from envbuild.target.accelerator import AcceleratorKind, FoundAccelerator, Unsupported

KIND = AcceleratorKind(
    name="toy",
    title="Toy",
    provider="toy driver",
    example=">=2.0",
    probe=lambda runner, environment, root: FoundAccelerator(kind="toy", version="1.0"),
    signs=("/proc/driver/toy/version",),
    judge=lambda packages, version: next(
        (
            Unsupported(needed="9.0", package=f"{one.name} {one.version}", fatal=True, hint="wait")
            for one in packages
            if one.name == "toy-runtime"
        ),
        None,
    ),
    owns=lambda package: package.startswith("toy-"),
    cdi_device="toy.example/toy=all",
    kubernetes_resource="toy.example/toy",
)
"""
_RESOLVER = """
from envbuild.declaration.resolvers import ResolverKind
from envbuild.resolution.resolution import ListedFile, Resolution, ResolvedFile

RESOLVER = ResolverKind(name="toy", module=__name__, refuses=("overrides",))

class Oldest:
    def __init__(self, tools):
        self.tools = tools

    def resolve(self, request):
        return Resolution(target=request.target, files=tuple(self.oldest(name, request) for name in request.requires))

    def oldest(self, name, request):
        file = min(self.tools.listed_files(name))
        listed = ListedFile(package=name, name=file, url="", hashes=((),))
        version, sha256 = file.split("-")[1], self.tools.sole_digest(listed)
        return ResolvedFile(
            package=name, version=version, file=file, url="", sha256=sha256, indexes=request.indexes
        )

make_resolver = Oldest
"""
_SOURCE = """
from pathlib import Path
from envbuild.build.sources import SourceKind

class Toy:
    def __init__(self, address):
        self.address = Path(address)

    def fetch(self, file, folder):
        copy = folder / file.file
        copy.write_bytes((self.address / file.sha256).read_bytes())
        return copy

KIND = SourceKind(name="toy", open=Toy)
"""
_WITH_ROOM = """
import importlib, os, sys
importlib.import_module(sys.argv[1]).__path__.append(sys.argv[2])
from envbuild.cli import main
sys.exit(main(sys.argv[3:], os.environ))
"""


def run_with(room: str, folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """envbuild, in whose room the files of the folder are as well."""
    return subprocess.run(
        [sys.executable, "-c", _WITH_ROOM, room, str(folder), *argv],
        capture_output=True,
        text=True,
        check=False,
    )


def declare(project: Path, more: str, accelerator: Accelerator | None = None) -> None:
    """A driver that is locked with two packages."""
    (project / "drivers.toml").write_text(
        'version = 1\n[defaults]\npython = ["3.12"]\nplatforms = ["x86_64-manylinux_2_28"]\n'
        f'[drivers.app]\nrequires = ["app"]\n{more}\n'
    )
    driver = make_driver("app", "app", accelerator=accelerator)
    lockfile = make_lockfile(driver, make_package("app", "1.0"), make_package("toy-runtime", "3.0"))
    LockFolder(path=project / "locks", shown="locks").write(lockfile)


def test_a_format(tmp_path: Path, project: Path, store: Path) -> None:
    """Its name and its options are in the help; it is rendered; other formats refuse its option."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room/toy.py").write_text(_FORMAT)
    declare(project, "")
    where = ("--file", str(project / "drivers.toml"), "--store", str(store))

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        return run_with("envbuild.launchers.formats", tmp_path / "room", *argv)

    shown = run("export", "--help").stdout
    assert "toy" in shown
    assert "the colour of the toy" in shown
    assert run(*where, "export", "toy", "--colour", "red").stdout == "app red\n"
    refused = run(*where, "export", "requirements", "--colour", "red")
    assert refused.returncode == 2
    assert "--colour" in refused.stderr


def test_an_accelerator(tmp_path: Path, project: Path, store: Path) -> None:
    """It is declared, asked for with `check --host`, and judged by what is locked."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room/toy.py").write_text(_KIND)
    declare(project, 'accelerator = { toy = ">=2.0" }', Accelerator(kind="toy", versions=">=2.0"))
    where = ("--file", str(project / "drivers.toml"), "--store", str(store))

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        return run_with("envbuild.target.accelerators", tmp_path / "room", *where, *argv)

    assert (
        "a host with Toy 1.0 skips app: it needs Toy >=2.0; the toy driver here goes up to Toy 1.0"
        in run("check", "--host", "toy=1.0").stdout
    )
    too_new = run("check", "--host", "toy=2.0")
    assert "built for Toy 9.0; the toy driver goes up to Toy 2.0" in too_new.stdout
    assert too_new.returncode == 1
    wrong = run("check", "--host", "boat=1.0")
    assert wrong.returncode == 2
    assert "cuda=12.4, rocm=7.0, toy=2.0, xpu=1.3 or cpu" in wrong.stderr


def test_a_source(tmp_path: Path, project: Path, store: Path) -> None:
    """It is named in the store's settings, and asked for a locked wheel that no index has any more."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room/toy.py").write_text(_SOURCE)
    (project / "drivers.toml").write_text(
        'version = 1\n[[index]]\nname = "own"\npath = "wheels"\npackages = ["app"]\n'
        '[drivers.app]\nrequires = ["app"]\n'
    )
    wheel = Wheel(name="app")
    path = wheel.write(project / "wheels")

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        where = ("--file", str(project / "drivers.toml"), "--store", str(store))
        return run_with("envbuild.build.sources", tmp_path / "room", *where, *argv)

    assert run("lock").returncode == 0
    (tmp_path / "blobs").mkdir()
    path.rename(tmp_path / "blobs" / wheel.sha256)
    assert run("sync").returncode == 4
    settings = store / "settings.toml"
    settings.write_text(f'[[source]]\ntoy = "{tmp_path}/blobs"\n')
    done = run("sync", "--offline")
    assert done.returncode == 0, done.stderr
    settings.write_text('[[source]]\nboat = "x"\n')
    shutil.rmtree(store / "receipts")
    refused = run("sync")
    assert refused.returncode == 2
    assert "'boat' is not a kind of source" in refused.stderr
    assert "there are: folder, release, toy" in refused.stderr


def test_a_resolver(tmp_path: Path, project: Path, store: Path) -> None:
    """It is declared, locks what it chooses, makes another's lockfile stale, and refuses unsupported keys."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room/toy.py").write_text(_RESOLVER)
    for version in ("1.0", "2.0"):
        Wheel(name="app", version=version).write(project / "wheels")

    def run(declared: str, *argv: str) -> subprocess.CompletedProcess[str]:
        (project / "drivers.toml").write_text(
            'version = 1\n[[index]]\nname = "own"\npath = "wheels"\npackages = ["app"]\n'
            '[defaults]\nplatforms = ["x86_64-manylinux_2_28"]\n'
            f'[drivers.app]\nrequires = ["app"]\n{declared}\n'
        )
        where = ("--file", str(project / "drivers.toml"), "--store", str(store))
        return run_with("envbuild.declaration.resolvers", tmp_path / "room", *where, *argv)

    assert "app 2.0" in run("", "lock").stdout
    stale = run('resolver = "toy"', "check")
    assert "resolver: uv became toy" in stale.stdout
    locked = run('resolver = "toy"', "lock", "--upgrade")
    assert "~ app 2.0 → 1.0" in locked.stdout
    assert 'resolver = "toy"\n' in (project / "locks/app.toml").read_text()
    assert run('resolver = "toy"', "check").returncode == 0
    refused = run('resolver = "toy"\noverrides = ["app>1"]', "check")
    assert refused.returncode == 2
    assert "the resolver 'toy' does not support `overrides`" in refused.stderr
    apart = '[drivers.other]\nrequires = ["app"]\nresolver = "toy"\n[[coexist]]\ndrivers = ["app", "other"]'
    refused = run(apart, "lock")
    assert refused.returncode == 2
    assert "need one resolver, but these have several: app by uv, other by toy" in refused.stderr


_FIELDS = {
    "class LockingKeys:": "flavours: tuple[str, ...] = ()",
    "class Driver(LockingKeys):": 'mood: str = "calm"\n    gloss: tuple[str, ...] = ()',
}
_DERIVED = {
    "prepare_network: bool = False": "gloss: tuple[str, ...] = ()",
    "ENVIRONMENT_KEYS: Mapping[str, EnvironmentKey] = {": '"gloss": EnvironmentKey(_words),',
}
_ROWS = """DRIVER_TABLE = (
    DriverKey(
        key=Key("flavours", list_of(text(parse_package))),
        decides="lockfile",
        in_defaults=True,
        about="what it tastes of",
        example='flavours = ["sweet"]',
    ),
    DriverKey(
        key=Key("gloss", list_of(text(str))), decides="environment", about="how it shines", example='gloss = ["dim"]'
    ),
    DriverKey(
        key=Key("mood", text(str)), decides="host", by_host=True, about="how it feels", example='mood = "merry"'
    ),
"""
_LOCKED = """
from pathlib import Path
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.text import render_lockfile
from tests.support.values import make_driver, make_lockfile
for flavours in ((), ("sweet",)):
    lockfile = make_lockfile(make_driver("app", flavours=flavours))
    text = render_lockfile(lockfile)
    assert parse_lockfile(text, file="x") == lockfile
    assert ("flavours" in text) == bool(flavours)
Path("locks").mkdir()
Path("locks/app.toml").write_text(text)
"""


_BUILT = """
import json
from envbuild.environment.content_digest import Contents
from envbuild.environment.derivation import compute_key, environment_name, settings_of
from envbuild.environment.receipt import Receipt, parse_receipt, render_receipt
from envbuild.store.rebuild import wanted_again
from envbuild.value import replace
from tests.support.values import make_derivation, make_driver
keys = []
for gloss in ((), ("dim",)):
    driver = make_driver("asr", gloss=gloss, bytecode=False)
    derivation = replace(make_derivation(), **settings_of(driver))
    key = compute_key(derivation)
    name = environment_name("asr", "1.0", key)
    contents = Contents(files=(), links=(), folders=())
    receipt = Receipt(environment=name, key=key, created="x", contents=contents, derivation=derivation)
    text = render_receipt(receipt)
    assert ("gloss" in text) == bool(gloss)
    assert parse_receipt(text, file="x") == receipt
    assert wanted_again(receipt, name=name, key=key).driver.gloss == gloss
    keys.append(key)
print(json.dumps(keys))
"""


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A folder with envbuild in which three files were changed: the fields, the table of keys, what is derived."""
    package = tmp_path / "changed/envbuild"
    shutil.copytree(Path(envbuild.__file__).parent, package)
    driver = package / "declaration/driver.py"
    _insert(driver, _FIELDS)
    _insert(package / "environment/derivation.py", _DERIVED)
    keys = package / "declaration/toml/keys.py"
    keys.write_text(keys.read_text().replace("DRIVER_TABLE = (\n", _ROWS))
    return package.parent


def _insert(file: Path, lines: Mapping[str, str]) -> None:
    """Put a line below each of some lines."""
    text = file.read_text()
    for line, more in lines.items():
        assert line in text
        text = text.replace(line, f"{line}\n    {more}")
    file.write_text(text)


def test_keys(changed: Path, project: Path, store: Path) -> None:
    """For the lockfile, the environment and the host: read, merged, explained, shown, locked, built, and noticed."""

    def run(*argv: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": f"{changed}:{ROOT}", "ENVBUILD_STORE": str(store)}
        return subprocess.run(
            [sys.executable, *argv],
            capture_output=True,
            text=True,
            cwd=project,
            env=env,
            check=False,
        )

    assert run("-m", "envbuild", "init").returncode == 0
    example = (project / "drivers.toml").read_text()
    assert '#flavours = ["sweet"]                   # what it tastes of\n' in example
    assert '#mood = "merry"                         # how it feels\n' in example
    locked = run("-c", _LOCKED)
    assert locked.returncode == 0, locked.stderr
    built = run("-c", _BUILT)
    assert built.returncode == 0, built.stderr
    without, declared = json.loads(built.stdout)
    assert without == compute_key(make_derivation()) != declared
    (project / "drivers.toml").write_text(
        'version = 1\n[defaults]\nflavours = ["bitter"]\nplatforms = ["x86_64-manylinux_2_28"]\n'
        '[drivers.app]\nrequires = ["app"]\n[hosts.all]\nhostname = "*"\n'
        '[hosts.all.drivers.app]\nmood = "merry"\n'
    )
    shown = run("-m", "envbuild", "show").stdout
    assert '["bitter"]' in shown
    assert '"merry"' in shown
    stale = run("-m", "envbuild", "check")
    assert "flavours: bitter is new; flavours: sweet is gone" in stale.stdout
    assert stale.returncode == 1
    (project / "drivers.toml").write_text(
        'version = 1\n[drivers.app]\nrequires = ["app"]\nmod = 1\n'
    )
    assert "did you mean `mood`?" in run("-m", "envbuild", "check").stderr
