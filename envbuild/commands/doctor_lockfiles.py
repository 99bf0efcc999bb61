"""What `doctor` finds by the lockfiles: stale ones, and variants that this host would not get now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import Code, Finding
from envbuild.lockfile.freshness import stale_reasons
from envbuild.lockfile.host_check import choose_variant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.store.manifest import Manifest
    from envbuild.target.target import Host


def lock_findings(
    declaration: Declaration, folder: LockFolder, manifest: Manifest, host: Host
) -> Iterator[Finding]:
    """For each enabled driver: no lockfile, a stale one, or another variant installed than this host would get."""
    for driver in declaration.drivers:
        if not driver.enabled:
            continue
        stored = folder.read(driver.name)
        if stored is None:
            yield _lock_finding(driver, "it has no lockfile")
            continue
        reasons = stale_reasons(stored.lockfile, driver, declaration)
        if reasons:
            yield _lock_finding(driver, f"its lockfile is stale: {'; '.join(reasons)}")
            continue
        installed = manifest.driver(driver.name)
        if installed is not None and driver.variants:
            yield from _variant_finding(driver, stored.lockfile, installed.variant, host)


def _lock_finding(driver: Driver, message: str) -> Finding:
    hint = "run `envbuild lock`"
    return Finding(code=Code.LOCKFILE, subject=driver.name, message=message, hint=hint)


def _variant_finding(
    driver: Driver, lockfile: Lockfile, installed: str | None, host: Host
) -> Iterator[Finding]:
    """That the host's accelerator or its driver has changed since the variant was built, or that it was forced."""
    choice = choose_variant(driver, lockfile, host.accelerators)
    if choice.variant == installed:
        return
    here = f"its variant {installed} is installed" if installed else "no variant of it is installed"
    hint = "run `envbuild sync`"
    if choice.variant is None:
        now = f"none is for this host now; {choice.reasons}"
        hint += ", which removes it; or change what a variant requires"
    else:
        now = f"this host would get {choice.variant} now"
        against = dict(choice.passed_over).get(installed or "")
        now += f"; {installed}: {against}" if against else ""
        if installed:
            hint += f"; `--variant {installed}` keeps what is installed"
    yield Finding(code=Code.VARIANT, subject=driver.name, message=f"{here}, and {now}", hint=hint)
