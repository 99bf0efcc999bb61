"""One file in its room adds a launcher's format, or a kind of accelerator: nothing else has to know it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from envbuild.lockfile.folder import LockFolder
from envbuild.target.accelerator import Accelerator
from tests.support.values import make_driver, make_lockfile, make_package

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = """
from envbuild.launchers.export import ExportFormat, Option
from envbuild.launchers.fleet import ExportedFile

FORMAT = ExportFormat(
    name="toy",
    files="`toy.txt`",
    taken_by="nobody",
    options=(Option(name="colour", metavar="NAME", help="the colour of the toy"),),
    of_lockfiles=True,
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
    probe=lambda runner, environment: FoundAccelerator(kind="toy", version="1.0"),
    sign="/proc/driver/toy/version",
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
        "a host with Toy 1.0 skips app, which needs Toy >=2.0"
        in run("check", "--host", "toy=1.0").stdout
    )
    too_new = run("check", "--host", "toy=2.0")
    assert "built for Toy 9.0; the toy driver goes up to Toy 2.0" in too_new.stdout
    assert too_new.returncode == 1
    wrong = run("check", "--host", "boat=1.0")
    assert wrong.returncode == 2
    assert "cuda=12.4 or toy=2.0" in wrong.stderr
