"""The store on disk: its paths, the valid environments, the current generation."""

from __future__ import annotations

import stat
from contextlib import ExitStack, contextmanager

from envbuild.errors import HostError, Problem
from envbuild.lean_json import read_ordinary
from envbuild.posix.file_locks import locked
from envbuild.posix.files import (
    replace_link,
    sync_file_system,
    sync_folder,
    write_atomically,
)
from envbuild.store.generations import current_number, generation_numbers, read_manifest
from envbuild.store.guard import MARKER, nothing_synced
from envbuild.store.manifest import generation_links, render_manifest
from envbuild.store.marker import prepare_store
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from envbuild.environment.receipt import Receipt
    from envbuild.store.generation_record import GenerationRecords
    from envbuild.store.manifest import Manifest


@value
class Store:
    """A folder of environments, receipts, generations and caches."""

    root: Path
    """Absolute; may be a link, which is never resolved, so that paths stay as the user gave them."""

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
        """Private: uv's cache and everything else that can be made again."""
        return self.root / "cache"

    @property
    def records(self) -> GenerationRecords:
        """Generation records and receipts' digests."""
        from envbuild.store.generation_record import GenerationRecords

        return GenerationRecords(folder=self.root / "records", receipts=self.root / "receipts")

    @property
    def trash(self) -> Path:
        """Private: renamed folders that are still to be deleted."""
        return self.root / "trash"

    @property
    def pythons(self) -> Path:
        """Pythons that envbuild has installed."""
        return self.root / "pythons"

    def environment(self, name: str) -> Path:
        """An environment's folder."""
        return self.environments / name

    def receipt(self, name: str) -> Path:
        """The file whose existence makes the environment valid."""
        return self.root / "receipts" / f"{name}.json"

    def read_receipt(self, name: str) -> tuple[Receipt, str]:
        """An environment's receipt, and the content digest that it stands for; HostError if it cannot be read."""
        from envbuild.environment.content_digest import read_content_digest
        from envbuild.environment.receipt import parse_receipt

        file = self.receipt(name)
        try:
            content = read_ordinary(file)
        except OSError as error:
            message = f"the receipt cannot be read: {error.strerror}"
            raise HostError(Problem(file=str(file), message=message)) from error
        text = content.decode("utf-8", "surrogateescape")
        return parse_receipt(text, file=str(file)), read_content_digest(content)

    @property
    def staging(self) -> Path:
        """Private: holds staging environments, and those that are built again; paths are as long as final ones."""
        return self.root / "temp"

    def generation(self, number: int) -> Path:
        """A generation's folder."""
        return self.root / "generations" / str(number)

    def stats(self, name: str) -> Path:
        """The stat record of a valid environment."""
        return self.root / "receipts" / f"{name}.stat"

    def is_valid(self, name: str) -> bool:
        """Whether an environment has its receipt and its folder."""
        return self.receipt(name).is_file() and self.environment(name).is_dir()

    @property
    def is_reachable(self) -> bool:
        """Whether other users can reach the store, or the place where it will be made."""
        return all(
            folder.stat().st_mode & stat.S_IXOTH
            for folder in (self.root, *self.root.parents)
            if folder.exists()
        )

    def exists(self) -> bool:
        """Whether the folder is a store already."""
        return (self.root / MARKER).is_file()

    def prepare(self) -> None:
        """Make the folder a store, or check that this version can write to it.

        Errors as in `prepare_store`.
        """
        prepare_store(self.root)

    def building(self, name: str) -> AbstractContextManager[int]:
        """Hold the lock of one environment; it ends with the process in any case.

        Yields its descriptor, for other programs that write into the environment:
        they go on if envbuild is killed, and no other build may start meanwhile.
        """
        return locked(self.building_lock(name))

    def building_lock(self, name: str) -> Path:
        """The lock of a build of an environment."""
        return self.root / "locks" / f"{name}.lock"

    @contextmanager
    def claiming(self, names: Iterable[str]) -> Iterator[None]:
        """Protect these environments from every gc, built or not."""
        with ExitStack() as stack:
            stack.enter_context(self.using_cache())
            for name in sorted(set(names)):
                stack.enter_context(locked(self.claim(name), shared=True))
            yield

    def using_cache(self) -> AbstractContextManager[int]:
        """Keep a gc from removing what is in the caches."""
        return locked(self.cache_lock, shared=True)

    @property
    def cache_lock(self) -> Path:
        """The shared lock of everybody who uses the caches."""
        return self.root / "locks" / "cache.lock"

    def claim(self, name: str) -> Path:
        """The shared lock of everybody who is about to use an environment."""
        return self.root / "locks" / f"{name}.claim"

    def switching(self) -> AbstractContextManager[int]:
        """Hold the lock of the generations."""
        return locked(self.root / "locks" / "generations.lock")

    def write_receipt(
        self,
        receipt: Receipt,
        *,
        stats: bytes | None = None,
        synced: Callable[[], None] | None = None,
    ) -> None:
        """Make an environment valid: its content reaches the disk before the receipt does.

        `stats` is the result of `record_environment`, if the caller has it already;
        `synced` returns when its content is on the disk, if the caller has started that.
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
        """Write the stat record of a valid environment, for `verify --quick`."""
        from envbuild.environment.stat_list import record_environment
        from envbuild.environment.stat_record import with_outside

        environment = self.environment(name)
        content = record_environment(environment) if stats is None else stats
        write_atomically(self.stats(name), with_outside(content, str(environment)), sync=False)

    def current_number(self) -> int | None:
        """The number of the current generation; None if there is none."""
        return current_number(self.root)

    def read_current(self) -> Manifest | None:
        """The current generation's manifest; None before the first sync."""
        return read_manifest(f"{self.current}/manifest.json")

    def read_generation(self, number: int) -> Manifest | None:
        """A generation's manifest; None if there is no such generation."""
        return read_manifest(f"{self.generation(number)}/manifest.json")

    def require_current(self) -> Manifest:
        """The current generation's manifest; NoError before the first sync."""
        manifest = self.read_current()
        if manifest is None:
            raise nothing_synced(self.root)
        return manifest

    def generation_numbers(self) -> tuple[int, ...]:
        """Every complete generation's number, in order."""
        return generation_numbers(self.root)

    def next_generation(self) -> int:
        """A number that was never used; the caller holds `switching`."""
        used = (*self.generation_numbers(), self.current_number() or 0, self._last_removed())
        return max(used) + 1

    def keep_numbers(self) -> None:
        """Remember the highest number before generations are removed; the caller holds `switching`."""
        last = self.next_generation() - 1
        if last > self._last_removed():
            write_atomically(self._last, f"{last}\n".encode())

    @property
    def _last(self) -> Path:
        return self.root / "generations" / ".last"

    def _last_removed(self) -> int:
        try:
            return int(read_ordinary(self._last)[:20])
        except (OSError, ValueError):
            return 0

    def receipt_size(self, name: str) -> int:
        """The bytes of a valid environment's files, from its receipt's first line."""
        from envbuild.environment.receipt import read_receipt_head

        file = self.receipt(name)
        try:
            return read_receipt_head(file).size
        except (OSError, ValueError) as error:
            problem = Problem(file=str(file), message=f"the receipt is damaged: {error}")
            raise HostError(problem) from error

    def add_generation(self, manifest: Manifest) -> None:
        """Write a complete generation, and point `current` at it by one rename.

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
