"""Generation records: the manifest and the receipts of each generation, stored separately, so that changes show."""

from __future__ import annotations

from posixpath import basename

from envbuild.digest import json_sha256
from envbuild.errors import HostError, Problem
from envbuild.lean_json import read_json, read_ordinary
from envbuild.store.manifest import render_manifest
from envbuild.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.store.manifest import Manifest

FORMAT = 1


@value
class GenerationRecord:
    """The content of `<store>/records/N.json`."""

    manifest: str
    """The text of the generation's manifest: `verify` compares with it, and `--repair` restores it."""

    receipts: tuple[tuple[str, str], ...]
    """Each environment's folder name with the sha256 (hex) of its receipt, in name order."""

    def receipt(self, environment: str) -> str | None:
        """The digest of an environment's receipt, or None if the generation does not have the environment."""
        return dict(self.receipts).get(environment)


def render_record(record: GenerationRecord) -> str:
    """The generation record as JSON; its last field is the digest of the others."""
    import json

    table = {"version": FORMAT, "manifest": record.manifest, "receipts": dict(record.receipts)}
    return json.dumps({**table, "digest": json_sha256(table)}, indent=1) + "\n"


def parse_record(text: str, *, file: str) -> GenerationRecord:
    """A generation record's text → value; HostError names a file that was changed or is invalid."""
    try:
        table = read_json(text)
        digest = table.pop("digest")
        if digest != json_sha256(table):
            raise HostError(Problem(file=file, message="the generation record was changed"))
        if table["version"] != FORMAT:
            message = f"generation record format {table['version']!r} is not known to this envbuild ({FORMAT})"
            raise HostError(Problem(file=file, message=message))
        receipts = tuple(table["receipts"].items())
        return GenerationRecord(manifest=table["manifest"], receipts=receipts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError(
            Problem(file=file, message=f"the generation record is damaged: {error!r}")
        ) from error


def read_record(file: str) -> GenerationRecord:
    """The record in a file; HostError if it is missing or was changed."""
    try:
        text = read_ordinary(file).decode("utf-8", "surrogateescape")
    except FileNotFoundError as error:
        problem = Problem(file=file, message="the generation record is missing")
        raise HostError(problem) from error
    return parse_record(text, file=file)


@value
class GenerationRecords:
    """The folder of generation records."""

    folder: Path
    receipts: Path
    """The folder of receipts, whose digests the records have."""

    def path(self, generation: int) -> Path:
        """Where a generation's record is."""
        return self.folder / f"{generation}.json"

    def read(self, generation: int) -> GenerationRecord:
        """A generation's record; HostError if it is missing or was changed."""
        return read_record(str(self.path(generation)))

    def add(self, manifest: Manifest, *, after: int | None) -> None:
        """Record a generation that is about to be made; `after` is the current one.

        A receipt that the current generation has keeps its digest from there,
        so that a change of it still shows.
        """
        before = self._read_or_none(after) if after is not None else None
        digests = {}
        for driver in manifest.drivers:
            name = basename(driver.environment)
            known = before.receipt(name) if before is not None else None
            digests[name] = known or self._digest(name)
        self.write(
            manifest.generation,
            GenerationRecord(
                manifest=render_manifest(manifest), receipts=tuple(sorted(digests.items()))
            ),
        )

    def write(self, generation: int, record: GenerationRecord) -> None:
        """Write a generation record atomically."""
        from envbuild.posix.files import write_atomically

        write_atomically(self.path(generation), render_record(record).encode())

    def name(self, environment: str) -> tuple[int, ...]:
        """The generations whose record names an environment; records that a gc removes meanwhile are skipped."""
        needle = f'"{environment}"'.encode()
        found = []
        for path in self._paths():
            try:
                content = read_ordinary(path)
            except FileNotFoundError:
                continue
            if needle in content:
                found.append(int(path.stem))
        return tuple(sorted(found))

    def renew(self, environment: str) -> None:
        """Record an environment's new receipt after a rebuild; the caller holds `switching`."""
        digest = self._digest(environment)
        for generation in self.name(environment):
            record = self._read_or_none(generation)
            if record is not None and record.receipt(environment) not in (None, digest):
                receipts = tuple(sorted({**dict(record.receipts), environment: digest}.items()))
                self.write(generation, replace(record, receipts=receipts))

    def _paths(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (path for path in self.folder.glob("*.json") if path.stem.isdecimal())

    def _digest(self, environment: str) -> str:
        import hashlib

        return hashlib.sha256(read_ordinary(self.receipts / f"{environment}.json")).hexdigest()

    def _read_or_none(self, generation: int) -> GenerationRecord | None:
        try:
            return self.read(generation)
        except HostError:
            return None
