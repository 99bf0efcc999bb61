"""Run a program of a build: without network, as an ordinary user, within limits, and with a log."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.posix.fence import find_fence
from envbuild.posix.files import write_private
from envbuild.posix.limits import Limits, Watch, usual_memory
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.text import escaped, output_lines
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.backend.source import SourceTree
    from envbuild.backend.workplace import Workplace
    from envbuild.declaration.declaration import BuildOptions
    from envbuild.posix.process import Completed, Runner
    from envbuild.target.target import Interpreter

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_TAIL = 15
"""Lines of output that a message shows."""

_UMASK = 0o022


class BuildError(HostError):
    """A source cannot be built."""


@value
class Sandbox:
    """Runs the programs of one build."""

    runner: Runner
    place: Workplace
    tree: SourceTree
    options: BuildOptions
    interpreter: Interpreter
    log: Path
    """The file for the output of all its programs."""

    jobs: int
    """How many compilers it is told to start at the same time."""

    def run(self, argv: tuple[str, ...], env: Mapping[str, str], cwd: str) -> None:
        """Run a program to its end; BuildError with the end of its output if it fails or is ended."""
        needed = (self.place.root, Path(self.interpreter.path).parent.parent)
        covered = self.place.covered(needed)
        options = self.options
        memory = options.memory or usual_memory()
        limits = Limits(seconds=options.timeout, memory=memory, disk=options.disk)
        alive, kept_open = os.pipe()
        told = {
            "alive": alive,
            "argv": argv,
            "umask": _UMASK,
            "limits": limits.of_each_process(),
            "user": None if self.place.user is None else [self.place.user.uid, self.place.user.gid],
            "covered": [str(folder) for folder in covered],
            "kept": [str(p) for p in needed if any(folder in p.parents for folder in covered)],
        }
        launcher = (sys.executable, "-I", "-S", _LAUNCHER, json.dumps(told))
        try:
            done = self.runner.run(
                Command(
                    argv=(*self._fence(mounts=bool(covered)), *launcher),
                    env=tuple(sorted({**self._environment(), **env}.items())),
                    cwd=cwd,
                    timeout=limits.seconds,
                    ends_group=True,
                    keep_open=(alive,),
                    most_output=limits.output,
                    watch=Watch(folder=self.place.root, limits=limits).look,
                )
            )
        finally:  # if envbuild is killed, the kernel closes it, and the program ends
            os.close(alive)
            os.close(kept_open)
        self._keep(argv, done)
        reason = limits.failure(done)
        if reason is not None:
            raise self.failure(reason, done.stdout)

    def failure(self, reason: str, output: str = "") -> BuildError:
        """The error of this build, with the end of the output and the place of the log."""
        network = "allowed" if self.options.network else "denied"
        hint = f"its whole output is in {self.log}; the network was {network}"
        return BuildError(
            Problem(
                key=f"build.{self.options.package}" if self.options.line else None,
                file=self.options.file,
                line=self.options.line,
                message=f"{self.tree.name} cannot be built: {reason}",
                detail="\n".join(output_lines(output)[-_TAIL:]) or None,
                hint=hint,
            )
        )

    def _fence(self, *, mounts: bool) -> tuple[str, ...]:
        fence = find_fence(self.runner, network=self.options.network, mounts=mounts)
        if fence is not None:
            return fence
        name = self.options.package
        if mounts:
            user = self.place.user
            assert user is not None  # nothing is covered for the user who runs envbuild
            message = (
                f"the user {user.name}, who builds {name}, cannot start {self.interpreter.path}"
            )
            hint = (
                "install Python where every user can start it, "
                f"or name another user in `build-user` of [build.{name}]"
            )
            raise HostError(Problem(message=message, hint=hint))
        if self.options.network:
            return ()
        raise HostError(
            Problem(
                message=f"this host cannot keep the network from the build of {name}",
                hint="install the program `unshare`, and run as root or allow user namespaces; "
                f"or set `network = true` in [build.{name}]",
            )
        )

    def _environment(self) -> dict[str, str]:
        """The whole environment of a build; nothing else of the caller's gets into it."""
        path = dict(scrubbed_environment(os.environ)).get("PATH") or os.defpath
        place, jobs = self.place, str(self.jobs)
        return {
            "CARGO_BUILD_JOBS": jobs,
            "CMAKE_BUILD_PARALLEL_LEVEL": jobs,
            "HOME": str(place.home),
            "LANG": "C.UTF-8",
            "MAKEFLAGS": f"-j{jobs}",
            "MAX_JOBS": jobs,
            "PATH": f"{place.environment}/bin{os.pathsep}{path}",
            "PYTHONHASHSEED": "0",
            "PYTHONNOUSERSITE": "1",
            "SOURCE_DATE_EPOCH": str(self.tree.epoch),
            "TMPDIR": str(place.temporary),
            "VIRTUAL_ENV": str(place.environment),
            **dict(self.options.env),
        }

    def _keep(self, argv: tuple[str, ...], done: Completed) -> None:
        """Add a program's output to the log, without what a terminal would obey."""
        before = self.log.read_text(encoding="utf-8") if self.log.is_file() else ""
        lines = (f"$ {' '.join(map(escaped, argv))}", *output_lines(done.stdout), "")
        text = f"{before}{chr(10).join(lines)}\n"
        write_private(self.log, text.encode(errors="replace"))
