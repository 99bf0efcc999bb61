"""Sources: with a build backend of their own, or with one that is a package."""

from __future__ import annotations

import sys
import venv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.backend.backends import Backends, BuildRequest
from envbuild.backend.requirements import RequirementPinner
from envbuild.backend.source import SourceTree
from envbuild.declaration.declaration import BuildOptions
from envbuild.posix.process import SystemRunner
from envbuild.resolution.resolution import ResolveRequest
from envbuild.target.target import Interpreter, parse_target
from tests.support.pythons import MINOR
from tests.support.wheels import PROJECT, ArchiveFile, Wheel, source_archive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.build.installation import InstallRequest
    from envbuild.resolution.resolution import Resolution


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


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, by their paths."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


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
    target = parse_target(f"{MINOR}-x86_64-manylinux_2_28")
    own = str(getattr(sys, "_base_executable", sys.executable))
    return BuildRequest(
        tree=tree,
        options=BuildOptions(package="svc", **options),  # type: ignore[arg-type]
        target=target,
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


MAKER = """
import base64, hashlib, os, zipfile

def get_requires_for_build_wheel(config_settings=None):
    return ["maker>=1"]

def _project():
    lines = open("project.txt").read().split("\\n")
    return lines[0], lines[1], [line for line in lines[2:] if line]

def _metadata():
    name, version, requires = _project()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    return "\\n".join([*lines, *(f"Requires-Dist: {one}" for one in requires), ""])

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name, version, _ = _project()
    info = f"{name}-{version}.dist-info"
    os.mkdir(os.path.join(folder, info))
    with open(os.path.join(folder, info, "METADATA"), "w") as stream:
        stream.write(_metadata())
    return info

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, version, _ = _project()
    if "TELLS" in os.environ:
        with open(os.environ["TELLS"], "a") as stream:
            stream.write(f"{name} {version} {VERSION} {config_settings}\\n")
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": f"def main():\\n    print({name!r}, {version!r}, 'by maker', {VERSION!r})\\n",
        f"{info}/METADATA": _metadata(),
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/entry_points.txt": f"[console_scripts]\\n{name} = {name}:main\\n",
    }
    rows = []
    for path, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text.encode())}\\n")
    members[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\\n"
    wheel = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        for path, text in members.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel
"""
"""A build backend in a package of its own; `project.txt` of a source has a name, a version and requirements."""


def maker(version: str = "1.0") -> Wheel:
    """The wheel of that backend."""
    return Wheel(
        name="maker", version=version, files={"maker.py": f"VERSION = {version!r}\n{MAKER}"}
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeSource(ArchiveFile):
    """A source distribution that the backend `maker` builds."""

    name: str
    version: str = "1.0"
    requires: tuple[str, ...] = ()
    """`Requires-Dist`."""

    build_requires: tuple[str, ...] = ("maker",)
    """`requires` of its build system."""

    more: Mapping[str, str] = field(default_factory=dict)
    """Further files."""

    requires_python: str | None = None

    @property
    def filename(self) -> str:
        """`name-version.tar.gz`."""
        return f"{self.name}-{self.version}.tar.gz"

    def metadata(self) -> bytes:
        """The PKG-INFO file, which leaves the requirements to the build."""
        return f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n".encode()

    def members(self) -> dict[str, str]:
        """The files of the tree."""
        lines = (self.name, self.version, *self.requires, "")
        requires = ", ".join(f'"{text}"' for text in self.build_requires)
        project = f'[build-system]\nrequires = [{requires}]\nbuild-backend = "maker"\n'
        return {"pyproject.toml": project, "project.txt": "\n".join(lines), **self.more}

    def to_bytes(self) -> bytes:
        """The archive, gzip over tar."""
        members = {"PKG-INFO": self.metadata().decode(), **self.members()}
        return source_archive(f"{self.name}-{self.version}", members)
