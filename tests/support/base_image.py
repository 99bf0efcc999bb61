"""A base image with the C library and a Python of this host, as an OCI layout."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_UNNEEDED = re.compile(
    r"/(test|tests|idlelib|ensurepip|site-packages|config-[^/]*|__pycache__|turtledemo|lib2to3)(/|$)|\.a$"
)


def base_layer(entries: Mapping[str, bytes | str | None]) -> bytes:
    """A gzipped tar: content of a program, `→ target` of a link, None of a folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path, what in entries.items():
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            if what is None:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            elif isinstance(what, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, what.removeprefix("→ ")
                archive.addfile(entry)
            else:
                entry.size = len(what)
                archive.addfile(entry, io.BytesIO(what))
    return gzip.compress(made.getvalue(), mtime=0)


def write_base(
    folder: Path, layers: Iterable[bytes], *, architecture: str = "amd64", docker: bool = False
) -> str:
    """Write an image of gzipped layers into a layout; the digest of its manifest."""
    packed = tuple(layers)
    kinds = (
        (
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.container.image.v1+json",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        )
        if docker
        else (
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
        )
    )
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/bin:/usr/bin", "LANG=C.UTF-8"], "Cmd": ["sh"], "User": "7"},
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{sha256(gzip.decompress(one)).hexdigest()}" for one in packed],
        },
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": kinds[0],
        "config": _put(folder, json.dumps(config).encode(), kinds[1]),
        "layers": [_put(folder, layer, kinds[2]) for layer in packed],
    }
    listed = _put(folder, json.dumps(manifest).encode(), kinds[0])
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [listed]}))
    return str(listed["digest"])


def _put(folder: Path, content: bytes, kind: str) -> dict[str, object]:
    name = sha256(content).hexdigest()
    (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    (folder / "blobs/sha256" / name).write_bytes(content)
    return {"mediaType": kind, "digest": f"sha256:{name}", "size": len(content)}


def host_layer(*, python: Path | None, more: Iterable[Path] = ()) -> bytes:
    """A shell, the C library, the libraries of `more` programs, and with `python` all of that Python."""
    made = io.BytesIO()
    programs, added = [Path("/bin/sh"), *more], [Path("/bin/sh")]
    folders: list[Path] = []
    if python is not None:
        real = python.resolve()
        programs += [real, *real.parents[1].glob("lib/python3*/lib-dynload/*")]
        added.append(real)
        folders += real.parents[1].glob("lib/python3.*")
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path in sorted({*_libraries(programs), *added}):
            archive.add(path.resolve(), arcname=str(path).lstrip("/"))
        for folder in folders:
            archive.add(
                folder, filter=lambda entry: None if _UNNEEDED.search(entry.name) else entry
            )
    return gzip.compress(made.getvalue(), 1, mtime=0)


def _libraries(programs: Iterable[Path]) -> Iterator[Path]:
    argv = ("ldd", *map(str, programs))
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    yield from {Path(found) for found in re.findall(r"(?:=> |^\s+)(/[^ ]+) \(", said, re.MULTILINE)}
