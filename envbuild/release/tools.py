"""The envbuild that publishes, its uv and what both need, as wheels: for hosts that have Python alone.

What is installed here is packed again, so that a host gets what made the release, and no index is asked.
"""

from __future__ import annotations

import base64
import importlib.metadata
import io
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

import envbuild
from envbuild.posix.files import make_private, write_atomically
from envbuild.release.oci import START, TITLE, TOOL, descriptor_of
from envbuild.release.uploading import PackedLayer
from envbuild.requirement.parse import normalized_name
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LEFT_OUT = (
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "uv_cache.json",
    "uv_build.json",
)
"""What installers put into a `.dist-info` folder."""

_MADE = (1980, 1, 1, 0, 0, 0)
_LEVEL = 1
"""Of deflate: uv is most of it, and the highest level takes four times as long for a tenth less."""

START_NAME = "start.py"


class MissingToolError(Exception):
    """Something that envbuild needs is not installed as a distribution; its text is the end of a sentence."""


@value
class _ToolFile:
    path: str
    """In the wheel."""

    source: Path
    is_program: bool


def start_script() -> bytes:
    """The program that unpacks the tools."""
    return Path(__file__).with_name(START_NAME).read_bytes()


def tool_layers(folder: Path) -> tuple[PackedLayer, ...]:
    """The layer of each tool and that of `start.py`; wheels are kept in a private folder, and packed once.

    MissingToolError if this envbuild was not installed; OSError if the disk fails.
    """
    make_private(folder)
    wheels = tuple(_wheel(one, folder) for one in _needed())
    kept = {path.name for _, path in wheels}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    script = start_script()
    start = descriptor_of(START, script, ((TITLE, START_NAME),))
    return (
        *(_layer(name, path) for name, path in sorted(wheels)),
        PackedLayer(blob=start, opened=lambda: io.BytesIO(script)),
    )


def _layer(name: str, path: Path) -> PackedLayer:
    content = path.read_bytes()
    blob = descriptor_of(TOOL, content, ((TITLE, name),))
    return PackedLayer(blob=blob, opened=lambda: path.open("rb"))


def _needed() -> Iterator[importlib.metadata.Distribution]:
    """The distributions of envbuild and of what it requires, each once."""
    waiting, seen = [("envbuild", frozenset[str]())], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingToolError(f"{name} is not installed here as a distribution") from error
        if not any(known == name and other != extras for known, other in seen):
            yield found
        for text in found.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                waiting.append((normalized_name(requirement.name), frozenset(requirement.extras)))


def _wheel(found: importlib.metadata.Distribution, folder: Path) -> tuple[str, Path]:
    """A distribution's wheel: its name, and where it was packed."""
    files = tuple(sorted(_files(found), key=lambda one: one.path))
    name = _file_name(found)
    facts = sha256(name.encode())
    for one in files:
        status = one.source.stat()
        facts.update(f"{one.path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    path = folder / f"{facts.hexdigest()[:24]}.whl"
    if not path.is_file():
        write_atomically(path, _packed(files, _dist_info(found)))
    return name, path


def _dist_info(found: importlib.metadata.Distribution) -> str:
    stem = normalized_name(found.metadata["Name"]).replace("-", "_")
    return f"{stem}-{found.version}"


def _file_name(found: importlib.metadata.Distribution) -> str:
    """The wheel's file name, with the tags that its WHEEL has."""
    lines = (found.read_text("WHEEL") or "").splitlines()
    tags = [line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")]
    parts = [tag.split("-") for tag in tags if tag.count("-") == 2] or [["py3", "none", "any"]]
    kinds = (".".join(dict.fromkeys(column)) for column in zip(*parts, strict=True))
    return f"{_dist_info(found)}-{'-'.join(kinds)}.whl"


def _files(found: importlib.metadata.Distribution) -> Iterator[_ToolFile]:
    """What the distribution's wheel has; of an envbuild that runs from its checkout, the package itself."""
    editable = any(str(file).endswith(".pth") for file in found.files or ())
    if editable and found.metadata["Name"] == "envbuild":
        package = Path(envbuild.__file__).parent
        for path in package.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield _ToolFile(
                    path=f"envbuild/{path.relative_to(package).as_posix()}",
                    source=path,
                    is_program=False,
                )
    commands = {entry.name for entry in found.entry_points if entry.group.endswith("_scripts")}
    for file in found.files or ():
        one = _installed(str(file), Path(str(found.locate_file(file))), _dist_info(found), commands)
        if one is not None and not (editable and one.path.endswith(".pth")):
            yield one


def _installed(path: str, source: Path, dist_info: str, commands: set[str]) -> _ToolFile | None:
    """An installed file's place in the wheel; None if the installer has made it."""
    words = path.split("/")
    if "__pycache__" in words or not source.is_file():
        return None
    if words[0].endswith(".dist-info"):
        if len(words) == 2 and words[1] in _LEFT_OUT:
            return None
        path = f"{dist_info}.dist-info/{'/'.join(words[1:])}"
    elif words[0] == "..":
        rest = [word for word in words if word != ".."]
        if rest[0] != "bin":
            return None  # completions of shells and man pages
        if len(rest) == 2 and rest[1] in commands:
            return None
        path = f"{dist_info}.data/scripts/{'/'.join(rest[1:])}"
    return _ToolFile(path=path, source=source, is_program=".data/scripts/" in path)


def _packed(files: Iterable[_ToolFile], dist_info: str) -> bytes:
    """The wheel's bytes: the same for the same files."""
    made, record = io.BytesIO(), []
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for one in files:
            content = one.source.read_bytes()
            _add(archive, one.path, content, is_program=one.is_program)
            digest = base64.urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{one.path},sha256={digest},{len(content)}\n")
        path = f"{dist_info}.dist-info/RECORD"
        text = "".join([*record, f"{path},,\n"])
        _add(archive, path, text.encode(), is_program=False)
    return made.getvalue()


def _add(archive: zipfile.ZipFile, path: str, content: bytes, *, is_program: bool) -> None:
    entry = zipfile.ZipInfo(path, _MADE)
    entry.external_attr = (0o100755 if is_program else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, compresslevel=_LEVEL)
