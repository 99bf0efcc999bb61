"""Small real wheels and source distributions, made in memory without a build backend.

The same value gives the same bytes: times, modes and the order of members are fixed.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_EPOCH = (2020, 1, 1, 0, 0, 0)
_EPOCH_SECONDS = 1_577_836_800
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
"""The `pyproject.toml` of a source whose backend lies beside it, so that building asks no index for anything."""

_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


class ArchiveFile(ABC):
    """A file that an index can have, made of a value."""

    __slots__ = ()

    @property
    @abstractmethod
    def filename(self) -> str:
        """Its name."""

    @abstractmethod
    def to_bytes(self) -> bytes:
        """Its content, always the same."""

    @property
    def sha256(self) -> str:
        """The hex digest of its content."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def write(self, folder: Path) -> Path:
        """Write it into the folder under its own name."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.filename
        path.write_bytes(self.to_bytes())
        return path


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel(ArchiveFile):
    """What a wheel is to hold."""

    name: str
    version: str = "1.0"

    requires: tuple[str, ...] = ()
    """`Requires-Dist`, one requirement each; `extra == 'x'` in a marker declares the extra `x`."""

    extras: tuple[str, ...] = ()
    """`Provides-Extra`, beyond those that `requires` names."""

    requires_python: str | None = None

    files: Mapping[str, str | bytes] = field(default_factory=dict)
    """Path in site-packages → content; without any, a package that knows its `__version__`."""

    commands: Mapping[str, str] = field(default_factory=dict)
    """Console scripts: command → `module:function`; see `command_wheel` for a ready one.

    Without any command or script there is one of the package's own name, as every driver needs one.
    """

    scripts: Mapping[str, str | bytes] = field(default_factory=dict)
    """Files of `.data/scripts`: name → content; the first line `#!python` is rewritten."""

    data: Mapping[str, str | bytes] = field(default_factory=dict)
    """Other files below `.data`, such as `data/share/x.txt` or `purelib/x.py`."""

    tag: str = "py3-none-any"
    build: str | None = None
    """The build tag, such as `1` or `2local`."""

    bare: bool = False
    """Whether it has no command at all."""

    metadata_lines: tuple[str, ...] = ()
    """More header lines for METADATA, such as `License: MIT`."""

    record: bool = True
    """Whether RECORD tells the truth; without, its hashes are those of other content."""

    @property
    def distribution(self) -> str:
        """The name as file names spell it: `my_pkg`."""
        return canonicalize_name(self.name).replace("-", "_")

    @property
    def filename(self) -> str:
        """`name-version[-build]-python-abi-platform.whl`."""
        build = f"-{self.build}" if self.build else ""
        return f"{self.distribution}-{self.version}{build}-{self.tag}.whl"

    def metadata(self) -> bytes:
        """The METADATA file, version 2.1."""
        named = (extra for line in self.requires for extra in _EXTRA.findall(line))
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Python: {self.requires_python}"] if self.requires_python else []
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        lines += [f"Provides-Extra: {extra}" for extra in dict.fromkeys((*self.extras, *named))]
        return "\n".join((*lines, *self.metadata_lines, "")).encode()

    def to_bytes(self) -> bytes:
        """The wheel itself, a zip archive."""
        members = self._members()
        info = f"{self.distribution}-{self.version}.dist-info"
        members[f"{info}/RECORD"] = _record(members, f"{info}/RECORD", truthful=self.record)
        executable = f"{self.distribution}-{self.version}.data/scripts/"
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in members.items():
                member = zipfile.ZipInfo(path, _EPOCH)
                member.create_system = 3  # Unix on every host, for the same bytes
                member.compress_type = zipfile.ZIP_DEFLATED
                mode = 0o755 if path.startswith(executable) else 0o644
                member.external_attr = (0o100000 | mode) << 16
                archive.writestr(member, content)
        return stream.getvalue()

    def _members(self) -> dict[str, bytes]:
        stem = f"{self.distribution}-{self.version}"
        default = {f"{self.distribution}/__init__.py": f"__version__ = {self.version!r}\n"}
        members = {path: _bytes(text) for path, text in (self.files or default).items()}
        members |= {f"{stem}.data/scripts/{k}": _bytes(v) for k, v in self.scripts.items()}
        members |= {f"{stem}.data/{k}": _bytes(v) for k, v in self.data.items()}
        members[f"{stem}.dist-info/METADATA"] = self.metadata()
        members[f"{stem}.dist-info/WHEEL"] = self._wheel_file()
        commands = self.commands
        if not (commands or self.scripts or self.bare):
            commands = {self.name: f"{self.distribution}:main"}
        if commands:
            lines = [f"{command} = {target}" for command, target in commands.items()]
            text = "\n".join(("[console_scripts]", *lines, ""))
            members[f"{stem}.dist-info/entry_points.txt"] = text.encode()
        return members

    def _wheel_file(self) -> bytes:
        pythons, abis, platforms = (part.split(".") for part in self.tag.split("-"))
        tags = [f"Tag: {p}-{a}-{s}" for p in pythons for a in abis for s in platforms]
        pure = str(abis == ["none"] and platforms == ["any"]).lower()
        head = ["Wheel-Version: 1.0", "Generator: envbuild-tests", f"Root-Is-Purelib: {pure}"]
        build = [f"Build: {self.build}"] if self.build else []
        return "\n".join((*head, *build, *tags, "")).encode()


def command_wheel(
    name: str, version: str = "1.0", *, command: str | None = None, requires: Iterable[str] = ()
) -> Wheel:
    """Make a wheel that brings one command, which answers as drivers do.

    `--version` prints `name version`; anything else prints one JSON object with the arguments,
    the environment variables, `sys.prefix`, `sys.executable` and the process id.
    """
    module = canonicalize_name(name).replace("-", "_")
    return Wheel(
        name=name,
        version=version,
        requires=tuple(requires),
        files={
            f"{module}/__init__.py": f"__version__ = {version!r}\n",
            f"{module}/cli.py": _COMMAND.format(name=name, version=version),
        },
        commands={command or name: f"{module}.cli:main"},
    )


_COMMAND = """\
import json, os, sys

