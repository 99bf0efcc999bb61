"""`envbuild sync`: build what is declared and locked, and make it current."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.host_versions import inherited_here
from envbuild.commands.selection import select_drivers
from envbuild.errors import HostError, LockfileError, NoError, Problem, UsageError
from envbuild.lockfile.freshness import stale_reasons
from envbuild.lockfile.host_check import VariantChoice, choose_variant, judge_on_host
from envbuild.lockfile.provided_commands import command_problems
from envbuild.nearest_name import name_hint
from envbuild.store.plan import Skip, plan_sync, want
from envbuild.target.accelerator import accelerator_missing
from envbuild.target.python_bound import admits_python, python_hint
from envbuild.target.target import Target, parse_platform
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.build.builder import Applied, Failure
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.folder import LockFolder, StoredLockfile
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.python.host_packages import HostDistribution
    from envbuild.release.found import FoundRelease
    from envbuild.store.manifest import Manifest
    from envbuild.store.plan import Plan, Wanted
    from envbuild.target.target import Host, Interpreter


@value
class SyncResult:
    """The plan of a sync and, unless it was a dry run, its result."""

    plan: Plan
    applied: Applied | None
    """None for a dry run, and if there was nothing to do."""

    manifest: Manifest | None
    """The current generation."""

    followed: FoundRelease | None = None
    """The release that the lockfiles came from; None if they are the host's own."""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The drivers that failed."""
        return self.applied.failures if self.applied is not None else ()

    @property
    def exit_code(self) -> int:
        """0, or the code of the first driver that failed."""
        return self.failures[0].error.exit_code if self.failures else 0


