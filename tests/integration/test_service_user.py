"""A store that root built serves users who are not root: they start its drivers, and change nothing in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.root

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


def _as_nobody(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    """Run as the user `nobody`, with an empty environment, as a unit would."""
    return subprocess.run((*NOBODY, *argv), env={}, cwd="/", capture_output=True, text=True)


def _shareable(path: Path) -> bool:
    return _as_nobody(path, "-I", "-c", "import json").returncode == 0


@pytest.fixture
def by_version(pythons: dict[str, Path]) -> dict[str, list[Path]]:
    """Minor version → the Pythons that a sync finds."""
    if shutil.which("setpriv") is None:
        pytest.skip("NOT TESTED: there is no setpriv")
    usual = (Path(folder, "python") for folder in ("/usr/bin", "/usr/local/bin"))
    found = {minor: [path] for minor, path in pythons.items()}
    for minor, path in ((minor, f"{stem}{minor}") for stem in usual for minor in found):
        if Path(path).exists():
            found[minor].append(Path(path).resolve())
    return found


@pytest.fixture
def store(scratch: Path) -> Path:
    """A store below a folder that is not there yet either."""
    return scratch / "opt" / "s"


@pytest.fixture
def declared(run_envbuild: CommandLine, index: IndexServer) -> CommandLine:
    """The command line, with an index."""
    index.add(command_wheel("web", requires=("base",)))
    index.add(Wheel(name="base", scripts={"base-script": "#!python\nprint('script')\n"}))
    return run_envbuild


@pytest.fixture
def served(
    declared: CommandLine, by_version: dict[str, list[Path]], store: Path
) -> subprocess.CompletedProcess[str]:
    """The store, built as root under umask 077 on a Python that every user can start; the sync's words."""
    minor = next((m for m, paths in by_version.items() if any(map(_shareable, paths))), None)
    if minor is None:
        pytest.skip("NOT TESTED: no Python of this machine can be started by every user")
    declared.declare(declare_drivers({"web": ["web"]}, python=minor))
    previous = os.umask(0o077)
    try:
        declared("lock", check=True)
        result = declared("sync", check=True)
    finally:
        os.umask(previous)
    return subprocess.CompletedProcess((), result.code, result.stdout, result.stderr)


def test_another_user_starts_the_drivers(
    served: subprocess.CompletedProcess[str], store: Path
) -> None:
    """Must-show 4: by shim, stable and exact path, and by `python -m`, with an empty environment."""
    assert "cannot start" not in served.stderr
    environment = (store / "current/web").resolve()
    for path in (
        store / "current/bin/web",
        store / "current/web/bin/web",
        environment / "bin/web",
    ):
        done = _as_nobody(path, "--version")
        assert (done.returncode, done.stdout) == (0, "web 1.0\n"), done.stderr
    assert _as_nobody(environment / "bin/base-script").stdout == "script\n"
    done = _as_nobody(store / "current/bin/web")
    assert json.loads(done.stdout)["env"]["PATH"].startswith(f"{environment}/bin:")
    assert not done.stderr


@pytest.mark.skipif(shutil.which("su") is None, reason="NOT TESTED: there is no su")
def test_a_login_of_another_user(served: subprocess.CompletedProcess[str], store: Path) -> None:
    """`su nobody -s /bin/sh -c …`, whatever that shell sets."""
    argv = ("su", "nobody", "-s", "/bin/sh", "-c", f"cd / && {store}/current/bin/web --version")
    done = subprocess.run(argv, env={}, cwd="/", capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "web 1.0\n"), done.stderr


def test_another_user_reads_what_launchers_read(
    served: subprocess.CompletedProcess[str], store: Path
) -> None:
    """Manifest and receipts are for everybody; the cache, which installs trust, is for nobody else."""
    assert _as_nobody("cat", store / "current/manifest.json").returncode == 0
    for path in store.glob("receipts/*"):
        assert _as_nobody("sha256sum", path).returncode == 0  # not all of them are text
    assert _as_nobody("ls", store / "cache").returncode != 0


def test_another_user_changes_nothing(
    served: subprocess.CompletedProcess[str], store: Path
) -> None:
    """Not a file, not a folder, not a link: wherever a driver might write, it is told no."""
    environment = (store / "current/web").resolve()
    before = _states(store)
    (site_packages,) = environment.glob("lib/python3.*/site-packages")
    for folder in (environment, environment / "bin", site_packages, store, store / "receipts"):
        assert _as_nobody("touch", folder / "new").returncode != 0
    for path in (environment / "bin/web", site_packages / "web/cli.py", environment / "pyvenv.cfg"):
        assert _as_nobody("sh", "-c", f"echo changed >> {path}").returncode != 0
        assert _as_nobody("rm", "-f", path).returncode != 0
        assert _as_nobody("chmod", "u+w", path).returncode != 0
    assert _as_nobody("ln", "-sfn", "elsewhere", store / "current").returncode != 0
    code = "import compileall, web; compileall.compile_dir(web.__path__[0], force=True, quiet=2)"
    _as_nobody(environment / "bin/python", "-c", code)
    assert _states(store) == before


def _states(store: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for path in store.rglob("*"):
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def test_a_private_python_is_said(
    declared: CommandLine, by_version: dict[str, list[Path]], store: Path
) -> None:
    """Where the only fitting Python lies in somebody's home, the sync says once whom that shuts out."""
    minor = next((m for m, paths in by_version.items() if not any(map(_shareable, paths))), None)
    if minor is None:
        pytest.skip("NOT TESTED: every Python of this machine can be started by every user")
    declared.declare(declare_drivers({"web": ["web"], "again": ["web"]}, python=minor))
    path = os.pathsep.join((str(by_version[minor][0].parent), declared.env["PATH"]))
    declared("lock", check=True)
    result = declared("sync", env={"PATH": path}, check=True)
    assert result.stderr.count("other users cannot start ") == 1
    assert f"python{minor}, on which environments are built" in result.stderr
    assert declared("run", "web", "--", "--version", check=True).stdout == "web 1.0\n"
    assert _as_nobody(store / "current/bin/web").returncode != 0
    facts = declared("doctor").stdout
    assert "cannot be started by other users" in facts
    assert "can start the store's environments" not in facts  # the two would contradict each other
