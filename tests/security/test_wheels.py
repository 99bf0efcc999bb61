"""The attacker publishes a wheel that is locked: its files, and their names, are his."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import NOWHERE, declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def _traps(name: str, marker: Path) -> Wheel:
    """A wheel whose every start-up file writes a marker when a Python runs it."""
    run = f"import os; open({str(marker)!r}, 'a').write({name!r})\n"
    return Wheel(
        name=name,
        files={
            f"{name}/__init__.py": run,
            f"{name}.pth": run,
            **({"sitecustomize.py": run, "usercustomize.py": run} if name == "trap" else {}),
        },
        commands={f"{name}-command": f"{name}:main"},
    )


def _lock(run: CommandLine, python: str, *requires: str) -> None:
    text = declare_drivers({"web": ["runner", *requires]}, python=python)
    run.declare(text.replace("[drivers.web]\n", '[drivers.web]\nbinary = "runner"\n'))
    run("lock", check=True)


def _forget(store: Path, *more: str) -> None:
    for name in ("envs", "receipts", "generations", "records", *more):
        subprocess.run(("rm", "-rf", store / name), check=True)
    (store / "current").unlink()


def _site(store: Path) -> Path:
    (found,) = (store / "current/web/lib").glob("python3.*/site-packages")
    return found


def _receipt(store: Path) -> Any:
    name = os.path.basename(os.path.realpath(store / "current/web"))  # noqa: PTH119
    table = json.loads((store / "receipts" / f"{name}.json").read_text())
    return {key: table[key] for key in ("files", "links", "folders")}


def test_no_code_of_a_wheel_runs_before_it_is_asked_for(
    run_envbuild: CommandLine, index: IndexServer, store: Path, scratch: Path, python_version: str
) -> None:
    """The author of two wheels gets no code run by sync: cold, kept, half kept, offline, or in repair."""
    marker = scratch / "marker"
    index.add(command_wheel("runner"), _traps("trap", marker), _traps("other", marker))
    _lock(run_envbuild, python_version, "trap", "other")
    run_envbuild("sync", check=True)
    assert not marker.exists(), "cold"
    _forget(store)
    run_envbuild("sync", check=True)
    assert not marker.exists(), "kept"
    _forget(store)
    (kept, *_) = sorted(p for p in (store / "cache/wheels").iterdir() if p.name != "locks")
    shutil.rmtree(kept)
    run_envbuild("sync", "--offline", env={"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}, check=True)
    assert not marker.exists(), "half kept, offline"
    damaged = _site(store) / "trap/__init__.py"
    damaged.chmod(0o644)
    damaged.write_text("x")
    assert run_envbuild("verify", "--repair").code == 0
    assert not marker.exists(), "repair"
    run_envbuild("verify", check=True)
    assert not marker.exists()


def _planted(**members: str) -> bytes:
    """A wheel with further members that its RECORD does not name."""
    stream = io.BytesIO(Wheel(name="bad").to_bytes())
    with zipfile.ZipFile(stream, "a") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pyvenv.cfg", Wheel(name="bad", data={"data/pyvenv.cfg": "home = /x\n"}).to_bytes()),
        (".lease", Wheel(name="bad", data={"data/.lease": "x"}).to_bytes()),
        ("bin/python3.9", Wheel(name="bad", data={"data/bin/python3.9": "x"}).to_bytes()),
        ("bin/Activate.fish", Wheel(name="bad", scripts={"Activate.fish": "x"}).to_bytes()),
        ("_envbuild.pth", Wheel(name="bad", files={"_envbuild.pth": "x"}).to_bytes()),
        (
            "runner-1.0.dist-info/extra",
            Wheel(name="bad", files={"runner-1.0.dist-info/extra": "x"}).to_bytes(),
        ),
        ("unnamed.py", _planted(**{"unnamed.py": "import os\n"})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_the_wheels_own_is_refused_by_name(
    path: str,
    content: bytes,
    run_envbuild: CommandLine,
    index: IndexServer,
    store: Path,
    python_version: str,
) -> None:
    """The author of a wheel replaces nothing of the environment's own, and brings nothing unrecorded."""
    bad = Wheel(name="bad")
    index.add(command_wheel("runner"), bad)
    index.replace(bad.filename, content, tell=True)
    _lock(run_envbuild, python_version, "bad")
    done = run_envbuild("sync")
    assert done.code == 4, str(done)
    assert "bad" in done.stderr
    assert path.partition("/")[0] in done.stderr or "python" in done.stderr
    assert not (store / "current").exists()


def test_a_contested_path_has_the_same_owner_whatever_is_kept(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """The authors of four wheels with one path cannot make two stores differ: cold, kept, half kept, repaired."""
    wheels = [
        Wheel(
            name=name,
            files={f"{name}/__init__.py": "", "shared/__init__.py": f"OWNER = {name!r}\n"},
            scripts={"serve": f"#!python\nprint({name!r})\n"},
        )
        for name in ("alpha", "beta", "gamma", "delta")
    ]
    index.add(command_wheel("runner"), *wheels)
    _lock(run_envbuild, python_version, "delta", "gamma", "beta", "alpha")
    told = run_envbuild("sync", check=True).stderr
    assert (
        "bin/serve comes from alpha, and differs from that of beta, delta, gamma [shared-path]"
        in told
    )
    first = _receipt(store)
    assert "'alpha'" in (_site(store) / "shared/__init__.py").read_text()
    assert "'alpha'" in (store / "current/web/bin/serve").read_text()
    for gone in ((), (wheels[0].sha256,), (wheels[1].sha256, wheels[3].sha256)):
        _forget(store, *[f"cache/wheels/{sha256}" for sha256 in gone])
        run_envbuild("sync", check=True)
        assert _receipt(store) == first, gone
    damaged = store / "current/web/bin/serve"
    damaged.chmod(0o755)
    damaged.write_text("x")
    assert run_envbuild("verify", "--repair").code == 0
    assert _receipt(store) == first
    assert "'alpha'" in damaged.read_text()


def test_the_locked_file_is_installed_and_no_better_one(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """Who adds a file of a locked version to an index changes nothing of what is installed."""
    index.add(command_wheel("runner"), Wheel(name="two"))
    _lock(run_envbuild, python_version, "two")
    index.add(Wheel(name="two", build="9", files={"two/__init__.py": "later = 1\n"}))
    run_envbuild("sync", check=True)
    assert "later" not in (_site(store) / "two/__init__.py").read_text()


def test_a_mirror_with_other_bytes_is_the_mirrors_fault(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Who runs a mirror and gives other bytes under a locked name is named, with exit code 4."""
    wheel = Wheel(name="two")
    index.add(command_wheel("runner"), wheel)
    _lock(run_envbuild, python_version, "two")
    index.replace(wheel.filename, Wheel(name="two", files={"two/x.py": "evil\n"}).to_bytes())
    done = run_envbuild("sync")
    assert done.code == 4, str(done)
    assert wheel.filename in done.stderr