@value
class Planner:
    """Makes this host's plan from a declaration and its lockfiles; changes nothing."""

    declaration: Declaration
    folder: LockFolder
    host: Host
    interpreter_for: Callable[[Driver, tuple[str, ...]], Interpreter]
    """The host's interpreter for a driver that is locked for these Pythons; HostError if none fits."""

    host_packages: Callable[[str], tuple[HostDistribution, ...] | None]
    """What a Python of the host has, by its path; None if there is no such Python."""

    variant: str | None = None
    """The variant to build wherever a driver has it, whatever the host has; None lets the host decide."""

    among: frozenset[str] | None = None
    """The drivers that a plan for all is about, such as those of a release; None for all that are declared."""

    current: Manifest | None
    is_valid: Callable[[str], bool]
    """Whether an environment, by its folder's name, has its receipt."""

    def plan(self, names: tuple[str, ...]) -> Plan:
        """The plan for the named drivers, or for all drivers of this host.

        NoError lists every lockfile that is missing or stale.
        """
        selected = select_drivers(self.declaration, names)
        if self.among is not None and not names:
            selected = tuple(driver for driver in selected if driver.name in self.among)
        self._check_variant(selected)
        skips = () if names else self._skips(selected)
        skipped = {skip.driver for skip in skips}
        drivers = tuple(driver for driver in selected if driver.name not in skipped)
        lockfiles = self.lockfiles(drivers)
        choices = {
            driver.name: self._choose(driver, lockfiles[driver.name].lockfile)
            for driver in drivers
            if driver.variants
        }
        if not names:
            skips += self._unsupported(drivers, lockfiles)
            skips += tuple(
                Skip(driver=name, reason=f"no variant is for this host; {choice.reasons}")
                for name, choice in choices.items()
                if choice.variant is None
            )
            skipped = {skip.driver for skip in skips}
            drivers = tuple(driver for driver in drivers if driver.name not in skipped)
        self._refuse_without_variant(drivers, choices)
        wanted = tuple(
            self._want(driver, lockfiles[driver.name], choices.get(driver.name))
            for driver in drivers
        )
        valid = {item.environment for item in wanted if self.is_valid(item.environment)}
        return plan_sync(
            wanted=wanted,
            skips=skips,
            named=bool(names),
            declaration=self.declaration.digest,
            current=self.current,
            valid=valid,
        )

    def want_locked(self, name: str) -> tuple[Wanted, Lockfile]:
        """What a driver would be built from on this host, and its lockfile; errors as in `plan`."""
        (driver,) = select_drivers(self.declaration, (name,))
        stored = self.lockfiles((driver,))[name]
        choice = self._choose(driver, stored.lockfile) if driver.variants else None
        choices = {} if choice is None else {name: choice}
        self._refuse_without_variant((driver,), choices)
        return self._want(driver, stored, choice), stored.lockfile

    def want_from(self, like: Wanted, lockfile: Lockfile) -> Wanted:
        """The same driver on the same target and Python, with what another lockfile has, and the same of the host."""
        driver = self.declaration.driver(like.driver.name)
        assert driver is not None
        return want(
            driver=driver,
            lockfile=lockfile,
            lock=like.lock,
            target=like.target,
            interpreter=like.interpreter,
            kernel=self.host.kernel,
            inherited=like.derivation.inherited,
            options_of=self.declaration.build_of,
        )

    def _skips(self, drivers: tuple[Driver, ...]) -> tuple[Skip, ...]:
        reasons = {driver.name: self._reason_to_skip(driver) for driver in drivers}
        return tuple(
            Skip(driver=name, reason=reason)
            for name, reason in reasons.items()
            if reason is not None
        )

    def _unsupported(
        self, drivers: tuple[Driver, ...], lockfiles: dict[str, StoredLockfile]
    ) -> tuple[Skip, ...]:
        """Drivers whose locked wheels this host's accelerator is too old for."""
        judged = (
            judge_on_host(lockfiles[driver.name].lockfile, found)
            for driver in drivers
            if driver.accelerator is not None and not driver.variants
            for found in self.host.accelerators
            if found.kind == driver.accelerator.kind
        )
        return tuple(
            Skip(driver=too_new.driver, reason=too_new.message)
            for too_new in judged
            if too_new is not None and too_new.fatal
        )

    def _check_variant(self, drivers: tuple[Driver, ...]) -> None:
        """UsageError where no driver has the variant that was asked for."""
        known = {variant.name: None for driver in drivers for variant in driver.variants}
        if self.variant is None or self.variant in known:
            return
        hint = (
            name_hint(self.variant, known) if known else "no driver has variants: remove the option"
        )
        message = f"no driver has a variant {self.variant!r}"
        raise UsageError(Problem(key="--variant", message=message, hint=hint))

    def _choose(self, driver: Driver, lockfile: Lockfile) -> VariantChoice:
        """The variant that was asked for where the driver has it; else the first that this host has."""
        if self.variant in {variant.name for variant in driver.variants}:
            return VariantChoice(variant=self.variant, passed_over=())
        return choose_variant(driver, lockfile, self.host.accelerators)

    def _refuse_without_variant(
        self, drivers: tuple[Driver, ...], choices: dict[str, VariantChoice]
    ) -> None:
        """HostError where drivers that were named have no variant for this host."""
        problems = [
            Problem(
                file=self.declaration.file,
                line=driver.line,
                key=f"drivers.{driver.name}.variants",
                message=f"no variant of {driver.name} is for this host",
                detail="\n".join(f"{name}: {reason}" for name, reason in choice.passed_over),
                hint="`--variant NAME` builds one anyway",
            )
            for driver in drivers
            if (choice := choices.get(driver.name)) is not None and choice.variant is None
        ]
        if problems:
            raise HostError(problems)

    def _reason_to_skip(self, driver: Driver) -> str | None:
        if driver.accelerator is not None:
            missing = accelerator_missing(driver.accelerator, self.host.accelerators)
            if missing is not None:
                return missing
        if self._platform(driver) is None:
            return f"none of its platforms is this host's ({', '.join(driver.platforms)})"
        return None

    def lockfiles(self, drivers: tuple[Driver, ...]) -> dict[str, StoredLockfile]:
        """The lockfile of each driver; errors as in `plan`."""
        found: dict[str, StoredLockfile] = {}
        problems: list[Problem] = []
        for driver in drivers:
            try:
                stored = self.folder.read(driver.name)
            except LockfileError as error:
                problems += error.problems
                continue
            problem = self._not_fresh(driver, stored.lockfile if stored is not None else None)
            if problem is not None:
                problems.append(problem)
            elif stored is not None:
                found[driver.name] = stored
        if problems:
            raise NoError(problems)
        self._refuse_missing_commands(found)
        return found

    def _not_fresh(self, driver: Driver, lockfile: Lockfile | None) -> Problem | None:
        file = self.folder.name(driver.name)
        if lockfile is None:
            message = f"{driver.name} has no lockfile"
            return Problem(file=file, message=message, hint="run `envbuild lock`")
        reasons = stale_reasons(lockfile, driver, self.declaration)
        if reasons:
            message = f"the lockfile of {driver.name} is stale: {'; '.join(reasons)}"
            return Problem(file=file, message=message, hint="run `envbuild lock`")
        return None

    def _refuse_missing_commands(self, lockfiles: dict[str, StoredLockfile]) -> None:
        problems = [
            problem
            for driver in self.declaration.drivers
            if (stored := lockfiles.get(driver.name)) is not None
            for problem in command_problems(driver, stored.lockfile, self.declaration.file)
        ]
        if problems:
            raise UsageError(problems)

    def _want(self, driver: Driver, stored: StoredLockfile, choice: VariantChoice | None) -> Wanted:
        platform = self._platform(driver)
        if platform is None:
            message = f"none of the platforms of {driver.name} is this host's"
            hint = f"it is locked for {', '.join(driver.platforms)}; this host is {self.host}"
            key = f"drivers.{driver.name}.platforms"
            problem = Problem(
                file=self.declaration.file, line=driver.line, key=key, message=message, hint=hint
            )
            raise HostError(problem)
        variant = choice.variant if choice is not None else None
        here = replace(driver, inherit=driver.inherit_for(variant))
        locked = tuple(dict.fromkeys(target.python for target in stored.lockfile.targets))
        interpreter = self.interpreter_for(here, locked)
        self._check_request(here, interpreter, locked)
        target = Target(
            python=next(request for request in locked if interpreter.answers(request)),
            platform=parse_platform(platform),
            variant=variant,
        )
        inherited = inherited_here(
            here, stored.lockfile, target, self.host_packages, file=self.declaration.file
        )
        wanted = want(
            driver=driver,
            lockfile=stored.lockfile,
            lock=stored.digest,
            target=target,
            interpreter=interpreter,
            kernel=self.host.kernel,
            inherited=inherited,
            options_of=self.declaration.build_of,
        )
        if choice is not None:
            wanted = replace(wanted, passed_over=choice.passed_over)
        self._check_python(wanted)
        return wanted

    def _check_request(
        self, driver: Driver, interpreter: Interpreter, locked: tuple[str, ...]
    ) -> None:
        """HostError if the Python whose packages a driver inherits is none of those that it is locked for."""
        if driver.inherit is None or any(map(interpreter.answers, locked)):
            return
        raise HostError(
            Problem(
                file=self.declaration.file,
                line=driver.inherit.line,
                key=f"drivers.{driver.name}.{driver.inherit.key}.python",
                message=f"{interpreter.path} is Python {interpreter.version}, "
                f"and {driver.name} is locked for {' or '.join(locked)}",
                hint=f'add "{interpreter.version.rpartition(".")[0]}" to `python`, and lock again',
            )
        )

    def _check_python(self, wanted: Wanted) -> None:
        """HostError if a locked package excludes this host's patch release of Python."""
        driver, python = wanted.driver, wanted.interpreter
        problems = [
            Problem(
                file=self.declaration.file,
                line=driver.line,
                key=f"drivers.{driver.name}.python",
                message=f"{driver.name}: {package.name} {package.version} requires Python "
                f"{package.requires_python}, and this host's is {python.version} ({python.path})",
                hint=python_hint(package.name, package.version),
            )
            for package in wanted.locked
            if not admits_python(package.requires_python, python.version)
        ]
        if problems:
            raise HostError(problems)

    def _platform(self, driver: Driver) -> str | None:
        """The newest of the driver's platforms that this host runs."""
        fitting = [
            platform
            for platform in map(parse_platform, driver.platforms)
            if self.host.runs(platform)
        ]
        newest = max(fitting, key=lambda platform: (platform.major, platform.minor), default=None)
        return None if newest is None else str(newest)
