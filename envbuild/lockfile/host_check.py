"""What a host with a given NVIDIA driver could not do with the lockfiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.finding import Code, Finding
from envbuild.lockfile.cuda import judge_cuda
from envbuild.target.accelerator import accelerator_missing
from envbuild.target.target import Host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.lockfile import Lockfile

_CUDA = re.compile(r"cuda=(?P<version>\d+\.\d+)")


def parse_host(text: str) -> str:
    """`cuda=12.4` → `12.4`; UsageError where it is not written so."""
    match = _CUDA.fullmatch(text)
    if match is None:
        message = f"{text!r} does not say what a host has"
        raise UsageError(Problem(key="--host", message=message, hint="write it like cuda=12.4"))
    return match["version"]


def check_host(
    declaration: Declaration, lockfiles: Mapping[str, Lockfile], cuda: str
) -> Iterator[Finding]:
    """GPU drivers that such a host would skip, or whose locked wheels it could not run.

    `cuda` is the newest CUDA version that the host's NVIDIA driver supports.
    """
    host = Host(arch="", system="", system_version=(0, 0), cuda=cuda)
    for driver in declaration.drivers:
        if driver.accelerator is None or driver.name not in lockfiles:
            continue
        if accelerator_missing(driver.accelerator, host) is not None:
            yield Finding(
                code=Code.HOST_SKIPS,
                subject=driver.name,
                message=(
                    f"a host with CUDA {cuda} skips {driver.name}, "
                    f"which needs CUDA {driver.accelerator.cuda}"
                ),
                path=declaration.file,
                line=driver.line,
                level="note",
            )
            continue
        finding = judge_cuda(lockfiles[driver.name], cuda)
        if finding is not None:
            yield Finding(
                code=Code.HOST_CUDA,
                subject=driver.name,
                message=finding.message,
                path=declaration.file,
                line=driver.line,
                hint=finding.hint,
                level="error" if finding.fatal else "warning",
            )
