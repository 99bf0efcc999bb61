"""Whether one interpreter could hold two drivers: with which pins, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.target.target import Platform, Target


@value
class Step:
    """One package on the way from a driver's own line to a cause."""

    package: str
    version: str
    locked_by: str | None = None
    """The driver whose lockfile pins this version, where it is not the chain's own driver."""


@value
class Cause:
    """One requirement that a conflict rests on, with the whole chain that brings it."""

    driver: str
    line: int | None
    """The driver's own line in `drivers.toml` that the chain begins with."""

    kind: str
    """`requirement`, `constraint` or `override` for versions asked for;
    `brings` for who needs the package where one requirement alone excludes every locked version of it;
    `missing` for what no lockfile has; `python` and `platform` for what the drivers declare.
    """

    steps: tuple[Step, ...]
    """The packages between the driver and the requirement; empty where the driver itself asks."""

    package: str
    """What is asked for: a package's name, or `python`, or `platform`."""

    specifier: str
    """The versions asked for; empty for any."""

    def __str__(self) -> str:
        """`vllm (drivers.toml:31) → xgrammar ==0.1.25`, without the file; see `report`."""
        place = self.driver if self.line is None else f"{self.driver} (line {self.line})"
        steps = [f"{step.package} {step.version}" for step in self.steps]
        return " → ".join([place, *steps, f"{self.package} {self.specifier}".rstrip()])


@value
class Contradiction:
    """Requirements that cannot hold together, and would without any one of them.

    To drop a requirement is to take any version of what it asks for.
    """

    package: str
    """The package that they cannot agree on."""

    causes: tuple[Cause, ...]


@value
class Move:
    """A package of which a driver has another version locked."""

    driver: str
    package: str
    locked: str
    """The version that the driver has locked."""

    version: str
    """The version that would serve both."""


@value
class Compatible:
    """One interpreter could hold both."""

    target: Target
    pins: tuple[tuple[str, str], ...]
    """Package and version, in name order."""

    moves: tuple[Move, ...] = ()
    """Where the pins are not what a driver has locked for the target, in name order."""


@value
class Conflict:
    """No choice among what is locked serves both."""

    target: Target | None
    """Where it was proved; None where the drivers share no Python or no platform at all."""

    packages: tuple[str, ...]
    """The packages that both cannot do without and of which no candidate suits both, in name order."""

    clashes: tuple[Contradiction, ...]
    """Independent of one another: without one cause of the first, the next still stands."""

    complete: bool = True
    """Whether the drivers would fit without the causes named; False where the list was cut short."""


@value
class PlatformAnswer:
    """The answer on one platform."""

    platform: Platform | None
    """None where the drivers share no platform."""

    answer: Compatible | Conflict


@value
class Pair:
    """Two drivers, and the answer on every platform that they share."""

    first: str
    second: str
    outcomes: tuple[PlatformAnswer, ...]

    @property
    def compatible(self) -> bool:
        """Whether one interpreter could hold both on every platform that they share."""
        return all(isinstance(outcome.answer, Compatible) for outcome in self.outcomes)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The conflicts, in the order of the platforms."""
        answers = (outcome.answer for outcome in self.outcomes)
        return tuple(answer for answer in answers if isinstance(answer, Conflict))

    def other(self, driver: str) -> str:
        """The pair's other driver."""
        return self.second if driver == self.first else self.first


def render_cause(cause: Cause, file: str) -> str:
    """`vllm (drivers.toml:31) → xgrammar ==0.1.25`.

    A package that has its driver's own name is not said twice.
    """
    place = f"{file}:{cause.line}" if cause.line is not None else file
    if cause.kind in ("constraint", "override"):
        place += f", {cause.kind}"
    steps = [
        f"{step.package} {step.version}{_foreign(step.locked_by)}"
        for number, step in enumerate(cause.steps)
        if number or step.package != cause.driver
    ]
    return " → ".join([f"{cause.driver} ({place})", *steps, _asked(cause)])


def _foreign(locked_by: str | None) -> str:
    return f" (as {locked_by} locks it)" if locked_by else ""


def _asked(cause: Cause) -> str:
    if cause.kind in ("python", "platform"):
        return f"{cause.kind} {cause.specifier}"
    if cause.kind == "brings":
        return f"{cause.package} (any version)"
    if cause.kind == "missing":
        return f"{cause.package} {cause.specifier}".rstrip() + " (locked nowhere for this target)"
    return f"{cause.package} {cause.specifier}".rstrip()
