"""A Python with a vendor's packages, and a driver that takes some of them: what `inherit` is for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.uv.executable import uv_executable
from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer

TORCH = "2.5.0a0+872d972e41.nv24.8"
"""A vendor's own build, which no index has."""


class Host:
    """A Python with packages of its own, as vendor images have one."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.wheels = folder / "vendor"
        self.python = folder / "host/bin/python"
        subprocess.run((python, "-m", "venv", "--without-pip", folder / "host"), check=True)

    def install(self, *wheels: Wheel) -> None:
        """Install wheels as a vendor does, with RECORDs."""
        files = [str(wheel.write(self.wheels)) for wheel in wheels]
        argv = (uv_executable(), "pip", "install", "--no-deps", "--no-index", "--link-mode", "copy")
        subprocess.run(
            (*argv, "--compile-bytecode", "--python", self.python, *files),
            check=True,
            capture_output=True,
        )

    def remove(self, *names: str) -> None:
        """Uninstall packages."""
        argv = (uv_executable(), "pip", "uninstall", "--python", str(self.python), *names)
        subprocess.run(argv, check=True, capture_output=True)

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return next((self.python.parent.parent / "lib").glob("python3.*/site-packages"))


@pytest.fixture
def host(python: Path, scratch: Path) -> Host:
    """Torch that needs NumPy, two packages in the folder `nvidia`, one of them not inherited, and Flask."""
    made = Host(python, scratch)
    made.install(
        Wheel(
            name="torch",
            version=TORCH,
            requires=("numpy<2", "sympy==1.13.*"),
            files={
                "torch/__init__.py": "import torch.lib.inner\nVENDOR = True\n",
                "torch/lib/inner.py": "",
                "torch-hook.pth": "import os; os.environ['HOOKED'] = '1'\n",
            },
        ),
        Wheel(name="numpy", version="1.26.4", files={"numpy.py": "HOST = True\n"}),
        Wheel(name="nvidia-cublas", version="12.6", files={"nvidia/cublas/lib.py": "A = 1\n"}),
        Wheel(name="nvidia-other", version="12.6", files={"nvidia/other/lib.py": "B = 1\n"}),
        Wheel(name="flask", version="3.0", files={"flask/__init__.py": ""}),
    )
    return made


@pytest.fixture
def lab(run_envbuild: CommandLine, index: IndexServer, host: Host, python_version: str) -> Lab:
    """A driver `app` on that host."""
    index.add(
        command_wheel("app", "1.0", requires=("torch>=2.4", "numpy")),
        command_wheel("app", "2.0", requires=("torch>=2.6",)),
        Wheel(name="sympy", version="1.13.1", files={"sympy.py": "WHEEL = True\n"}),
        Wheel(name="numpy", version="2.1", files={"numpy.py": "HOST = False\n"}),
        Wheel(name="torch", version="2.4.0", files={"torch/__init__.py": "VENDOR = False\n"}),
    )
    return Lab(run_envbuild, host, python_version)


class Lab:
    """Declares, locks and asks."""

    def __init__(self, run: CommandLine, host: Host, python_version: str) -> None:
        self.run = run
        self.host = host
        self.version = python_version

    def declare(self, *lines: str, packages: str = '"torch", "numpy", "nvidia-cublas*"') -> None:
        """A driver that inherits these."""
        inherit = f'inherit = {{ python = "{self.host.python}", packages = [{packages}] }}\n'
        own = inherit + "".join(f"{line}\n" for line in lines)
        self.run.declare(declare_drivers({"app": ["app"]}, python=self.version) + own)

    def build(self) -> None:
        """Declare, lock and sync."""
        self.declare()
        self.run("lock", check=True)
        self.run("sync", check=True)

    def python(self, code: str) -> str:
        """What code prints in the environment."""
        python = Path(self.run.env["ENVBUILD_STORE"], "current/app/bin/python")
        done = subprocess.run((python, "-I", "-c", code), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def listed(self) -> str:
        """A host's list, as `pip freeze` writes it."""
        path = self.run.cwd / "host.txt"
        path.write_text(f"# image 24.08\nnumpy==1.26.4\ntorch=={TORCH}\nnvidia-cublas==12.6\n")
        return path.name


def ended(result: Result, code: int) -> Result:
    assert result.code == code, str(result)
    return result
