"""The parts that commands need; each is made when it is first used."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path

from envbuild.cli.options import Arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import TypeVar

    from envbuild.build.prober import Prober
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.finding import Finding
    from envbuild.index.locations import IndexLocations
    from envbuild.index.session import IndexSessions
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.git import Git
    from envbuild.posix.process import SystemRunner
    from envbuild.progress import Progress
    from envbuild.python.host_packages import HostDistribution
    from envbuild.python.interpreters import Interpreters
    from envbuild.release.record import ReleaseRecord
    from envbuild.sourcetree.changes import PathChanges
    from envbuild.store.store import Store
    from envbuild.store.trust import Trust
    from envbuild.store.verifier import Verifier
    from envbuild.target.target import Host, Interpreter
    from envbuild.text import Text
    from envbuild.wheelcache.built import BuiltWheels
    from envbuild.wheelcache.bytecode import Bytecode

    N = TypeVar("N", int, float)


_LARGEST_NUMBER = 24 * 60 * 60


class Context:
    """The parts for one run of the command line."""

    def __init__(self, *, arguments: Arguments, environment: Mapping[str, str]) -> None:
        self._arguments = arguments
        self.environment = environment
        self.last_line: Text | None = None
        """What stderr gets below the result: what was done, and how long it took."""

        self._host_packages: dict[str, tuple[HostDistribution, ...] | None] = {}

    def stop(self) -> None:
        """End every program that was started."""
        if "runner" in self.__dict__:
            self.runner.stop()

    @cached_property
    def declaration_path(self) -> Path:
        """The declaration's file, as the user named it."""
        return Path(self._arguments.file)

    @cached_property
    def is_declared(self) -> bool:
        """Whether this host has a declaration, or the user names one."""
        return Path(self._arguments.file).exists() or self._arguments.names_file

    @cached_property
    def declaration(self) -> Declaration:
        """The parsed declaration."""
        from envbuild.declaration.file import read_declaration

        return read_declaration(self.declaration_path)

    @cached_property
    def declaration_here(self) -> Declaration:
        """The declaration with the host tables that apply on this host; they do not change lockfiles."""
        if not self.declaration.hosts:
            return self.declaration
        from envbuild.declaration.hosts import declaration_on

        return declaration_on(self.declaration, os.uname().nodename, self.host)

    @property
    def host_tables(self) -> tuple[str, ...]:
        """The names of the host tables that apply on this host."""
        from envbuild.declaration.hosts import applies

        name = os.uname().nodename
        return tuple(
            table.name for table in self.declaration.hosts if applies(table, name, self.host)
        )

    @cached_property
    def lock_folder(self) -> LockFolder:
        """The lockfiles beside the declaration."""
        from envbuild.lockfile.folder import LockFolder

        path = self.declaration_path.parent / "locks"
        return LockFolder(path=path, shown=str(path))

    def beside(self, *, file: str, store: str) -> Context:
        """The parts for another declaration or another store; foreign owners of these are not trusted."""
        arguments = Arguments(file=file, names_file=True, store=store, trust_owner=False)
        return Context(arguments=arguments, environment=self.environment)

    def take_files(self, folder: Path, *, shown: str, declaration: bool) -> None:
        """Use the lockfiles of another folder from now on, and with `declaration` its declaration too.

        Messages call the lockfiles' folder as `shown`.
        """
        from envbuild.lockfile.folder import LockFolder

        self.lock_folder = LockFolder(path=folder / "locks", shown=shown)
        if declaration:
            self.declaration_path = folder / "drivers.toml"

    @property
    def git(self) -> Git:
        """Git in the folder of the declaration."""
        from envbuild.lockfile.git import find_git

        folder = str(self.declaration_path.absolute().parent)
        return find_git(self.runner, self.environment, folder)

    @cached_property
    def store(self) -> Store:
        """The store, where `store_root` says."""
        from envbuild.cli.folders import store_root
        from envbuild.store.store import Store

        return Store(root=Path(store_root(self._arguments, self.environment)))

    @property
    def verifier(self) -> Verifier:
        """Compares the store's environments with what was built."""
        from envbuild.store.verifier import Verifier

        return Verifier(root=str(self.store.root), workers=self.cpus)

    @property
    def built_wheels(self) -> BuiltWheels:
        """The wheels that the store has built from sources."""
        from envbuild.wheelcache.built import BuiltWheels

        return BuiltWheels(self.store.cache / "built")

    @property
    def releases(self) -> ReleaseRecord:
        """What the store remembers of releases."""
        from envbuild.release.record import FOLDER, ReleaseRecord

        return ReleaseRecord(folder=self.store.root / FOLDER)

    def require_trusted_store(self) -> None:
        """HostError if the store belongs to a user who is not trusted."""
        from envbuild.store.guard import MARKER

        self._trust.require_store(self.store.root, self.store.root / MARKER)

    def require_trusted_declaration(self) -> None:
        """DeclarationError if the declaration, its folder or a lockfile belongs to a user who is not trusted."""
        self._trust.require_declaration(
            self.declaration_path, self.declaration_path.parent / "locks"
        )

    @cached_property
    def _trust(self) -> Trust:
        from envbuild.cli.folders import user_folder
        from envbuild.store.trust import Trust

        folder = user_folder(self.environment, "XDG_CONFIG_HOME", "~/.config")
        caller = self.environment.get("SUDO_UID", "")
        return Trust(
            settings=Path(folder, "settings.toml"),
            called_by=int(caller) if caller.isascii() and caller.isdecimal() else None,
            everybody=self._arguments.trust_owner,
        )

    def shared_paths_of(self, driver: str, lock: str) -> tuple[Finding, ...]:
        """The shared paths of packages in a driver's current environment, if it was built from this lockfile.

        Empty if nothing is built: `check` needs no store.
        """
        from envbuild.environment.shared_paths import shared_paths
        from envbuild.errors import EnvbuildError

        try:
            manifest = self.store.read_current()
            entry = manifest.driver(driver) if manifest is not None else None
            if entry is None or entry.lock != lock:
                return ()
            return tuple(shared_paths(Path(entry.environment)))
        except (EnvbuildError, OSError):
            return ()  # `verify` reports what is wrong with a store

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Shows on stderr how a command goes on, as far as `--quiet`, `--verbose` and so on say."""
        from envbuild.progress import Silent
        from envbuild.report.progress import shown_progress

        given = self._arguments
        if given.quiet or given.no_progress:
            yield Silent()
            return
        live = not given.verbose  # whose lines would tear a live display
        with shown_progress(
            *(sys.stderr, self.environment),
            live=live,
            color=given.color,
            stages=bool(given.verbose),
        ) as progress:
            yield progress
        self.last_line = progress.tally.last_line()

    @cached_property
    def runner(self) -> SystemRunner:
        """Starts other programs."""
        from envbuild.posix.process import SystemRunner

        return SystemRunner()

    def bytecode(self, jobs: int) -> Bytecode:
        """The store's bytecode; so many processes compile it."""
        from envbuild.wheelcache.bytecode import Bytecode
        from envbuild.wheelcache.compiler import BytecodeCompiler

        compiler = BytecodeCompiler(runner=self.runner, jobs=min(jobs, self.cpus))
        return Bytecode(root=self.store.cache / "bytecode", compiler=compiler)

    def prober(self, jobs: int) -> Prober:
        """Runs probes, of so many drivers at a time."""
        from envbuild.build.prober import Prober

        return Prober(runner=self.runner, logs=self.store.cache / "probes", jobs=jobs)

    @cached_property
    def host(self) -> Host:
        """This host; only accelerators that some driver needs are probed."""
        from envbuild.target.host import probe_host

        asked = [driver.accelerator for driver in self.declaration.drivers]
        asked += [table.accelerator for table in self.declaration.hosts]
        asked += [one.accelerator for driver in self.declaration.drivers for one in driver.variants]
        kinds = {accelerator.kind for accelerator in asked if accelerator is not None}
        return probe_host(self.runner, self.environment, kinds=kinds)

    @cached_property
    def interpreters(self) -> Interpreters:
        """The Pythons of this host."""
        return self.interpreters_known_in(self.store.cache)

    def interpreters_known_in(self, cache: Path) -> Interpreters:
        """The Pythons of this host; what is known of them is kept in this folder."""
        from envbuild.python.interpreters import Interpreters
        from envbuild.uv.executable import uv_executable

        return Interpreters(
            runner=self.runner,
            uv=uv_executable(),
            environment=self.environment,
            cache=cache / "interpreters.json",
            pythons=self.store.pythons,
        )

    def interpreter_for(
        self, driver: Driver, locked: tuple[str, ...], *, offline: bool, dry_run: bool
    ) -> Interpreter:
        """The interpreter of this host for a driver that is locked for these Pythons; a dry run installs none."""
        if driver.inherit is not None:
            return self.interpreters.named(
                driver.inherit.python,
                file=self.declaration.file,
                line=driver.inherit.line,
                key=f"drivers.{driver.name}.{driver.inherit.key}.python",
            )
        return self.interpreters.provide(
            locked,
            own_first=not driver.python,
            prefer_shareable=self.store.is_reachable,
            downloads=driver.python_downloads,
            source=driver.python_source,
            offline=offline,
            dry_run=dry_run,
            key=f"drivers.{driver.name}.python",
        )

    def host_packages(self, python: str) -> tuple[HostDistribution, ...] | None:
        """What a Python of the host has; None if there is no such Python."""
        from envbuild.python.host_packages import find_host_packages

        if python not in self._host_packages:
            found = find_host_packages(python, self.runner, self.environment)
            self._host_packages[python] = found
        return self._host_packages[python]

    @property
    def cpus(self) -> int:
        """The processors that this process may use."""
        from envbuild.cli.folders import cpus

        return cpus()

    @cached_property
    def index_locations(self) -> IndexLocations:
        """Where the declared indexes are; DeclarationError if the declaration is not trusted."""
        from envbuild.index.places import locate_indexes
        from envbuild.uv.addresses import ask_address

        self.require_trusted_declaration()
        ask_uv = partial(ask_address, self.runner)
        return locate_indexes(self.declaration, self.environment, ask_uv)

    def index_sessions(
        self, declaration: Declaration, cache: Path
    ) -> AbstractContextManager[IndexSessions]:
        """The indexes of a declaration, to download from; they stay open while the `with` block runs."""
        from envbuild.index.session import index_sessions

        return index_sessions(
            declaration,
            self.environment,
            runner=self.runner,
            cache=cache,
            timeout=self.index_timeout,
            deadline=self.index_deadline,
            retries=self.index_retries,
            hashes=False,
        )

    @property
    def index_timeout(self) -> float:
        """After so many seconds without data a request fails: `$ENVBUILD_HTTP_TIMEOUT`, else 30."""
        return self._number("ENVBUILD_HTTP_TIMEOUT", 30.0, float, least=0.01)

    @property
    def index_deadline(self) -> float:
        """The seconds that a whole answer may take: `$ENVBUILD_HTTP_DEADLINE`, else 300."""
        return self._number("ENVBUILD_HTTP_DEADLINE", 300.0, float, least=0.01)

    @property
    def index_retries(self) -> int:
        """How often uv repeats a failed request: `$ENVBUILD_HTTP_RETRIES`, else 3."""
        return self._number("ENVBUILD_HTTP_RETRIES", 3, int, least=0)

    def _number(self, name: str, default: N, parse: Callable[[str], N], *, least: float) -> N:
        """A number from the environment; UsageError if it is not one."""
        text = self.environment.get(name)
        if not text:
            return default
        try:
            number = parse(text)
        except ValueError:
            number = None
        if number is None or not least <= number < _LARGEST_NUMBER:
            from envbuild.errors import Problem, UsageError

            message = f"${name} is {text!r}, but must be a number, {least:g} or more"
            raise UsageError(Problem(message=message))
        return number

    @cached_property
    def lock_cache(self) -> Path:
        """The private folder in which `lock` keeps the answers of indexes; it needs no store."""
        from envbuild.cli.folders import user_folder
        from envbuild.posix.files import make_private

        folder = Path(user_folder(self.environment, "XDG_CACHE_HOME", "~/.cache"))
        with suppress(OSError):  # a cache that cannot be made costs time
            make_private(folder)
        return folder

    @property
    def path_changes(self) -> PathChanges | None:
        """Compares path sources with lockfiles; None if none is declared."""
        from envbuild.declaration.source import PathSource

        if not any(isinstance(source, PathSource) for source in self.declaration.sources):
            return None
        from envbuild.sourcetree.changes import PathChanges
        from envbuild.sourcetree.digests import TreeDigests

        digests = TreeDigests(
            runner=self.runner, environment=self.environment, cache=self.lock_cache
        )
        return PathChanges(digests=digests)
