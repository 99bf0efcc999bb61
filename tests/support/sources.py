"""Source trees with a build backend of their own, which need no build requirements."""

from __future__ import annotations

import sys
import venv
from typing import TYPE_CHECKING

from envbuild.backend.metadata import Backends, BuildRequest
from envbuild.backend.requirements import RequirementPinner
from envbuild.backend.source import SourceTree
from envbuild.declaration.declaration import BuildOptions
from envbuild.posix.process import SystemRunner
from envbuild.resolution.resolution import ResolveRequest
from envbuild.target.target import Interpreter, parse_target

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.build.installation import InstallRequest
    from envbuild.resolution.resolution import Resolution

PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'

WHEEL = """
import os, zipfile

def write_wheel(folder, name="svc-1.0-py3-none-any.whl", inside="svc", version="1.0", **files):
    info = f"{inside}-{version}.dist-info"
    content = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {inside}\\nVersion: {version}\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "svc.py": "__version__ = '1.0'\\n",
    }
    record = "".join(f"{path},,\\n" for path in (*content, f"{info}/RECORD"))
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in (*content.items(), (f"{info}/RECORD", record)):
            archive.writestr(zipfile.ZipInfo(path), text)
    return name
"""
"""The start of a backend that can write a wheel."""

METADATA = """
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    os.mkdir(os.path.join(folder, "svc-1.0.dist-info"))
    with open(os.path.join(folder, "svc-1.0.dist-info", "METADATA"), "w") as stream:
        stream.write("Metadata-Version: 2.1\\nName: svc\\nVersion: 1.0\\nRequires-Dist: dep\\n")
    return "svc-1.0.dist-info"
"""

BUILD = """
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return write_wheel(folder)
"""

BACKEND = f"{WHEEL}{METADATA}{BUILD}"
"""A backend that does as it should."""


def source_tree(folder: Path, backend: str, *, project: str = PROJECT) -> SourceTree:
    """A tree of the package svc 1.0 with that backend."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(project)
    (folder / "backend.py").write_text(backend)
    return SourceTree(package="svc", version="1.0", path=folder, name="svc-1.0.tar.gz")


class PlainInstaller:
    """Makes environments without uv; there is nothing to install."""

    def create(self, environment: str, interpreter: Interpreter, lock: int) -> None:
        """Make one on the Python that runs the tests."""
        venv.create(environment, symlinks=True)

    def install(self, request: InstallRequest) -> None:
        """Refuse: these sources require nothing."""
        raise AssertionError(request.files)


def _no_resolution(request: ResolveRequest) -> Resolution:
    raise AssertionError(request.requires)


def backends(logs: Path) -> Backends:
    """Calls backends for real."""
    return Backends(
        runner=SystemRunner(),
        installer=PlainInstaller(),
        pinner=RequirementPinner(resolve=_no_resolution, fetch=lambda _: {}),
        logs=logs,
    )


def build_request(tree: SourceTree, **options: object) -> BuildRequest:
    """A build of a tree on the Python that runs the tests."""
    python = ".".join(map(str, sys.version_info[:2]))
    target = parse_target(f"{python}-x86_64-manylinux_2_28")
    own = str(getattr(sys, "_base_executable", sys.executable))
    return BuildRequest(
        tree=tree,
        options=BuildOptions(package="svc", **options),  # type: ignore[arg-type]
        resolution=ResolveRequest(
            driver="app",
            requires=("svc",),
            constraints=(),
            overrides=(),
            target=target,
            exclude_newer=None,
            allow_sdist=("svc",),
            pins=(),
            indexes=(),
        ),
        interpreter=Interpreter(
            path=own,
            version=sys.version.split()[0],
            cache_tag=str(sys.implementation.cache_tag),
            size=0,
            mtime_ns=0,
            shareable=True,
        ),
    )
