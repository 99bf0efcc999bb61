"""What pip-tools and envbuild read of each other: pip-sync an export, `import` what pip-compile writes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.command_line import declare_drivers, host_platform
from tests.support.pip_tools import locked
from tests.support.scenarios import load_scenario
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


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
