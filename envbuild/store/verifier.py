"""Compare a store with its receipts and records; runs nothing, and writes only stat records of copied stores."""

from __future__ import annotations

import os

from envbuild.environment.stat_check import are_as_recorded
from envbuild.errors import HostError, Problem
from envbuild.lean_json import read_ordinary
from envbuild.posix.forks import map_in_processes
from envbuild.posix.shortage import pass_shortage_on
from envbuild.store.outside_check import check_outside
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.environment.receipt import Receipt
    from envbuild.finding import Finding


@value
class Looked:
    """What the quick comparison found in one environment."""

    findings: tuple[Finding, ...]
    copied: bool = False
    """Whether it is a copy of what was built, with other inodes: then every file was read."""


@value
class Verifier:
    """Checks environments, one after the other."""

    root: str
    """The store's absolute path."""

    workers: int
    """How many processes hash or compare."""

    def verify(self, name: str, *, key: str | None, recorded: str | None) -> tuple[Finding, ...]:
        """Compare every file of an environment with its receipt, and the receipt with its generation record.

        `key` and `recorded` (the receipt's sha256) come from the generation, or are None.
        """
        gone = self._gone(name)
        if gone is not None:
            return (gone,)
        read = self._read_receipt(name)
        if not isinstance(read, tuple):
            return (read,)
        receipt, content = read
        from envbuild.environment.host_changes import host_changes

        own = self._compare(name, receipt, content, key, recorded)
        python = check_outside(self.root, name, packages=False)
        inherited = receipt.derivation.inherited
        stats = self._stat_record(name) if inherited else b""
        return (*own, *python, *host_changes(name, inherited, self._environment(name), stats))

    def _stat_record(self, name: str) -> bytes:
        try:
            return read_ordinary(self._stats(name))
        except OSError:
            return b""  # without it, every file counts as it is

    def content(self, name: str) -> str | None:
        """The content digest that an environment's receipt stands for; None if it cannot be read."""
        from envbuild.environment.content_digest import read_content_digest

        try:
            return read_content_digest(read_ordinary(self._receipt(name)))
        except (OSError, ValueError):
            return None  # `verify` reports what is wrong with a receipt

    def _read_receipt(self, name: str) -> tuple[Receipt, bytes] | Finding:
        """The receipt and its bytes, or what is wrong with it."""
        from envbuild.environment.receipt import parse_receipt

        try:
            content = read_ordinary(self._receipt(name))
            text = content.decode("utf-8", "surrogateescape")
            return parse_receipt(text, file=self._receipt(name)), content
        except HostError as error:
            return _receipt_finding(name, error.problems[0].message)
        except OSError as error:
            return _receipt_finding(name, _words(error))

    def _compare(
        self, name: str, receipt: Receipt, content: bytes, key: str | None, recorded: str | None
    ) -> Iterator[Finding]:
        import hashlib
        from pathlib import Path

        from envbuild.environment.drift import compare_receipt, compare_tree, content_changed
        from envbuild.environment.hashing import changed_files
        from envbuild.finding import Code
        from envbuild.posix.tree import list_tree

        if recorded is not None and hashlib.sha256(content).hexdigest() != recorded:
            yield _receipt_finding(name, "its receipt is not the one that was written for it")
        yield from compare_receipt(name, receipt, key)
        environment = Path(self._environment(name))
        found: list[Finding] = []

        def compare() -> None:
            found.extend(compare_tree(name, receipt.contents, list_tree(environment)))

        try:
            changed = changed_files(environment, receipt.contents.files, self.workers, compare)
        except ChildProcessError as error:
            raise HostError(Problem(message=str(error))) from error
        yield from found
        known = {finding.path for finding in found if finding.code != Code.MODE}
        for path, unread in changed:
            if path not in known:
                yield content_changed(name, path, unread)

    def verify_quickly(self, names: Sequence[str]) -> tuple[Looked, ...]:
        """Compare mode, size, times and inode of everything with the stat record.

        No file of the environments is opened or hashed, unless one was copied: as an image that was pulled,
        or a store that was restored. Its stat record says nothing then. So every file is read,
        and if all are as built, the store's owner gets a new stat record.
        """
        recorded = self._records(names)
        outside = {
            name: tuple(check_outside(self.root, name, recorded.get(name), packages=True))
            for name in names
        }
        try:
            whole = self._whole(recorded)
            rest = [name for name in names if name not in whole]
            differences = dict(
                zip(rest, map_in_processes(self._differences, rest, self.workers), strict=True)
            )
        except ChildProcessError as error:
            raise HostError(Problem(message=str(error))) from error
        found = {
            name: tuple(_finding(code, name, path, said) for code, path, said in told)
            for name, (told, _) in differences.items()
        }
        copied = {name for name, (_, is_copy) in differences.items() if is_copy}
        found |= {name: self._read_copy(name) for name in sorted(copied)}
        return tuple(
            Looked(findings=(*found.get(name, ()), *outside[name]), copied=name in copied)
            for name in names
        )

    def _read_copy(self, name: str) -> tuple[Finding, ...]:
        """What differs in a copied environment by content; if nothing does, its stat record is renewed."""
        from envbuild.environment.stat_list import record_environment

        before = record_environment(self._environment(name))
        read = self._read_receipt(name)
        if not isinstance(read, tuple):
            return (read,)
        findings = tuple(self._compare(name, *read, None, None))
        if not findings and before == record_environment(self._environment(name)):
            self._renew(name, before)
        return findings

    def _renew(self, name: str, record: bytes) -> None:
        """Write a stat record again, unless this is not the store's owner, or it is written elsewhere just now."""
        from contextlib import suppress
        from pathlib import Path

        from envbuild.environment.stat_record import with_outside_of
        from envbuild.posix.file_locks import locked_if_free
        from envbuild.posix.files import write_atomically

        if os.stat(f"{self.root}/receipts").st_uid != os.geteuid():  # noqa: PTH116
            return
        with (
            suppress(OSError),
            locked_if_free(Path(self.root, "locks", f"{name}.lock"), make=True) as free,
        ):
            if free:
                whole = with_outside_of(record, read_ordinary(self._stats(name)))
                write_atomically(Path(self._stats(name)), whole, sync=False)

    def _records(self, names: Sequence[str]) -> dict[str, bytes]:
        """The stat records of the environments that are there."""
        recorded: dict[str, bytes] = {}
        for name in names:
            try:
                if self._gone(name) is None:
                    recorded[name] = read_ordinary(self._stats(name))
            except OSError:
                continue
        return recorded

    def _whole(self, recorded: Mapping[str, bytes]) -> set[str]:
        """The environments that the quick check proves unchanged."""
        looked_at = [(record, self._environment(name)) for name, record in recorded.items()]
        certain = are_as_recorded(looked_at, self.workers)
        return {name for name, found in zip(recorded, certain, strict=True) if found}

    def _differences(self, name: str) -> tuple[list[tuple[str, str | None, str]], bool]:
        """Code, path and message of each, and whether it is a copy; plain values, as another process has them."""
        gone = self._gone(name)
        if gone is not None:
            return [(str(gone.code), None, gone.message)], False
        from envbuild.environment.drift import CACHE_WRITTEN, is_cache
        from envbuild.environment.stat_list import differences, was_copied

        try:
            recorded = read_ordinary(self._stats(name))
            found = differences(recorded, self._environment(name))
        except OSError as error:
            return [("stats", None, _words(error))], False
        except ValueError as error:
            return [("stats", None, f"its stat record cannot be used: {error}")], False
        if found and was_copied(recorded, self._environment(name)):
            return [], True
        return [
            ("drift-cache", path, CACHE_WRITTEN)
            if new and is_cache(path) and not os.path.islink(f"{self._environment(name)}/{path}")  # noqa: PTH114
            else ("changed", path, "was changed since it was built")
            for path, new in found
        ], False

    def _gone(self, name: str) -> Finding | None:
        environment = self._environment(name)
        if not os.path.isfile(self._receipt(name)):  # noqa: PTH113
            return _receipt_finding(name, "it has no receipt")
        if os.path.islink(environment) or not os.path.isdir(environment):  # noqa: PTH112, PTH114
            found = "is not a folder" if os.path.lexists(environment) else "is missing"
            return _finding("missing", name, None, f"the environment {found}")
        return None

    def _environment(self, name: str) -> str:
        return f"{self.root}/envs/{name}"

    def _receipt(self, name: str) -> str:
        return f"{self.root}/receipts/{name}.json"

    def _stats(self, name: str) -> str:
        return f"{self.root}/receipts/{name}.stat"


def _receipt_finding(name: str, message: str) -> Finding:
    return _finding("receipt", name, None, message)


def _finding(code: str, name: str, path: str | None, message: str) -> Finding:
    from envbuild.finding import Code, Finding  # most checks find nothing

    return Finding(code=Code(code), subject=name, path=path, message=message)


def _words(error: OSError) -> str:
    pass_shortage_on(error)
    return f"cannot read {error.filename}: {error.strerror}"
