"""What `envbuild lock --cross-check` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import render_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.commands.lock_result import CrossCheck
    from envbuild.lockfile.picks import Difference, PickedSide
    from envbuild.target.target import Target


def cross_check_lines(check: CrossCheck) -> Iterator[str]:
    """A line for each answer; the explanations of a difference below it."""
    name, judge = check.driver, check.judge
    if check.agreed:
        count = render_count(len(check.agreed), "target")
        builds = f", {render_count(check.builds, 'build')} included" if check.builds else ""
        yield f"{name}: {judge} takes the same versions as {check.resolver} on {count}{builds}"
    for difference in check.differences:
        yield from _difference_lines(difference, check)
    for none in check.unsatisfied:
        what = f"to build {none.build} " if none.build else ""
        yield f"{name}: {judge} finds no versions {what}for {none.target}, where {check.resolver} locked some"
        yield from (f"  {line}" for line in none.words.splitlines())
    for reason, targets in _by_reason(check.not_judged):
        yield f"{name}: {judge} cannot resolve {_listed(targets)}: {reason}"


def _difference_lines(difference: Difference, check: CrossCheck) -> Iterator[str]:
    locked, judged = difference.locked, difference.judged
    build = f"to build {difference.build}: " if difference.build else ""
    yield (
        f"{check.driver}: {build}{difference.package}: {_takes(check.resolver, locked)}, "
        f"{_takes(check.judge, judged)}, on {_listed(difference.targets)}"
    )
    for resolver, side in ((check.resolver, locked), (check.judge, judged)):
        required = f"{'; '.join(side.required_by)}; " if side.required_by else ""
        yield f"  {resolver}: {required}{side.why}"


def _takes(resolver: str, side: PickedSide) -> str:
    return (
        f"{resolver} takes {side.version}"
        if side.version is not None
        else f"{resolver} leaves it out"
    )


def _listed(targets: Iterable[Target]) -> str:
    return ", ".join(map(str, targets))


def _by_reason(pairs: Iterable[tuple[Target, str]]) -> list[tuple[str, list[Target]]]:
    found: dict[str, list[Target]] = {}
    for target, reason in pairs:
        found.setdefault(reason, []).append(target)
    return list(found.items())


def cross_check_table(check: CrossCheck) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "driver": check.driver,
        "resolver": check.resolver,
        "judge": check.judge,
        "packages": check.packages,
        "builds": check.builds,
        "agreed": [*map(str, check.agreed)],
        "differences": [
            {
                "package": one.package,
                "build": one.build,
                "targets": [*map(str, one.targets)],
                "locked": _side_table(one.locked),
                "judged": _side_table(one.judged),
            }
            for one in check.differences
        ],
        "unsatisfied": [
            {"target": str(one.target), "build": one.build, "words": one.words}
            for one in check.unsatisfied
        ],
        "not_judged": [
            {"targets": [*map(str, targets)], "reason": reason}
            for reason, targets in _by_reason(check.not_judged)
        ],
    }


def _side_table(side: PickedSide) -> dict[str, object]:
    return {"version": side.version, "required_by": list(side.required_by), "why": side.why}
