"""Build a source distribution into a wheel through uv; this runs the package's own code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.uv.executable import base_arguments, uv_executable
from envbuild.uv.output import without_switches
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from envbuild.posix.process import Runner

_SHOWN = 40
"""Lines of a failed build that are shown."""


@value
class SdistBuilder:
    """Builds wheels of packages for which the declaration allows it."""

    runner: Runner
    cache: Path
    """uv's cache, private to the store."""

    index_environment: Callable[[], Mapping[str, str]]
    """Gives the variables that tell uv where indexes live, for what the build itself requires."""

    def build(self, sdist: Path, folder: Path) -> Path:
        """Build the source distribution → its wheel, in a new folder below `folder`.

        HostError has the build's output.
        """
        output = folder / "wheel"
        output.mkdir()
        argv = (uv_executable(), "build", *base_arguments(), "--wheel")
        argv += ("--python", sys.executable, "--cache-dir", str(self.cache))
        argv += ("--out-dir", str(output), str(sdist))
        env = scrubbed_environment(os.environ, **self.index_environment())
        done = self.runner.run(Command(argv=argv, env=env, cwd=str(folder)))
        wheels = list(output.glob("*.whl"))
        # `uv build` refuses a wheel that adds a local version, which `uv pip install` accepts
        if len(wheels) != 1 or (done.code != 0 and not _adds_local(sdist.name, wheels[0].name)):
            message = f"{sdist.name} cannot be built into a wheel"
            hint = "require a version that has a wheel, or provide what the build needs"
            raise HostError(
                Problem(
                    message=message, detail=_last_lines(without_switches(done.stderr)), hint=hint
                )
            )
        return wheels[0]


def _last_lines(words: str) -> str:
    """The last lines of a build's output, which have its error."""
    lines = words.strip().splitlines()
    more = ["…"] if len(lines) > _SHOWN else []
    return "\n".join((*more, *lines[-_SHOWN:]))


def _adds_local(sdist: str, wheel: str) -> bool:
    """Whether a wheel's version is its source's version with a local version (PEP 440)."""
    from packaging.utils import parse_sdist_filename, parse_wheel_filename

    try:
        (name, version), (built, found, *_) = (
            parse_sdist_filename(sdist),
            parse_wheel_filename(wheel),
        )
    except ValueError:
        return False
    return built == name and found.local is not None and found.public == str(version)
