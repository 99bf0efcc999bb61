"""Causes and chains as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.conflicts.conflict import Cause, Clash


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
