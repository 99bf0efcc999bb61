"""Repair drift: environments from clean downloads, generations from their records."""

from __future__ import annotations

import errno
import hashlib
import stat
from typing import TYPE_CHECKING

from envbuild.build.builder import new_receipt
from envbuild.environment.contents import recorded_files
from envbuild.environment.lease import LEASE_FILE
from envbuild.environment.receipt import parse_receipt
from envbuild.environment.survey import scan_contents
from envbuild.errors import EnvbuildError, HostError, Problem
from envbuild.finding import Code
from envbuild.lean_json import read_ordinary
from envbuild.posix.files import (
    exchange_folders,
    replace_content,
    replace_link,
    sync_file_system,
    sync_folder,
    write_atomically,
)
from envbuild.posix.shortage import unwritable
from envbuild.store.manifest import generation_links
from envbuild.store.trash import Trash
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from envbuild.build.builder import Builder
    from envbuild.environment.content_digest import Contents
    from envbuild.finding import Finding
    from envbuild.store.generation_check import CheckedGeneration
    from envbuild.store.plan import Wanted
    from envbuild.store.store import Store


@value
class Repairer:
    """Repairs a store in place: no path below `current` is ever missing."""

    store: Store
    builder_for: Callable[[Wanted], AbstractContextManager[Builder]]
    """Creates a builder with the indexes that an environment's files came from."""

    def restore_environment(
        self, wanted: Wanted, findings: tuple[Finding, ...], recorded: str | None
    ) -> None:
        """Build an environment again beside the old one and exchange the two in one step.

        The packages of the drifted files are downloaded again.
        The result must match the receipt, if the receipt is the `recorded` one;
        if it differs, every package is downloaded again.
        HostError if it still differs; the old environment then stays.
        """
        name = wanted.environment
        try:
            with (
                self.builder_for(wanted) as builder,
                self.store.claiming([name]),
                self.store.building(name) as lock,
            ):
                self._restore_environment(builder, wanted, findings, recorded, lock)
        except OSError as error:
            raise unwritable(self.store.environment(name), error) from error

    def _restore_environment(
        self,
        builder: Builder,
        wanted: Wanted,
        findings: tuple[Finding, ...],
        recorded: str | None,
        lock: int,
    ) -> None:
        name = wanted.environment
        trash = Trash(folder=self.store.trash)
        place = self.store.staging / name
        place.parent.mkdir(mode=0o700, exist_ok=True)
        trusted = self._trusted(name, recorded)
        everything = tuple(sorted({file.package for file in wanted.files}))
        owners = self._owners(name, findings, everything) if trusted is not None else everything
        builder.fill(wanted, place, lock, refresh=owners)
        contents = scan_contents(place)  # everything is read, including files that were just linked
        if trusted not in (None, contents) and owners != everything:
            builder.fill(wanted, place, lock, refresh=everything)
            contents = scan_contents(place)
        if trusted not in (None, contents):
            trash.take(place)
            raise _another_content(name, contents, trusted)
        self._keep_lease(name)
        sync_file_system(place)
        builder.assembler.settle(wanted)
        self._put_in_place(name, trash)
        if contents == trusted:
            self.store.write_stats(name)
        else:
            self.store.write_receipt(new_receipt(wanted, contents))

    def _put_in_place(self, name: str, trash: Trash) -> None:
        place, environment = self.store.staging / name, self.store.environment(name)
        if environment.is_dir() and not environment.is_symlink():
            try:
                exchange_folders(place, environment)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                replace_content(environment, place)  # overlayfs renames no folder of a lower layer
            trash.take(place)
        else:
            trash.take(environment)
            mode = place.stat().st_mode
            place.chmod(0o755)
            place.rename(environment)
            environment.chmod(mode)
        sync_folder(environment.parent)

    def _keep_lease(self, name: str) -> None:
        """Give the new environment the old one's lease file, which running processes have locked."""
        old, place = self.store.environment(name) / LEASE_FILE, self.store.staging / name
        new = place / LEASE_FILE
        if old.is_symlink() or not old.is_file() or old.stat().st_size:
            return
        mode = place.stat().st_mode
        place.chmod(mode | stat.S_IWUSR)
        old.chmod(new.stat().st_mode)
        new.unlink()
        new.hardlink_to(old)
        place.chmod(mode)

    def remove_caches(self, name: str, findings: Iterable[Finding]) -> None:
        """Remove files that processes wrote beside the modules; built files are not touched."""
        environment = self.store.environment(name)
        paths = (finding.path for finding in findings if finding.path is not None)
        try:
            with self.store.building(name):
                for path in sorted(paths, reverse=True):  # what is in a folder comes before it
                    _remove_one(environment / path)
                self.store.write_stats(name)
        except OSError as error:
            raise unwritable(environment, error) from error

    def renew_stats(self, name: str) -> None:
        """Write the stat record of an environment again, after it was found complete."""
        with self.store.building(name):
            self.store.write_stats(name)

    def restore_generation(self, checked: CheckedGeneration) -> None:
        """Restore manifest, links and shims as recorded, and remove additions."""
        manifest = checked.manifest
        if manifest is None:
            return
        folder = self.store.generation(checked.number)
        trash = Trash(folder=self.store.trash)
        try:
            with self.store.switching():
                if checked.record is not None:
                    content = checked.record.manifest.encode("utf-8", "surrogateescape")
                    write_atomically(folder / "manifest.json", content)
                elif all(finding.code == Code.GENERATION_RECORD for finding in checked.findings):
                    self.store.records.path(checked.number).unlink(missing_ok=True)
                    self.store.records.add(manifest, after=None)
                links = generation_links(manifest)
                for finding in checked.findings:
                    if finding.path is not None and finding.code in (
                        Code.LINK,
                        Code.SHIM,
                        Code.EXTRA,
                    ):
                        self._restore_entry(folder, finding.path, links, trash)
                for path in (folder, folder / "bin"):
                    path.chmod(0o755)
        except OSError as error:
            raise unwritable(folder, error) from error

    def _restore_entry(self, folder: Path, path: str, links: dict[str, str], trash: Trash) -> None:
        entry = folder / path
        target = links.get(path)
        if target is None:
            trash.take(entry)
            return
        if entry.is_dir() and not entry.is_symlink():
            trash.take(entry)
        replace_link(entry, target)

    def restore_current(self, number: int) -> None:
        """Point `current` at a generation again; whatever is in its place is removed."""
        with self.store.switching():
            if not self.store.current.is_symlink():
                Trash(folder=self.store.trash).take(self.store.current)
            replace_link(self.store.current, f"generations/{number}")

    def _trusted(self, name: str, recorded: str | None) -> Contents | None:
        """The content from the receipt, if it is the recorded receipt."""
        try:
            content = read_ordinary(self.store.receipt(name))
            if hashlib.sha256(content).hexdigest() != recorded:
                return None
            text = content.decode("utf-8", "surrogateescape")
            return parse_receipt(text, file=str(self.store.receipt(name))).contents
        except (OSError, HostError):
            return None

    def _owners(
        self, name: str, findings: Iterable[Finding], everything: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The packages of the drifted files, by the RECORDs that exist."""
        drifted = {finding.path for finding in findings if finding.path is not None}
        rows = recorded_files(self.store.environment(name))
        try:
            owners = {package for package, path, _ in rows if path in drifted}
        except (OSError, EnvbuildError):
            return everything
        return tuple(sorted(owners & set(everything)))


def _remove_one(path: Path) -> None:
    """Remove a file or an empty folder from a read-only folder."""
    folder = path.parent
    mode = stat.S_IMODE(folder.stat().st_mode)
    folder.chmod(mode | stat.S_IWUSR)
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    finally:
        folder.chmod(mode)


def _another_content(name: str, found: Contents, recorded: Contents) -> HostError:
    """The error if an environment that was built again differs from its receipt."""
    there, wanted = dict.fromkeys(found.files), dict.fromkeys(recorded.files)
    differing = next((row[0] for row in (*wanted, *there) if (row in wanted) != (row in there)), "")
    what = f"{name} cannot be built again as it was"
    return HostError(
        Problem(
            message=f"{what}: {differing} has other content or another mode"
            if differing
            else f"{what}: its links or folders differ",
            hint="roll back to an intact generation; or remove this one "
            "(`envbuild gc`, once it is not current) and sync",
        )
    )
