"""The bytecode of one wheel for one interpreter as a layer: a deterministic tar, compressed by zstd.

Its first member, `facts.json`, has the facts of the cache's entry; the others are the entry's files,
by their paths below site-packages, in the entry's order.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
from hashlib import sha256
from typing import TYPE_CHECKING

from envbuild.release.compression import compress, decompress
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.wheelcache.entries import Entries

_FACTS = "facts.json"
_FACT_NAMES = ("failed", "absent")
_MOST = 1 << 30
"""Bytes of a wheel's bytecode; the largest that is known has 60 MiB."""

_MODULE = re.compile(r"(?:[^/\0]+/)*__pycache__/[^/\0]+\.(?P<tag>[^./\0]+)\.pyc")


@value
class PackedModules:
    """The bytecode of a wheel."""

    facts: Mapping[str, object]
    files: tuple[tuple[str, bytes], ...]
    """Path and content of each."""


def pack_entry(entries: Entries, wheel: str) -> bytes | None:
    """The layer of a cached wheel's bytecode; None if it is not cached or was changed."""
    found = entries.believed(wheel)
    if found is None:
        return None
    entry, _ = found
    folder, files = entries.folder(wheel), []
    for number, file in enumerate(entry.files):
        content = (folder / str(number)).read_bytes()
        if sha256(content).hexdigest() != file.sha256:
            return None
        files.append((file.path, content))
    return pack(PackedModules(facts=entry.facts, files=tuple(files)))


def pack(modules: PackedModules) -> bytes:
    """The layer's bytes: the same for the same bytecode."""
    facts = {name: modules.facts.get(name, []) for name in _FACT_NAMES}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in ((_FACTS, json.dumps(facts).encode("ascii")), *modules.files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o444
            archive.addfile(member, io.BytesIO(content))
    return compress(packed.getvalue())


def unpack(content: bytes, cache_tag: str) -> PackedModules:
    """The bytecode in a layer; ValueError if it is damaged, or holds anything else."""
    files: list[tuple[str, bytes]] = []
    facts: object = None
    packed = decompress(content, most=_MOST)
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
            for member in archive:
                if member.type != tarfile.REGTYPE or member.issparse():
                    raise ValueError(f"{member.name!r:.80} is not a file")
                inside = packed[member.offset_data : member.offset_data + member.size]
                if len(inside) != member.size:
                    raise ValueError(f"{member.name!r:.80} is cut off")
                if member.name == _FACTS and facts is None:
                    facts = json.loads(inside)
                else:
                    files.append((_checked(member.name, cache_tag), inside))
    except tarfile.TarError as error:
        raise ValueError("it is not a tar") from error
    if not isinstance(facts, dict):
        raise ValueError(f"it has no {_FACTS}")  # noqa: TRY004  (damage is a ValueError)
    if len({path for path, _ in files}) != len(files):
        raise ValueError("it has a path twice")
    return PackedModules(facts=_known_facts(facts), files=tuple(files))


def keep_entry(entries: Entries, wheel: str, modules: PackedModules) -> None:
    """Put a wheel's bytecode into the cache, unless it is there; OSError if the disk fails.

    HostError if another process holds the entry for too long.
    """
    with entries.making(wheel):
        if entries.has(wheel):
            return
        folder = entries.begin(wheel)
        try:
            rows = []
            for number, (path, content) in enumerate(modules.files):
                _write(f"{folder}/{number}", content)
                rows.append((path, sha256(content).hexdigest()))
            entries.publish(wheel, folder, rows, modules.facts)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write(path: str, content: bytes) -> None:
    """Write a new file; unbuffered, as there are thousands."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o444)
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)


def _checked(path: str, cache_tag: str) -> str:
    """The path of a module's bytecode below site-packages; ValueError for any other path."""
    match = _MODULE.fullmatch(path)
    if match is None or match["tag"] != cache_tag or {"..", "."} & set(path.split("/")):
        raise ValueError(f"{path!r:.80} is not the bytecode of a module for {cache_tag}")
    return path


def _known_facts(facts: dict[str, object]) -> dict[str, object]:
    failed, absent = facts.get("failed", []), facts.get("absent", [])
    if not isinstance(absent, list) or not _are_texts(absent):
        raise ValueError("its list of absent modules is damaged")
    if not isinstance(failed, list) or not all(isinstance(row, list) for row in failed):
        raise ValueError("its list of failed modules is damaged")
    return {"failed": failed, "absent": absent}


def _are_texts(items: Iterable[object]) -> bool:
    return all(isinstance(item, str) for item in items)
