"""The seals on disk: one for each generation, written before the generation is there to be read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from envbuild.errors import HostError
from envbuild.posix.files import write_atomically
from envbuild.store.generation_record import Seal, parse_seal, render_seal
from envbuild.store.manifest import render_manifest
from envbuild.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.store.manifest import Manifest


@value
class Seals:
    """The folder of seals."""

    folder: Path
    receipts: Path
    """The folder of receipts, which seals carry the digests of."""

    def path(self, generation: int) -> Path:
        """Where a generation's seal lies."""
        return self.folder / f"{generation}.json"

    def read(self, generation: int) -> Seal:
        """A generation's seal; HostError where it is missing or was changed."""
        path = self.path(generation)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            from envbuild.errors import Problem

            raise HostError(Problem(file=str(path), message="the seal is missing")) from error
        return parse_seal(text, file=str(path))

    def add(self, manifest: Manifest, *, after: int | None) -> None:
        """Seal a generation that is about to be made, `after` being the one that is current.

        A receipt keeps the digest that it had there:
        what was changed since is not made good by a new generation.
        """
        before = self._read_or_none(after) if after is not None else None
        digests = {}
        for driver in manifest.drivers:
            name = Path(driver.environment).name
            known = before.receipt(name) if before is not None else None
            digests[name] = known or self._digest(name)
        self.write(
            manifest.generation,
            Seal(manifest=render_manifest(manifest), receipts=tuple(sorted(digests.items()))),
        )

    def write(self, generation: int, seal: Seal) -> None:
        """Put a seal at its place, whole."""
        write_atomically(self.path(generation), render_seal(seal).encode())

    def name(self, environment: str) -> tuple[int, ...]:
        """The generations whose seal names an environment; what a gc takes meanwhile names none."""
        needle = f'"{environment}"'.encode()
        found = []
        for path in self._paths():
            with suppress(FileNotFoundError):
                if needle in path.read_bytes():
                    found.append(int(path.stem))
        return tuple(sorted(found))

    def renew(self, environment: str) -> None:
        """Seal an environment's receipt anew, after it was rebuilt; the caller holds `switching`."""
        digest = self._digest(environment)
        for generation in self.name(environment):
            seal = self._read_or_none(generation)
            if seal is not None and seal.receipt(environment) not in (None, digest):
                receipts = tuple(sorted({**dict(seal.receipts), environment: digest}.items()))
                self.write(generation, replace(seal, receipts=receipts))

    def _paths(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (path for path in self.folder.glob("*.json") if path.stem.isdecimal())

    def _digest(self, environment: str) -> str:
        import hashlib

        return hashlib.sha256((self.receipts / f"{environment}.json").read_bytes()).hexdigest()

    def _read_or_none(self, generation: int) -> Seal | None:
        try:
            return self.read(generation)
        except HostError:
            return None
