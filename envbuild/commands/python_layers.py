"""Pythons of a store as layers of a release: packed where it is published, unpacked where it is followed."""

from __future__ import annotations

import json
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError, Problem
from envbuild.image.members import with_folders
from envbuild.image.packing import pack_layer
from envbuild.image.paths import ImagePaths
from envbuild.image.python import python_members
from envbuild.lean_json import read_ordinary
from envbuild.posix.files import make_private, write_atomically
from envbuild.posix.unpacking import unpack_tar
from envbuild.python.managed import put_python
from envbuild.release.compression import open_for_reading
from envbuild.release.oci import OF_PYTHON, PYTHON, TITLE, Descriptor
from envbuild.release.uploading import PackedLayer
from envbuild.store.pythons import NAME, WHOLE, python_name

if TYPE_CHECKING:
    from envbuild.commands.follow import Following
    from envbuild.environment.derivation import Derivation
    from envbuild.wheelcache.compiler import BytecodeCompiler

_MOST = {"most_bytes": 8 << 30, "most_files": 200_000}
"""Of a Python; the largest that is known has 0.4 GB."""


def pack_pythons(
    pythons: Path, derivations: tuple[Derivation, ...], compiler: BytecodeCompiler, folder: Path
) -> tuple[tuple[PackedLayer, ...], tuple[str, ...]]:
    """The layers of the store's Pythons that environments are built on; and those Pythons that are the host's own.

    Layers are kept in the private `folder`, and packed once. OSError if the disk fails.
    """
    named = {python_name(pythons, one.python): one for one in derivations}
    own = tuple(
        sorted({one.python for one in derivations if python_name(pythons, one.python) is None})
    )
    make_private(folder)
    layers = tuple(
        _layer(pythons / name, derivation, compiler, folder)
        for name, derivation in sorted((name, one) for name, one in named.items() if name)
    )
    return layers, own


def _layer(
    python: Path, derivation: Derivation, compiler: BytecodeCompiler, folder: Path
) -> PackedLayer:
    made = (python / WHOLE).stat().st_mtime_ns
    path, facts = folder / f"{python.name}-{made}", folder / f"{python.name}-{made}.json"
    annotations = ((OF_PYTHON, python.name),)
    title = f"{python.name}.tar.zst"
    try:
        digest, size = json.loads(read_ordinary(facts))
        blob = Descriptor(
            media_type=PYTHON,
            digest=digest,
            size=size,
            annotations=((TITLE, title), *annotations),
        )
        whole = path.stat().st_size == size
    except (OSError, ValueError):
        whole = False
    if not whole:
        blob = _packed(python, derivation, compiler, path, title, annotations)
        write_atomically(facts, json.dumps([blob.digest, blob.size]).encode())
    return PackedLayer(blob=blob, opened=lambda: path.open("rb"))


def _packed(
    python: Path,
    derivation: Derivation,
    compiler: BytecodeCompiler,
    path: Path,
    title: str,
    annotations: tuple[tuple[str, str], ...],
) -> Descriptor:
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        members, folders = python_members(
            python, python.name, derivation, compiler, Path(scratch, "bytecode")
        )
        packed = pack_layer(
            with_folders(members, folders, ImagePaths()),
            Path(scratch, "layer"),
            title=title,
            time=0,
            media_type=PYTHON,
            annotations=annotations,
        )
        packed.path.replace(path)
    return packed.blob


def take_pythons(following: Following, pythons: Path) -> None:
    """Install the released Pythons that this host lacks at the released paths, if a trusted key has signed them.

    IndexFailureError if one is damaged, HostError if the disk fails.
    """
    layers = {one.annotation(OF_PYTHON): one for one in following.found.blobs(PYTHON)}
    wanted = {
        name: layers[name]
        for name in (_lacking(one, pythons) for one in following.pythons())
        if name in layers
    }
    if not wanted:
        return
    if following.found.untrusted is not None:
        what = "the release's Pythons are refused, and others are looked for"
        following.note(f"warning: {what}: {following.found.untrusted}")
        return
    for lacking in following.stage.fetch(wanted.values()):
        reasons = "; ".join(lacking.reasons)
        following.note(f"warning: no source has {lacking.name}: {reasons}")
    for name, blob in wanted.items():
        path = following.stage.find(blob)
        if path is not None:
            put_python(name, partial(unpack_python, path), pythons)


def _lacking(python: str, pythons: Path) -> str:
    """The folder's name of a managed Python that is not here; empty for others."""
    root = f"{pythons}/"
    name = python[len(root) :].partition("/")[0] if python.startswith(root) else ""
    return "" if NAME.fullmatch(name) is None or (pythons / name / WHOLE).exists() else name


def unpack_python(layer: Path, into: Path) -> None:
    """Unpack a Python into its folder, which its archive names, and nothing else.

    IndexFailureError if it is damaged, or has a file that does not belong in the folder; OSError if the disk fails.
    """
    try:
        with layer.open("rb") as raw:
            stream, damage = open_for_reading(raw)
            try:
                with tarfile.open(fileobj=stream, mode="r|") as archive:
                    unpack_tar(archive, into.parent, top=into.name, **_MOST)
            except damage as error:
                raise ValueError(str(error)) from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        message = f"the release's Python {into.name} cannot be used: {error}"
        raise IndexFailureError(Problem(message=message)) from error
