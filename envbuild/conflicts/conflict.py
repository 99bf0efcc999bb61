"""Whether one interpreter could have two drivers: with which pins, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.target.target import Platform, Target


DECLARED = ("python", "platform", "variant")
"""The kinds of causes that are no requirements: what two drivers declare and do not share."""


@value
class Step:
    """A package on the path from a driver's own line to a cause."""

    package: str
    version: str
    locked_by: str | None = None
    """The driver whose lockfile pins this version, if it is not the chain's driver."""


@value
class Cause:
    """A requirement that causes a conflict, with its whole chain."""

    driver: str
    line: int | None
    """The line in `drivers.toml` that the chain starts with."""

    kind: str
    """`requirement`, `constraint` or `override` for required versions;
    `source` for where a driver has a package from;
    `brings` for the chain to a package if one requirement excludes every locked version of it;
    `missing` for a package that no lockfile has; `python`, `platform` and `variant` for what the drivers declare.
    """

    steps: tuple[Step, ...]
    """The packages between the driver and the requirement; empty for the driver's own requirement."""

    package: str
    """A package's name, `python`, `platform` or `variant`."""

    specifier: str
    """The required versions, empty for any; of a `source`, where it comes from."""


@value
class Contradiction:
    """Requirements that contradict each other, and would not without any one of them.

    To drop a requirement means to allow any version of its package.
    """

    package: str
    """The package that they disagree on."""

    causes: tuple[Cause, ...]


@value
class Move:
    """A package that a driver has locked at another version."""

    driver: str
    package: str
    locked: str
    """The version that the driver has locked."""

    version: str
    """The version that fits both."""


@value
class Compatible:
    """One interpreter could have both."""

    target: Target
    pins: tuple[tuple[str, str], ...]
    """Package and version, ordered by name."""

    moves: tuple[Move, ...] = ()
    """Pins that differ from what a driver has locked for the target, ordered by name."""


@value
class Conflict:
    """No choice of locked versions fits both."""

    target: Target | None
    """The target of the proof; None if the drivers share no Python, no platform or no variant."""

    packages: tuple[str, ...]
    """The packages that both need and that have no candidate for both, ordered by name."""

    clashes: tuple[Contradiction, ...]
    """Independent clashes: without one cause of the first, the next one remains."""

    complete: bool = True
    """Whether the drivers would fit without the listed causes; False if the list was cut."""


@value
class PlatformAnswer:
    """The answer on one platform, and for one variant."""

    platform: Platform | None
    """None if the drivers share no platform, or no variant."""

    variant: str | None = None
    """The variant that both are locked for, or one of them if the other has none; None without variants."""

    answer: Compatible | Conflict


@value
class Pair:
    """Two drivers, and the answer on every platform that they share."""

    first: str
    second: str
    outcomes: tuple[PlatformAnswer, ...]

    @property
    def compatible(self) -> bool:
        """Whether one interpreter could have both on every platform that they share."""
        return all(isinstance(outcome.answer, Compatible) for outcome in self.outcomes)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """The conflicts, in the order of the platforms."""
        answers = (outcome.answer for outcome in self.outcomes)
        return tuple(answer for answer in answers if isinstance(answer, Conflict))


def render_cause(cause: Cause, file: str) -> str:
    """`vllm (drivers.toml:31) → xgrammar ==0.1.25`.

    A package with its driver's name is left out.
    """
    place = f"{file}:{cause.line}" if cause.line is not None else file
    if cause.kind in ("constraint", "override", "source"):
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
    if cause.kind in DECLARED:
        return f"{cause.kind} {cause.specifier}"
    if cause.kind == "brings":
        return f"{cause.package} (any version)"
    if cause.kind == "missing":
        return f"{cause.package} {cause.specifier}".rstrip() + " (not locked for this target)"
    return f"{cause.package} {cause.specifier}".rstrip()
