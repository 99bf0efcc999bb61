"""`envbuild doctor`: problems of host, store, lockfiles and environments, and what units start."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from posixpath import basename
from typing import TYPE_CHECKING, NamedTuple

from envbuild.commands.doctor_lockfiles import lock_findings
from envbuild.environment.host_changes import host_changes
from envbuild.environment.installed import outside_range, read_distributions, unmet_requirements
from envbuild.environment.receipt import parse_derivation
from envbuild.errors import HostError, Problem, UsageError
from envbuild.finding import Code, Finding
from envbuild.launchers.unit_file import parse_unit
from envbuild.lean_json import read_ordinary
from envbuild.posix.input_file import MOST_UNIT, RefusedInputError, read_named
from envbuild.python.probe import ask_python, is_shareable
from envbuild.store.file_system import check_file_system
from envbuild.store.generations import elsewhere
from envbuild.store.roots import named_by_roots
from envbuild.store.settings import read_settings
from envbuild.store.shims import shim_owners
from envbuild.target.accelerator import find_kind
from envbuild.target.host import disk_free
from envbuild.target.target import parse_platform
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.launchers.unit_file import ExecLine
    from envbuild.lockfile.folder import LockFolder
    from envbuild.posix.process import Runner
    from envbuild.store.manifest import Manifest, ManifestDriver
    from envbuild.store.store import Store
    from envbuild.target.target import Host


_GOOD = ("exact", "stable")
"""Kinds of commands that start the current generation."""


@value
class UnitCommand:
    """A command of a unit file."""

    file: str
    line: int
    executable: str
    kind: str
    """`exact`, `stable`, `old`, `outside` or `missing`."""

    driver: str | None
    """The driver; None if the command belongs to no driver of the current generation."""


class _Installed(NamedTuple):
    name: str
    version: str


@value
class Diagnosis:
    """The result of `envbuild doctor`."""

    facts: tuple[tuple[str, str], ...]
    """Facts of the host: a word and a sentence each."""

    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    units: tuple[UnitCommand, ...]

    @property
    def exit_code(self) -> int:
        """0 if there is no problem, else 1; a warning is none."""
        return 1 if self.findings or any(unit.kind not in _GOOD for unit in self.units) else 0


@value
class Doctor:
    """Checks host, store, lockfiles, environments and units; changes nothing."""

    store: Store
    manifest: Manifest
    host: Host
    runner: Runner
    environment: Mapping[str, str]
    declaration: Declaration | None
    """None if there is no declaration."""

    lock_folder: LockFolder

    def examine(self, units: tuple[UnitCommand, ...] = ()) -> Diagnosis:
        """Run all checks."""
        findings = [*self._store_findings(), *self._export_findings()]
        for driver in self.manifest.drivers:
            findings += self._interpreter_findings(driver)
            findings += self._accelerator_findings(driver)
            findings += self._package_findings(driver)
        if self.declaration is not None:
            findings += lock_findings(self.declaration, self.lock_folder, self.manifest, self.host)
        return Diagnosis(
            facts=tuple(self._facts()),
            findings=tuple(one for one in findings if one.level == "error"),
            warnings=tuple(one for one in findings if one.level != "error"),
            units=units,
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        host = self.host
        yield "host", f"{host.arch}, {host.system} {'.'.join(map(str, host.system_version))}"
        for found in host.accelerators:
            kind = find_kind(found.kind)
            absent = f"none ({(found.absent or '').removeprefix(f'no {kind.provider}: ')})"
            compute = f", compute capability {found.compute}" if found.compute else ""
            has = f"{kind.title} {found.version}{compute}" if found.version else absent
            if kind.example:
                yield kind.provider, has
        for driver in self.manifest.drivers:
            if driver.variant is not None:
                yield driver.name, f"variant {driver.variant}"
        yield "disk", f"{_gib(disk_free(self.store.root))} free at {self.store.root}"
        closed = _closed_folder(self.store.root)
        yield (
            "other users",
            f"cannot enter {closed}" if closed else "can enter the store",
        )
        if self.declaration is None:
            yield "declaration", "not found here, so lockfiles and version ranges were not checked"
        else:
            yield from _platform_facts(self.declaration, host)

    def _store_findings(self) -> Iterator[Finding]:
        moved = elsewhere(self.store.root, self.manifest)
        if moved is not None:
            message, hint = moved.message, moved.hint
            yield Finding(code=Code.ELSEWHERE, subject="store", message=message, hint=hint)
        closed = _closed_folder(self.store.root)
        if closed is not None and os.geteuid() == 0:
            message = f"service users cannot reach it: they may not enter {closed}"
            hint = "put the store where all users may go, such as /opt/envbuild"
            yield Finding(code=Code.UNREACHABLE, subject="store", message=message, hint=hint)
        if os.statvfs(self.store.root).f_flag & os.ST_NOEXEC:
            message = (
                "its file system is mounted noexec: no program and no native module there starts"
            )
            hint = f"mount it with exec (see `findmnt --target {self.store.root}`), or put the store elsewhere"
            yield Finding(code=Code.NOEXEC, subject="store", message=message, hint=hint)
        else:
            yield from self._file_system_findings()
        largest = max((driver.size for driver in self.manifest.drivers), default=0)
        free = disk_free(self.store.root)
        if free < largest:
            message = f"{_gib(free)} is free, and the largest environment takes {_gib(largest)}"
            hint = "free disk space, for example with `envbuild gc --cache`"
            yield Finding(code=Code.DISK, subject="store", message=message, hint=hint)

    def _file_system_findings(self) -> Iterator[Finding]:
        """What its file system lacks, as far as this user can try it."""
        root = self.store.root
        if not os.access(root, os.W_OK):
            return
        try:
            lacking = check_file_system(root, read_settings(root).link_mode)
        except HostError as error:
            for one in error.problems:
                yield Finding(
                    code=Code.FILE_SYSTEM,
                    subject="store",
                    message=one.message,
                    hint=one.hint,
                    other_level="error",
                )
            return
        except OSError:
            return  # a full disk, which is said besides
        for message in lacking:
            yield Finding(code=Code.FILE_SYSTEM, subject="store", message=message)

    def _export_findings(self) -> Iterator[Finding]:
        """The exported files that name what is no longer current."""
        current = {basename(driver.environment) for driver in self.manifest.drivers}
        for _, file, names in named_by_roots(self.store.root):
            if old := sorted(names - current):
                message = f"it names {', '.join(old)}, which is no longer current"
                hint = "`envbuild export --refresh` renews it; gc keeps what it names until then"
                yield Finding(code=Code.OLD_EXPORT, subject=file, message=message, hint=hint)

    def _interpreter_findings(self, driver: ManifestDriver) -> Iterator[Finding]:
        name = basename(driver.environment)
        receipt = self.store.receipt(name)
        try:
            content = read_ordinary(receipt)
            lines = content.decode("utf-8", "replace").splitlines(keepends=True)
            derivation = parse_derivation(lines)
            recorded = self.store.records.read(self.manifest.generation).receipt(name)
        except (OSError, ValueError, LookupError, TypeError, HostError):
            yield _receipt_finding(
                driver, f"cannot read its receipt or the generation record: {receipt}"
            )
            return
        if hashlib.sha256(content).hexdigest() != recorded:
            message = (
                f"its receipt is not the recorded one, so no interpreter was started: {receipt}"
            )
            yield _receipt_finding(driver, message)
            return
        path, version = derivation.python, derivation.python_version
        if derivation.inherited:
            stats = self.store.stats(name)
            record = stats.read_bytes() if stats.is_file() else b""
            environment = str(self.store.environment(name))
            yield from host_changes(driver.name, derivation.inherited, environment, record)
        answer = (
            ask_python(path, self.runner, self.environment) if os.access(path, os.X_OK) else None
        )
        hint = "run `envbuild sync`; it chooses another one"
        if answer is None:
            message = f"its interpreter {path} is missing or does not start"
            yield Finding(code=Code.INTERPRETER, subject=driver.name, message=message, hint=hint)
        elif answer.version != version:
            message = f"its interpreter {path} was {version} and is {answer.version} now"
            yield Finding(code=Code.INTERPRETER, subject=driver.name, message=message, hint=hint)
        elif _closed_folder(self.store.root) is None and not is_shareable(path, answer.stdlib):
            message = f"its interpreter {path} cannot be started by other users"
            hint = "install a Python that all users can start, and run `envbuild sync`"
            yield Finding(code=Code.INTERPRETER, subject=driver.name, message=message, hint=hint)

    def _accelerator_findings(self, driver: ManifestDriver) -> Iterator[Finding]:
        """Whether this host's accelerators support what installed packages need."""
        installed = [_Installed(name, version) for name, version in driver.packages]
        for found in self.host.accelerators:
            kind = find_kind(found.kind)
            needs = kind.judge(installed, found.version or "0.0")
            if needs is None or not needs.fatal:
                continue
            here = f"the {kind.provider} supports up to {found.version}"
            message = (
                f"it has {needs.package}, which needs {kind.title} {needs.needed}, and "
                f"{here if found.version else f'there is no {kind.provider} here'}"
            )
            yield Finding(
                code=Code.ACCELERATOR, subject=driver.name, message=message, hint=needs.hint
            )

    def _package_findings(self, driver: ManifestDriver) -> Iterator[Finding]:
        declared = self.declaration.driver(driver.name) if self.declaration is not None else None
        overrides = declared.overrides if declared is not None else ()
        asked = declared.requires_for(driver.variant) if declared is not None else ()
        requires = tuple(one.text for one in asked)
        distributions = read_distributions(Path(driver.environment))
        here = self.host.target(driver.python_version)
        yield from unmet_requirements(driver.name, distributions, here, requires, overrides)
        if declared is not None:
            installed = {item.name: item.version for item in distributions}
            yield from outside_range(driver.name, requires, installed)


