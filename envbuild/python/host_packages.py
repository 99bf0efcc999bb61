"""The packages that a Python of the host has; read from its folders, none of their code runs."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.contents import record_digest
from envbuild.environment.derivation import InheritedDistribution
from envbuild.environment.host_files import distribution_folders
from envbuild.environment.installed import read_distribution
from envbuild.errors import HostError
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.posix.process import Runner

_TIMEOUT = 60.0
"""Seconds for a Python to answer; start-up files of its packages run before it does."""

_QUESTION = r"""
import json, os, sys
own = os.path.dirname(os.__file__)
print(json.dumps([p for p in sys.path if os.path.isdir(p) and p != own and "lib-dynload" not in p]))
"""


@value
class HostDistribution:
    """A distribution in a site-packages folder of the host."""

    found: InheritedDistribution
    """Its `record` is empty if it has no RECORD."""

    requires: tuple[str, ...]
    """Its `Requires-Dist`."""


def find_host_packages(
    python: str, runner: Runner, environment: Mapping[str, str]
) -> tuple[HostDistribution, ...] | None:
    """The distributions that a Python imports from, the first of each name; None if it does not start."""
    command = Command(
        argv=(python, "-I", "-c", _QUESTION),
        env=scrubbed_environment(environment),
        cwd="/",
        timeout=_TIMEOUT,
    )
    try:
        completed = runner.run(command)
        folders = json.loads(completed.stdout) if completed.code == 0 else None
    except (HostError, ValueError):
        return None
    if not isinstance(folders, list):
        return None
    found: dict[str, HostDistribution] = {}
    for distribution in _distributions(str(folder) for folder in folders):
        found.setdefault(distribution.found.name, distribution)
    return tuple(found.values())


def _distributions(folders: Iterable[str]) -> Iterator[HostDistribution]:
    for root in folders:
        for folder in distribution_folders(Path(root)):
            with suppress(OSError):
                parsed = read_distribution(folder)
                if parsed is not None:
                    found = InheritedDistribution(
                        name=parsed.name,
                        version=parsed.version,
                        folder=os.path.realpath(folder),
                        record=record_digest(folder),
                    )
                    yield HostDistribution(found=found, requires=parsed.requires)
