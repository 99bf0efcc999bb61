"""What a changed declaration means before it is locked, told from what is locked."""

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
    """A driver whose new lines contradict one another over everything that is locked."""

    driver: str
    clashes: tuple[Contradiction, ...]


@value
class UnlockedChanges:
    """The fleet with its new lines, as far as what is locked can serve them."""

    lockfiles: dict[str, Lockfile]
    """With the declared inputs, where locked versions serve them; else as they were locked."""

    unmet: tuple[UnmetDriver, ...]


def foresee(declaration: Declaration, lockfiles: Mapping[str, Lockfile]) -> UnlockedChanges:
    """Put the declared lines in place of the locked ones and see whether locked versions still serve them."""
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
    """Drivers whose new lines no locked versions serve, with the proof."""
    for unmet in foreseen.unmet:
        causes = [cause for clash in unmet.clashes[:1] for cause in clash.causes]
        proof = " against ".join(render_cause(cause, declaration.file) for cause in causes)
        yield Finding(
            code=Code.UNMET_CHANGE,
            subject=unmet.driver,
            message=f"no locked versions serve what {unmet.driver} asks for now: {proof}",
            path=declaration.file,
            line=next((cause.line for cause in causes), None),
            hint=f"`envbuild lock {unmet.driver}` asks the index for others",
        )