def main():
    if sys.argv[1:] == ["--version"]:
        print({name!r}, {version!r})
        return 0
    print(json.dumps({{
        "argv": sys.argv[1:], "env": dict(os.environ), "prefix": sys.prefix,
        "executable": sys.executable, "pid": os.getpid(),
    }}))
    return 0
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sdist(ArchiveFile):
    """A source distribution that builds into a given wheel by a backend of its own.

    The backend lies inside, so that building asks no index for anything.
    """

    wheel: Wheel

    tells: Path | None = None
    """A file that the backend writes when it runs: the proof that foreign code was run."""

    swapped: Path | None = None
    """A file that is built in place of the wheel, once it is there: a build that comes out otherwise."""

    @property
    def name(self) -> str:
        """The project's name."""
        return self.wheel.name

    @property
    def version(self) -> str:
        """The release's version."""
        return self.wheel.version

    @property
    def requires_python(self) -> str | None:
        """The project's `Requires-Python`."""
        return self.wheel.requires_python

    @property
    def filename(self) -> str:
        """`name-version.tar.gz`."""
        return f"{self.wheel.distribution}-{self.wheel.version}.tar.gz"

    def metadata(self) -> bytes:
        """The PKG-INFO file; with no dynamic field, as its requirements are the wheel's."""
        return self.wheel.metadata().replace(b"Version: 2.1", b"Version: 2.2", 1)

    def to_bytes(self) -> bytes:
        """The archive, gzip over tar."""
        return source_archive(self.filename.removesuffix(".tar.gz"), self._members())

    def _members(self) -> dict[str, bytes]:
        backend = _BACKEND.format(
            tells=str(self.tells) if self.tells else None,
            swapped=str(self.swapped) if self.swapped else None,
            filename=self.wheel.filename,
            content=base64.b64encode(self.wheel.to_bytes()).decode(),
        )
        return {
            "PKG-INFO": self.metadata(),
            "pyproject.toml": PROJECT.encode(),
            "backend.py": backend.encode(),
        }


_BACKEND = """\
import base64, pathlib

TELLS = {tells!r}
SWAPPED = {swapped!r}
if TELLS:
    pathlib.Path(TELLS).write_text("a build backend was run\\n")

def get_requires_for_build_wheel(config_settings=None):
    return []

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    content = base64.b64decode({content!r})
    if SWAPPED and pathlib.Path(SWAPPED).exists():
        content = pathlib.Path(SWAPPED).read_bytes()
    pathlib.Path(wheel_directory, {filename!r}).write_bytes(content)
    return {filename!r}
"""


def source_archive(stem: str, members: Mapping[str, str | bytes]) -> bytes:
    """A `.tar.gz` with these members in the folder `stem`, always the same."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, text in members.items():
            content, member = _bytes(text), tarfile.TarInfo(f"{stem}/{path}")
            member.size, member.mtime, member.mode = len(content), _EPOCH_SECONDS, 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=_EPOCH_SECONDS)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _record(members: Mapping[str, bytes], own: str, *, truthful: bool) -> bytes:
    """Make RECORD: every member with its digest and size, and itself with neither."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for path, content in members.items():
        digest = hashlib.sha256(content if truthful else content + b"?").digest()
        encoded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        writer.writerow((path, f"sha256={encoded}", len(content)))
    writer.writerow((own, "", ""))
    return stream.getvalue().encode()
