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

    from envbuild.declaration.declaration import Declaration, Driver
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


def judge_on_host(lockfile: Lockfile, found: FoundAccelerator) -> TooNew | None:
    """What a host with this accelerator cannot run of a lockfile; None if it can run everything."""
    kind = find_kind(found.kind)
    for target in lockfile.targets if found.version is not None else ():
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


def check_host(
    declaration: Declaration,
    lockfiles: Mapping[str, Lockfile],
    host: tuple[FoundAccelerator, ...],
) -> Iterator[Finding]:
    """Drivers that a host with these accelerators would skip, or whose locked wheels it could not run."""
    for driver in declaration.drivers:
        if driver.accelerator is None or driver.name not in lockfiles:
            continue
        missing = accelerator_missing(driver.accelerator, host)
        if missing is not None:
            yield _skips(declaration, driver, host, missing)
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
