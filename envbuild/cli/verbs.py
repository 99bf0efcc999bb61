"""Each verb: arguments and parts in, the command's result as an outcome out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.cli.conflict_verbs import CONFLICT_VERBS
from envbuild.cli.fleet_verbs import FLEET_VERBS
from envbuild.cli.lock_verb import lock
from envbuild.cli.store_verbs import STORE_VERBS
from envbuild.cli.sync_verb import sync
from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from envbuild.cli.context import Context
    from envbuild.store.manifest import ManifestDriver


def init(context: Context, _arguments: Namespace) -> Outcome:
    """Write a declaration to begin with."""
    from envbuild.commands.init import init as command
    from envbuild.report.init import init_table, render_init

    result = command(context.declaration_path)
    return Outcome(code=0, text=lambda: render_init(result), table=lambda: init_table(result))


def list_(context: Context, _arguments: Namespace) -> Outcome:
    """Show the current generation."""
    from envbuild.report.list import list_table, render_list
    from envbuild.store.manifest import manifest_table

    manifest = manifest_table(context.store.require_current())
    return Outcome(code=0, text=lambda: render_list(manifest), table=lambda: list_table(manifest))


def which(context: Context, arguments: Namespace) -> Outcome:
    """Print one of a driver's paths."""
    from envbuild.report.list import render_which, which_table
    from envbuild.store.manifest import manifest_driver_table

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
        code=0, text=lambda: render_which(path), table=lambda: which_table(driver.name, entry)
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
    **CONFLICT_VERBS,
    **STORE_VERBS,
    **FLEET_VERBS,
}
