"""Environments that are built to try a set of packages, and removed afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.commands.bisect import Verdict
from envbuild.commands.gc import collect_unneeded
from envbuild.environment.probe import probes_of
from envbuild.errors import EnvbuildError, HostError, NoError, Problem, UsageError
from envbuild.posix.process import Command, find_program, scrubbed_environment
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envbuild.build.builder import Builder
    from envbuild.build.prober import Prober
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.lockfile.moves import Moves, TwoLockfiles
    from envbuild.posix.process import Completed, Runner
    from envbuild.store.plan import Wanted

_SKIP = 125
"""The exit code of a command that cannot tell, as for `git bisect run`."""

_ABORT = 128
"""From this exit code on, `git bisect run` ends the search: the command itself went wrong."""

_MOST_OUTPUT = 1 << 16
_SHOWN = 5
"""Lines of a command's output in a message."""


@value
class TrialCommand:
    """The command that judges an environment, in place of the driver's probes."""

    argv: tuple[str, ...]
    runner: Runner
    timeout: float
    """In seconds; a command that takes longer has failed."""

    def judge(self, environment: Path) -> Verdict:
        """Run it with the environment's commands first on `PATH`.

        NoError if it ends with 128 or more, or by a signal: it did not get to a judgement then.
        """
        folder = str(environment / "bin")
        path = os.pathsep.join((folder, os.environ.get("PATH", os.defpath)))
        program = find_program(self.argv[0], path)
        if program is None:
            message = f"there is no command {self.argv[0]!r}"
            raise UsageError(Problem(key="COMMAND", message=message))
        done = self.runner.run(
            Command(
                argv=(program, *self.argv[1:]),
                env=scrubbed_environment(
                    os.environ,
                    PATH=path,
                    VIRTUAL_ENV=str(environment),
                    PYTHONDONTWRITEBYTECODE="1",
                ),
                cwd=os.getcwd(),  # noqa: PTH109
                timeout=self.timeout,
                ends_group=True,
                most_output=_MOST_OUTPUT,
            )
        )
        if done.code == _SKIP:
            return Verdict.SKIPPED
        if not done.timed_out and (done.code >= _ABORT or done.code < 0):
            raise _broken(self.argv[0], done)
        return Verdict.GOOD if done.code == 0 else Verdict.BAD


def _broken(name: str, done: Completed) -> NoError:
    """The error that ends the search, as `git bisect run` ends it."""
    how = f"signal {-done.code}" if done.code < 0 else f"exit code {done.code}"
    last = (done.stderr or done.stdout).strip().splitlines()[-_SHOWN:]
    return NoError(
        Problem(
            key="COMMAND",
            message=f"{name} ended with {how}, which decides nothing: 0 is good, 1 to 124, 126 and 127 are bad, "
            "125 is unknown",
            detail="\n".join(last) or None,
            hint="if this is the failure that you look for, turn it into exit code 1: -- sh -c 'COMMAND || exit 1'",
        )
    )


class Trials:
    """Judges mixtures of two lockfiles: each is built once, and gone after the `with` block."""

    def __init__(
        self,
        builder: Builder,
        sides: TwoLockfiles,
        want: Callable[[Lockfile], Wanted],
        judge: TrialCommand | Prober,
        note: Callable[[str], None],
    ) -> None:
        self._builder = builder
        self._sides = sides
        self._want = want
        self._judge = judge
        self._note = note
        self._verdicts: dict[str, Verdict] = {}
        self._built: set[str] = set()

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *_: object) -> None:
        collect_unneeded(self._builder.store, self._built)

    @property
    def tried(self) -> int:
        """How many environments were judged."""
        return len(self._verdicts)

    @property
    def skipped(self) -> int:
        """How many of them could not be judged."""
        return sum(one is Verdict.SKIPPED for one in self._verdicts.values())

    def judge(self, moves: Moves) -> Verdict:
        """Build what these moves make, and judge it; what cannot be built is skipped."""
        wanted = self._want(self._sides.mixture(moves))
        name = wanted.environment
        if name not in self._verdicts:
            self._verdicts[name] = self._try(wanted)
            words = f"{len(moves)} of {len(self._sides.moves)} moves"
            self._note(f"trial {self.tried}: {words}: {self._verdicts[name].value}")
        return self._verdicts[name]

    def _try(self, wanted: Wanted) -> Verdict:
        store, name = self._builder.store, wanted.environment
        with store.claiming((name,)):
            try:
                if not store.is_valid(name):
                    self._built.add(name)
                    self._builder.build(wanted)
            except HostError:
                raise
            except EnvbuildError as error:
                self._note(f"cannot be built: {error.problems[0].message}")
                return Verdict.SKIPPED
            if isinstance(self._judge, TrialCommand):
                return self._judge.judge(store.environment(name))
            results = self._judge.probe(wanted.driver, store.environment(name))
        return Verdict.GOOD if all(one.failure is None for one in results) else Verdict.BAD


def require_probes(wanted: Wanted, file: str) -> None:
    """UsageError if the driver declares nothing that could fail."""
    if not probes_of(wanted.driver):
        name = wanted.driver.name
        raise UsageError(
            Problem(
                file=file,
                line=wanted.driver.line,
                key=f"drivers.{name}",
                message=f"{name} has no probe that says whether it is good",
                hint=f"`envbuild bisect {name} -- COMMAND` judges by a command's exit code",
            )
        )
