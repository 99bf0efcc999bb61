"""The effect of a changed declaration before it is locked, worked out from the lockfiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.conflicts.conflict import render_cause
from envbuild.finding import Code, Finding
from envbuild.lockfile.freshness import inputs_of
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.conflicts.conflict import Contradiction
    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.lockfile import Lockfile


@value
class UnmetDriver:
    """A driver whose new requirements no locked versions satisfy."""

    driver: str
    clashes: tuple[Contradiction, ...]


@value
class UnlockedChanges:
    """The fleet with its new requirements, if locked versions can satisfy them."""

    lockfiles: dict[str, Lockfile]
    """With the declared inputs if locked versions satisfy them; else as locked."""

    unmet: tuple[UnmetDriver, ...]


def foresee(declaration: Declaration, lockfiles: Mapping[str, Lockfile]) -> UnlockedChanges:
    """Replace the locked requirements by the declared ones, and check whether locked versions still satisfy them."""
    foreseen = dict(lockfiles)
    unmet = []
    for driver in declaration.drivers:
        locked = lockfiles.get(driver.name)
        inputs = inputs_of(driver, declaration)
        if locked is None or locked.inputs == inputs:
            continue
        from envbuild.conflicts.pair_decision import Fleet

        changed = replace(locked, inputs=inputs)
        fleet = Fleet({**lockfiles, driver.name: changed}.values(), declaration)
        clashes = fleet.prove_alone(driver.name)
        if clashes:
            unmet.append(UnmetDriver(driver=driver.name, clashes=clashes))
        else:
            foreseen[driver.name] = changed
    return UnlockedChanges(lockfiles=foreseen, unmet=tuple(unmet))


def unmet_findings(foreseen: UnlockedChanges, declaration: Declaration) -> Iterator[Finding]:
    """Drivers whose new requirements no locked versions satisfy, with the proof."""
    for unmet in foreseen.unmet:
        causes = [cause for clash in unmet.clashes[:1] for cause in clash.causes]
        proof = " against ".join(render_cause(cause, declaration.file) for cause in causes)
        yield Finding(
            code=Code.UNMET_CHANGE,
            subject=unmet.driver,
            message=f"no locked versions satisfy the new requirements of {unmet.driver}: {proof}",
            path=declaration.file,
            line=next((cause.line for cause in causes), None),
            hint=f"run `envbuild lock {unmet.driver}`, which asks the index for other versions",
        )
