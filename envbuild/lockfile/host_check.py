"""What locked packages ask of a host's accelerators: what a host could not do with the lockfiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.finding import Code, Finding
from envbuild.target.accelerator import (
    FoundAccelerator,
    accelerator_missing,
    all_kinds,
    find_kind,
)
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.lockfile import Lockfile

_HOST = re.compile(r"(?P<kind>[a-z]+)=(?P<version>\d{1,9}\.\d{1,9})")


@value
class TooNew:
    """Locked wheels that a host's accelerator is too old for, wholly or in part."""

    driver: str
    message: str
    hint: str
    fatal: bool
    """Whether nothing will run; else only a part may not."""


def parse_host(text: str) -> FoundAccelerator:
    """`cuda=12.4`, as `check --host` takes it; UsageError where it is not written so."""
    match = _HOST.fullmatch(text)
    if match is None or match["kind"] not in {kind.name for kind in all_kinds()}:
        message = f"{text!r} does not say what a host has"
        forms = (f"{kind.name}={kind.example.lstrip('>=')}" for kind in all_kinds())
        raise UsageError(
            Problem(key="--host", message=message, hint=f"write it like {' or '.join(forms)}")
        )
    return FoundAccelerator(kind=match["kind"], version=match["version"])


def judge_on_host(lockfile: Lockfile, found: FoundAccelerator) -> TooNew | None:
    """What a host that has this accelerator cannot do with a lockfile; None where it can do all."""
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
    declaration: Declaration, lockfiles: Mapping[str, Lockfile], host: FoundAccelerator
) -> Iterator[Finding]:
    """Drivers that a host with this accelerator would skip, or whose locked wheels it could not run."""
    kind = find_kind(host.kind)
    for driver in declaration.drivers:
        if driver.accelerator is None or driver.name not in lockfiles:
            continue
        if accelerator_missing(driver.accelerator, (host,)) is not None:
            needs = find_kind(driver.accelerator.kind).title
            yield Finding(
                code=Code.HOST_SKIPS,
                subject=driver.name,
                message=(
                    f"a host with {kind.title} {host.version} skips {driver.name}, "
                    f"which needs {needs} {driver.accelerator.versions}"
                ),
                path=declaration.file,
                line=driver.line,
            )
            continue
        too_new = judge_on_host(lockfiles[driver.name], host)
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
