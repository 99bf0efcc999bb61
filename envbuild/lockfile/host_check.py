"""Whether a host's accelerators can run the locked packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.finding import Code, Finding
from envbuild.target.accelerator import accelerator_missing, all_kinds, find_kind
from envbuild.target.host_facts import parse_host_words
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver, Variant
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.target.accelerator import FoundAccelerator


@value
class TooNew:
    """Locked wheels that a host's accelerator is too old for."""

    driver: str
    message: str
    hint: str
    fatal: bool
    """True if nothing will run; False if only a part may fail."""


def parse_host(text: str) -> tuple[FoundAccelerator, ...]:
    """`cuda=12.4,compute=8.6` or `cpu`, as `check --host` takes it; UsageError if it is invalid."""
    try:
        return parse_host_words(text)
    except ValueError as error:
        forms = [f"{kind.name}={kind.example[2:]}" for kind in all_kinds() if kind.example]
        message = f"{text!r} is not a description of a host: {error}"
        hint = f"write it like {', '.join(forms)} or cpu"
        raise UsageError(Problem(key="--host", message=message, hint=hint)) from None


def judge_on_host(
    lockfile: Lockfile, found: FoundAccelerator, variant: str | None = None
) -> TooNew | None:
    """What a host with this accelerator cannot run of a lockfile or of one variant; None if it can run everything."""
    kind = find_kind(found.kind)
    for target in lockfile.targets if found.version is not None else ():
        if variant is not None and target.variant != variant:
            continue
        unsupported = kind.judge(lockfile.packages_for(target), found.version or "")
        if unsupported is not None:
            message = (
                f"{lockfile.driver} is locked with {unsupported.package}, "
                f"which is built for {kind.title} {unsupported.needed}; "
                f"the {kind.provider} goes up to {kind.title} {found.version}"
            )
            return TooNew(
                driver=lockfile.driver,
                message=message,
                hint=unsupported.hint,
                fatal=unsupported.fatal,
            )
    return None


@value
class VariantChoice:
    """The variant that a host gets."""

    variant: str | None
    """None where the host has what no variant asks for."""

    passed_over: tuple[tuple[str, str], ...]
    """The variants before it, in the order declared, each with the reason."""

    @property
    def reasons(self) -> str:
        """`cuda13: it needs CUDA >=13.0; no NVIDIA driver`, one after the other."""
        return " | ".join(f"{name}: {reason}" for name, reason in self.passed_over)


def choose_variant(
    driver: Driver, lockfile: Lockfile, host: tuple[FoundAccelerator, ...]
) -> VariantChoice:
    """The first of a driver's variants that a host has, and whose locked wheels it can run."""
    passed: list[tuple[str, str]] = []
    for variant in driver.variants:
        reason = _reason_against(variant, lockfile, host)
        if reason is None:
            return VariantChoice(variant=variant.name, passed_over=tuple(passed))
        passed.append((variant.name, reason))
    return VariantChoice(variant=None, passed_over=tuple(passed))


def _reason_against(
    variant: Variant, lockfile: Lockfile, host: tuple[FoundAccelerator, ...]
) -> str | None:
    if variant.accelerator is None:
        return None
    missing = accelerator_missing(variant.accelerator, host)
    if missing is not None:
        return missing
    for found in host:
        if found.kind == variant.accelerator.kind:
            too_new = judge_on_host(lockfile, found, variant.name)
            if too_new is not None and too_new.fatal:
                return too_new.message
    return None


def check_host(
    declaration: Declaration,
    lockfiles: Mapping[str, Lockfile],
    host: tuple[FoundAccelerator, ...],
) -> Iterator[Finding]:
    """Drivers that a host with these accelerators would skip, or whose locked wheels it could not run."""
    for driver in declaration.drivers:
        if driver.name not in lockfiles:
            continue
        missing = None
        if driver.accelerator is not None:
            missing = accelerator_missing(driver.accelerator, host)
        if missing is not None:
            yield _skips(declaration, driver, host, missing)
            continue
        if driver.variants:
            yield _variant_finding(declaration, driver, lockfiles[driver.name], host)
        if driver.accelerator is None or driver.variants:
            continue
        here = [found for found in host if found.kind == driver.accelerator.kind]
        too_new = judge_on_host(lockfiles[driver.name], here[0]) if here else None
        if too_new is not None:
            yield Finding(
                code=Code.HOST_ACCELERATOR,
                subject=driver.name,
                message=too_new.message,
                path=declaration.file,
                line=driver.line,
                hint=too_new.hint,
                other_level=None if too_new.fatal else "warning",
            )


def _variant_finding(
    declaration: Declaration,
    driver: Driver,
    lockfile: Lockfile,
    host: tuple[FoundAccelerator, ...],
) -> Finding:
    """Which variant a host gets."""
    choice = choose_variant(driver, lockfile, host)
    if choice.variant is None:
        return _skips(declaration, driver, host, f"it has no variant for it; {choice.reasons}")
    passed = f"; passed over: {choice.reasons}" if choice.passed_over else ""
    return Finding(
        code=Code.HOST_VARIANT,
        subject=driver.name,
        message=f"a host with {host_words(host)} gets {choice.variant} of {driver.name}{passed}",
        path=declaration.file,
        line=next(one.line for one in driver.variants if one.name == choice.variant),
    )


def _skips(
    declaration: Declaration, driver: Driver, host: tuple[FoundAccelerator, ...], missing: str
) -> Finding:
    return Finding(
        code=Code.HOST_SKIPS,
        subject=driver.name,
        message=f"a host with {host_words(host)} skips {driver.name}: {missing}",
        path=declaration.file,
        line=driver.line,
    )


def host_words(host: tuple[FoundAccelerator, ...]) -> str:
    """`CUDA 12.4`, or `no accelerator`."""
    versions = (f"{find_kind(found.kind).title} {found.version}" for found in host if found.version)
    return " and ".join(versions) or "no accelerator"
