"""What `envbuild sync` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import render_bytes, render_count
from envbuild.report.list import preferred_line
from envbuild.report.outcome import problems_table
from envbuild.store.manifest import preferred_table
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.sync import SyncResult
    from envbuild.store.plan import Wanted
    from envbuild.store.shims import MovedShim
    from envbuild.text import Text


def render_sync(result: SyncResult) -> Text:
    """What would be done, or was done, one a line."""
    done = result.applied is not None
    lines = [
        *_release_lines(result),
        *_variant_lines(result),
        *_preferred_lines(result),
        *(_done_lines(result) if done else _plan_lines(result)),
        *_skip_lines(result),
        *_end_lines(result),
    ]
    return text_of(lines)


def sync_table(result: SyncResult) -> dict[str, object]:
    """The same as a JSON object."""
    plan, applied = result.plan, result.applied
    return {
        "empty": plan.is_empty,
        "applied": applied is not None,
        "plan": {
            "build": [_wanted_table(wanted) for wanted in plan.builds],
            "keep": list(plan.kept),
            "drop": list(plan.dropped),
            "skip": [{"driver": skip.driver, "reason": skip.reason} for skip in plan.skips],
            "switch": plan.switch,
        },
        "built": list(applied.built) if applied is not None else [],
        "failed": [
            {"driver": failure.driver, **problems_table(failure.error)}
            for failure in (applied.failures if applied is not None else ())
        ],
        "moved_shims": [
            {"shim": moved.shim, "before": moved.before, "now": moved.now}
            for moved in (applied.moved_shims if applied is not None else ())
        ],
        "switched": applied.switched if applied is not None else False,
        "generation": result.manifest.generation if result.manifest is not None else None,
        "release": _release_table(result),
    }


def _release_table(result: SyncResult) -> dict[str, object] | None:
    followed = result.followed
    if followed is None:
        return None
    return {
        "sequence": followed.release.sequence,
        "digest": followed.digest,
        "source": followed.place,
        "trusted": followed.untrusted is None,
    }


def _release_lines(result: SyncResult) -> Iterator[str]:
    followed = result.followed
    if followed is not None:
        taken = (
            ""
            if followed.untrusted is None
            else f", of which only wheels are taken: {followed.untrusted}"
        )
        yield f"release {followed.release.sequence} of {followed.place}{taken}"


def _wanted_table(wanted: Wanted) -> dict[str, object]:
    return {
        "driver": wanted.driver.name,
        "version": wanted.version,
        "environment": wanted.environment,
        "target": str(wanted.target),
        "variant": wanted.target.variant,
        "passed_over": [{"variant": name, "reason": reason} for name, reason in wanted.passed_over],
        "preferred": preferred_table(wanted.preferred),
        "python": wanted.interpreter.path,
        "packages": len(wanted.files),
        "download": sum(file.size for file in wanted.files),
    }


def _skip_lines(result: SyncResult) -> Iterator[str]:
    yield from (f"{skip.driver}: skipped, {skip.reason}" for skip in result.plan.skips)


def _variant_lines(result: SyncResult) -> Iterator[str]:
    """The variant of each driver that has some, and why those before it are not for this host."""
    for wanted in result.plan.wanted:
        if wanted.target.variant is not None:
            yield f"{wanted.driver.name}: variant {wanted.target.variant}"
            for name, reason in wanted.passed_over:
                yield f"  {name} passed over: {reason}"


def _preferred_lines(result: SyncResult) -> Iterator[str]:
    """Drivers with another version because the host lacks the first Python of their list."""
    for wanted in result.plan.wanted:
        if wanted.preferred is not None:
            yield preferred_line(
                f"{wanted.driver.name} {wanted.version}",
                wanted.interpreter.version,
                wanted.preferred.python,
                wanted.preferred.version,
            )


def _plan_lines(result: SyncResult) -> Iterator[str]:
    plan = result.plan
    if plan.is_empty:
        count = render_count(len(plan.wanted), "driver")
        number = result.manifest.generation if result.manifest is not None else 0
        yield f"nothing to do: generation {number} has {count} as declared"
        return
    for wanted in plan.builds:
        size = render_bytes(sum(file.size for file in wanted.files))
        packages = render_count(len(wanted.files), "package")
        yield (
            f"{wanted.driver.name} {wanted.version}: would build {wanted.environment} "
            f"on Python {wanted.interpreter.version}, {packages}, {size} of wheels"
        )
    yield from (f"{name}: would stay as it is" for name in plan.kept)
    yield from (f"{name}: would be dropped" for name in plan.dropped)


def _done_lines(result: SyncResult) -> Iterator[str]:
    applied = result.applied
    assert applied is not None
    failed = {failure.driver for failure in applied.failures}
    for wanted in result.plan.wanted:
        if wanted.driver.name not in failed:
            how = "built" if wanted.driver.name in applied.built else "there already"
            yield f"{wanted.driver.name} {wanted.version}: {how}, {wanted.environment}"
    yield from (f"{name}: stays as it is" for name in result.plan.kept)
    if applied.switched:
        yield from (f"{name}: dropped" for name in result.plan.dropped)
    yield from map(_moved_line, applied.moved_shims)
    yield from (f"{name}: failed" for name in sorted(failed))


def _end_lines(result: SyncResult) -> Iterator[str]:
    """Which generation is current, or would be."""
    if result.applied is None:
        if result.plan.switch:
            yield "would switch to a new generation"
    elif result.manifest is None:
        yield "no generation is current"
    elif result.applied.switched:
        yield f"generation {result.manifest.generation} is current"
    else:
        yield f"generation {result.manifest.generation} stays current"


def _moved_line(moved: MovedShim) -> str:
    now = "is gone" if moved.now is None else f"starts {moved.now} now"
    return f"the shim {moved.shim} {now}; before, it started {moved.before}"
