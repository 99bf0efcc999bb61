"""The store on disk: where everything lies, what is valid, which generation is current."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, contextmanager

from envbuild.errors import HostError, Problem
from envbuild.lean_json import open_ordinary
from envbuild.posix.file_locks import locked
from envbuild.posix.files import (
    replace_link,
    sync_file_system,
    sync_folder,
    write_atomically,
)
from envbuild.store.generations import current_number, generation_numbers, read_manifest
from envbuild.store.guard import MARKER, nothing_synced
from envbuild.store.layout import generation_links
from envbuild.store.manifest import render_manifest
from envbuild.store.marker import prepare_store
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from envbuild.environment.receipt import Receipt
    from envbuild.store.generation_record import GenerationRecords
    from envbuild.store.manifest import Manifest


@value
class Store:
    """A folder of environments, receipts, generations and caches."""

    root: Path
    """Absolute; may be a link's name, never resolved, so that paths stay what the user said."""

    @property
    def environments(self) -> Path:
        """Holds every environment, valid or not."""
        return self.root / "envs"

    @property
    def current(self) -> Path:
        """The link to the generation that launchers use."""
        return self.root / "current"

    @property
    def cache(self) -> Path:
        """Private: uv's cache and what else can be made anew."""
        return self.root / "cache"

    @property
    def records(self) -> GenerationRecords:
        """What generations and receipts were when they were made."""
        from envbuild.store.generation_record import GenerationRecords

        return GenerationRecords(folder=self.root / "records", receipts=self.root / "receipts")

    @property
    def trash(self) -> Path:
        """Private: what was taken away by a rename and is still to be deleted."""
        return self.root / "trash"

    @property
    def pythons(self) -> Path:
        """Interpreters that envbuild had installed."""
        return self.root / "pythons"

    def environment(self, name: str) -> Path:
        """Where an environment stands."""
        return self.environments / name

    def receipt(self, name: str) -> Path:
        """The file whose existence makes the environment valid."""
        return self.root / "receipts" / f"{name}.json"

    @property
    def staging(self) -> Path:
        """Private: where wheels are installed aside; as long a path as that of the environments."""
        return self.root / "temp"

    def temporary(self, name: str) -> Path:
        """Where an environment is built anew; as long a path as its own."""
        return self.root / "temp" / name

    def generation(self, number: int) -> Path:
        """A generation's folder."""
        return self.root / "generations" / str(number)

    def stats(self, name: str) -> Path:
        """The file with what the file system said of a valid environment when it was built."""
        return self.root / "receipts" / f"{name}.stat"

    def is_valid(self, name: str) -> bool:
        """Whether an environment has its receipt and still stands."""
        return self.receipt(name).is_file() and self.environment(name).is_dir()

    @property
    def is_reachable(self) -> bool:
        """Whether other users can get to the store; where it is not made yet, to where it will be."""
        return all(
            folder.stat().st_mode & stat.S_IXOTH
            for folder in (self.root, *self.root.parents)
            if folder.exists()
        )

    def exists(self) -> bool:
        """Whether the folder is a store already."""
        return (self.root / MARKER).is_file()

    def prepare(self) -> None:
        """Make the folder a store, or check that it is one that this version can write.

        Errors as in `prepare_store`.
        """
        prepare_store(self.root)

    @contextmanager
    def building(self, name: str) -> Iterator[int]:
        """Hold the lock of one environment; ends with the process, however that ends.

        Yields its descriptor, for whatever other program writes into the environment meanwhile:
        a killed envbuild leaves that program running, and nobody may build beside it.
        """
        with locked(self.building_lock(name)) as lock:
            yield lock

    def building_lock(self, name: str) -> Path:
        """The lock of whoever builds an environment."""
        return self.root / "locks" / f"{name}.lock"

    @contextmanager
    def claiming(self, names: Iterable[str]) -> Iterator[None]:
        """Keep every gc off these environments, whether or not they are built yet."""
        with ExitStack() as stack:
            stack.enter_context(locked(self.cache_lock, shared=True))
            for name in sorted(set(names)):
                stack.enter_context(locked(self.claim(name), shared=True))
            yield

    @property
    def cache_lock(self) -> Path:
        """The lock that everybody shares who uses the caches."""
        return self.root / "locks" / "cache.lock"

    def claim(self, name: str) -> Path:
        """The lock that everybody shares who is about to use an environment."""
        return self.root / "locks" / f"{name}.claim"

    @contextmanager
    def switching(self) -> Iterator[None]:
        """Hold the lock of the generations."""
        with locked(self.root / "locks" / "generations.lock"):
            yield

    def write_receipt(
        self,
        receipt: Receipt,
        *,
        stats: bytes | None = None,
        synced: Callable[[], None] | None = None,
    ) -> None:
        """Make an environment valid: its content reaches the disk before the receipt does.

        `stats` is what `record_environment` says of it, where the caller has looked already;
        `synced` returns when its content is on the disk, where the caller has begun to see to that.
        """
        from envbuild.environment.receipt import render_receipt

        content = render_receipt(receipt).encode("utf-8", "surrogateescape")
        if synced is None:
            sync_file_system(self.environment(receipt.environment))
        else:
            synced()
        self.write_stats(receipt.environment, stats)
        write_atomically(self.receipt(receipt.environment), content)
        if self.records.name(receipt.environment):
            with self.switching():
                self.records.renew(receipt.environment)

    def write_stats(self, name: str, stats: bytes | None = None) -> None:
        """Record how the file system sees a valid environment, for `verify --quick`."""
        from envbuild.environment.stat_list import record_environment

        content = record_environment(self.environment(name)) if stats is None else stats
        write_atomically(self.stats(name), content, sync=False)

    def current_number(self) -> int | None:
        """The number of the generation that `current` names; None where it names none."""
        return current_number(self.root)

    def read_current(self) -> Manifest | None:
        """The current generation's manifest; None where nothing was ever synced."""
        return read_manifest(f"{self.current}/manifest.json")

    def read_generation(self, number: int) -> Manifest | None:
        """A generation's manifest; None where there is no such generation."""
        return read_manifest(f"{self.generation(number)}/manifest.json")

    def require_current(self) -> Manifest:
        """The current generation's manifest; NoError where nothing was ever synced."""
        manifest = self.read_current()
        if manifest is None:
            raise nothing_synced(self.root)
        return manifest

    def generation_numbers(self) -> tuple[int, ...]:
        """Every complete generation's number, in order."""
        return generation_numbers(self.root)

    def next_generation(self) -> int:
        """A number that no generation had; the caller holds `switching`."""
        return max((*self.generation_numbers(), self.current_number() or 0)) + 1

    def receipt_size(self, name: str) -> int:
        """The bytes of a valid environment's files, from the first line of its receipt alone."""
        from envbuild.environment.receipt import read_receipt_size

        file = self.receipt(name)
        try:
            with os.fdopen(open_ordinary(file), encoding="utf-8") as stream:
                return read_receipt_size(stream.readline())
        except (OSError, ValueError) as error:
            problem = Problem(file=str(file), message=f"the receipt is damaged: {error}")
            raise HostError(problem) from error

    def add_generation(self, manifest: Manifest) -> None:
        """Write a generation, whole, and point `current` at it by one rename.

        The caller holds `switching` and has chosen a number that was never used.
        """
        from envbuild.posix.deletion import remove_tree

        folder = self.generation(manifest.generation)
        scratch = folder.with_name(f".{manifest.generation}.tmp")
        remove_tree(scratch)  # what a killed switch left
        self.records.add(manifest, after=self.current_number())
        for place in (scratch, scratch / "bin"):
            place.mkdir(mode=0o755)
        for link, target in generation_links(manifest).items():
            (scratch / link).symlink_to(target)
        (scratch / "bin").chmod(0o755)
        scratch.chmod(0o755)
        write_atomically(scratch / "manifest.json", render_manifest(manifest).encode())
        sync_folder(scratch / "bin")
        sync_folder(scratch)
        scratch.rename(folder)
        sync_folder(folder.parent)
        replace_link(self.current, f"generations/{manifest.generation}")
