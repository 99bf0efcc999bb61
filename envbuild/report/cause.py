"""Causes and chains as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.conflicts.conflict import Cause, Clash


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


def clash_table(clash: Clash) -> dict[str, object]:
    """A clash as a JSON object."""
    return {
        "package": clash.package,
        "causes": [cause_table(cause) for cause in clash.causes],
    }


def cause_table(cause: Cause) -> dict[str, object]:
    """A cause as a JSON object."""
    return {
        "driver": cause.driver,
        "line": cause.line,
        "kind": cause.kind,
        "chain": [
            {"package": step.package, "version": step.version, "locked_by": step.locked_by}
            for step in cause.steps
        ],
        "package": cause.package,
        "specifier": cause.specifier or None,
    }


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
