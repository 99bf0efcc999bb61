"""The bytecode of built environments as layers of a release."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from envbuild.errors import HostError, Problem
from envbuild.lean_json import read_ordinary
from envbuild.posix.files import write_if_changed
from envbuild.release.bytecode import pack_entry
from envbuild.release.oci import (
    BYTECODE,
    OF_INTERPRETER,
    OF_WHEEL,
    TITLE,
    Descriptor,
    descriptor_of,
    digest_of,
)
from envbuild.release.uploading import PackedLayer
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from envbuild.environment.derivation import Derivation
    from envbuild.wheelcache.entries import Entries


@value
class BytecodePacker:
    """Packs each wheel's bytecode once for each interpreter."""

    entries_for: Callable[[Derivation], Entries]
    """The bytecode cache of the interpreter that an environment was built on."""

    memory: Path
    """Remembers the digests of what was packed before, so that it is not packed again to know them."""

    def pack(self, derivations: Iterable[Derivation]) -> Iterator[PackedLayer]:
        """The layers of all environments, each once; a wheel whose bytecode is not cached has none."""
        known = self._known()
        found: dict[str, PackedLayer] = {}
        for derivation in derivations:
            if not derivation.bytecode:
                continue
            entries = self.entries_for(derivation)
            for file in derivation.files:
                name = f"{entries.root.name}/{file.sha256}"
                if name in found or not entries.has(file.sha256):
                    continue
                title = f"{file.file}.{entries.root.name}.bytecode.v1.tar.zst"
                annotations = (
                    (TITLE, title),
                    (OF_WHEEL, file.sha256),
                    (OF_INTERPRETER, entries.root.name),
                )
                layer = _layer(entries, file.sha256, annotations, known.get(name))
                if layer is not None:
                    found[name] = layer
        self._remember({name: (one.blob.digest, one.blob.size) for name, one in found.items()})
        yield from (found[name] for name in sorted(found))

    def _known(self) -> dict[str, Any]:
        try:
            table = json.loads(read_ordinary(self.memory))
        except (OSError, ValueError):
            return {}
        return table if isinstance(table, dict) else {}

    def _remember(self, digests: dict[str, tuple[str, int]]) -> None:
        with suppress(OSError):  # a memory that cannot be written costs time
            write_if_changed(self.memory, json.dumps(digests).encode())


def _layer(
    entries: Entries, wheel: str, annotations: tuple[tuple[str, str], ...], known: Any
) -> PackedLayer | None:
    if isinstance(known, list) and len(known) == 2:  # digest and size
        blob = Descriptor(
            media_type=BYTECODE, digest=known[0], size=known[1], annotations=annotations
        )
    else:
        content = pack_entry(entries, wheel)
        if content is None:
            return None
        blob = descriptor_of(BYTECODE, content, annotations)

    def opened() -> io.BytesIO:
        again = pack_entry(entries, wheel)
        if again is None or digest_of(again) != blob.digest:
            message = f"the cached bytecode of {annotations[0][1]} is not what it was"
            hint = (
                "remove the store's cache/bytecode and cache/packed.json, sync, and publish again"
            )
            raise HostError(Problem(message=message, hint=hint))
        return io.BytesIO(again)

    return PackedLayer(blob=blob, opened=opened)
