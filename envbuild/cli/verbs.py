"""Each verb: arguments and parts in, the command's result as an outcome out."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from envbuild.cli.context import Context
    from envbuild.manifest import ManifestDriver


def init(context: Context, _arguments: Namespace) -> Outcome:
    """Write a declaration to begin with."""
    from envbuild.commands.init import init as command
    from envbuild.report.init import init_table, render_init

    result = command(context.declaration_path)
    return Outcome(code=0, text=lambda: render_init(result), table=lambda: init_table(result))


def lock(context: Context, arguments: Namespace) -> Outcome:
    """Resolve what is stale, or say what is."""
    from packaging.utils import canonicalize_name

    from envbuild.commands.lock import Upgrade
    from envbuild.report.lock import lock_table, render_lock
    from envbuild.report.progress import shown_progress

    names = tuple(arguments.drivers)
    if arguments.check:
        result = context.lock_checker.check(names)
    else:
        packages = tuple(map(canonicalize_name, arguments.upgrade_package))
        upgrade = Upgrade(everything=arguments.upgrade, packages=packages)
        with shown_progress(sys.stderr, context.environment) as progress:
            result = context.lock(names, upgrade, progress)
    return Outcome(
        code=result.exit_code, text=lambda: render_lock(result), table=lambda: lock_table(result)
    )


def sync(context: Context, arguments: Namespace) -> Outcome:
    """Plan, and unless it is a dry run apply."""
    from envbuild.report.progress import shown_progress
    from envbuild.report.sync import render_sync, sync_table

    with shown_progress(sys.stderr, context.environment) as progress:
        result = context.sync(
            tuple(arguments.drivers),
            dry_run=arguments.dry_run,
            offline=arguments.offline,
            keep_going=arguments.keep_going,
            progress=progress,
        )
    for failure in result.failures:
        for problem in failure.error.problems:
            sys.stderr.write(f"error: {problem}\n")
    return Outcome(
        code=result.exit_code, text=lambda: render_sync(result), table=lambda: sync_table(result)
    )


def list_(context: Context, _arguments: Namespace) -> Outcome:
    """Show the current generation."""
    from envbuild.manifest import manifest_table
    from envbuild.report.list import list_table, render_list

    manifest = manifest_table(context.store.require_current())
    return Outcome(code=0, text=lambda: render_list(manifest), table=lambda: list_table(manifest))


def which(context: Context, arguments: Namespace) -> Outcome:
    """Print one of a driver's paths."""
    from envbuild.manifest import manifest_driver_table
    from envbuild.report.list import which_table

    driver = _current_driver(context, arguments.driver)
    path = driver.binary
    if arguments.python:
        path = driver.python
    elif arguments.env:
        path = driver.environment
    elif arguments.stable:
        path = driver.stable_binary
    entry = manifest_driver_table(driver)
    return Outcome(
        code=0, text=lambda: f"{path}\n", table=lambda: which_table(driver.name, entry)
    )


def run(context: Context, arguments: Namespace) -> Outcome:
    """Become the driver; returns only where that cannot be."""
    from envbuild.errors import HostError, Problem

    driver = _current_driver(context, arguments.driver)
    rest = arguments.arguments[1:] if arguments.arguments[:1] == ["--"] else arguments.arguments
    try:
        os.execv(driver.binary, [driver.binary, *rest])  # noqa: S606
    except OSError as error:
        message = f"cannot start {driver.binary}: {error.strerror}"
        raise HostError(Problem(message=message, hint="run `envbuild sync`")) from error


def _current_driver(context: Context, name: str) -> ManifestDriver:
    """The driver of the current generation; UsageError names those that there are."""
    from envbuild.commands.selection import unknown_driver
    from envbuild.errors import UsageError

    manifest = context.store.require_current()
    driver = manifest.driver(name)
    if driver is None:
        known = [driver.name for driver in manifest.drivers]
        place = str(context.store.current / "manifest.json")
        raise UsageError(unknown_driver(name, known, place))
    return driver


VERBS: dict[str, Callable[[Context, Namespace], Outcome]] = {
    "init": init,
    "lock": lock,
    "sync": sync,
    "list": list_,
    "which": which,
    "run": run,
}