def _receipt_finding(driver: ManifestDriver, message: str) -> Finding:
    hint = "see `envbuild verify`"
    return Finding(code=Code.RECEIPT, subject=driver.name, message=message, hint=hint)


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"


def _closed_folder(root: Path) -> Path | None:
    """The first folder on the path to the store that other users cannot enter."""
    folders = (*reversed(root.parents), root)
    return next((folder for folder in folders if not folder.stat().st_mode & 0o001), None)


def _platform_facts(declaration: Declaration, host: Host) -> Iterator[tuple[str, str]]:
    """The drivers that this host skips, and why."""
    for driver in declaration.drivers:
        if driver.enabled and not any(host.runs(parse_platform(p)) for p in driver.platforms):
            yield driver.name, f"is for {', '.join(driver.platforms)}, not for this host"


def check_units(
    store: Store, manifest: Manifest, files: tuple[str, ...]
) -> tuple[UnitCommand, ...]:
    """Every command of every unit; UsageError lists what is not a unit file."""
    problems: list[Problem] = []
    found: list[UnitCommand] = []
    for file in files:
        lines = _read_unit(file, problems)
        found += (_judge_command(store, manifest, file, line) for line in lines)
    if problems:
        raise UsageError(problems)
    return tuple(found)


def _read_unit(file: str, problems: list[Problem]) -> tuple[ExecLine, ...]:
    try:
        content = read_named(Path(file), most=MOST_UNIT)
        lines = parse_unit(content.decode("utf-8"), name=Path(file).name)
    except RefusedInputError as error:
        problems.append(Problem(file=file, message=error.message, hint=error.hint))
        return ()
    except OSError as error:
        problems.append(Problem(message=f"cannot read the unit {file}: {error.strerror}"))
        return ()
    except UnicodeDecodeError:
        lines = None
    if not lines:
        what = "is not a unit file" if lines is None else "has no ExecStart"
        problems.append(Problem(file=file, message=f"it {what}"))
        return ()
    return lines


def _judge_command(store: Store, manifest: Manifest, file: str, line: ExecLine) -> UnitCommand:
    path = line.executable
    kind, driver = _place(store, manifest, path)
    if "%" not in path and not os.access(path, os.X_OK):
        kind = "missing"
    return UnitCommand(file=file, line=line.line, executable=path, kind=kind, driver=driver)


def _place(store: Store, manifest: Manifest, path: str) -> tuple[str, str | None]:
    """The kind of a path by its place, and its driver."""
    current, root = f"{store.current}/", f"{store.root}/"
    if path.startswith(current):
        rest = path[len(current) :].split("/")
        return "stable", shim_owners(manifest).get(rest[-1]) if rest[0] == "bin" else rest[0]
    for driver in manifest.drivers:
        if path.startswith((f"{driver.environment}/", f"{store.generation(manifest.generation)}/")):
            return "exact", driver.name
    return ("old" if path.startswith(root) else "outside"), None
