"""`list`, `which`, `run` and `probe`: what the current generation has.

The first three need no more than its manifest, so that they usually answer without most of envbuild.
"""

from __future__ import annotations

import os

from envbuild.cli.folders import are_own, store_root
from envbuild.cli.options import DRIVER, WITH, Arguments, Parameter, drivers, flag
from envbuild.cli.verbs import Verb
from envbuild.lean_json import read_json, read_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome
    from envbuild.store.manifest import ManifestDriver
    from envbuild.text import Text

    Answer = Callable[[str, Mapping[str, Any], Arguments], Text | None]


def _from_manifest(
    answer: Answer,
) -> Callable[[Arguments, Mapping[str, str]], Text | None]:
    """The output for the manifest's JSON object; None if it is damaged or lacks the driver."""

    def at_once(arguments: Arguments, environment: Mapping[str, str]) -> Text | None:
        root = store_root(arguments, environment)
        try:
            manifest = read_json(read_ordinary(f"{root}/current/manifest.json").decode())
            if manifest["version"] != 1:
                return None
            return answer(root, manifest, arguments)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None

    return at_once


def _list_at_once(_root: str, manifest: Mapping[str, Any], arguments: Arguments) -> Text:
    from envbuild.report.list import render_list

    return render_list(_only(manifest, arguments.drivers))


def _only(manifest: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    """The manifest with only these drivers, or with all if none is named; KeyError for one that it lacks."""
    if not names:
        return manifest
    found = manifest["drivers"]
    return {**manifest, "drivers": {name: found[name] for name in names}}


def _which_at_once(_root: str, manifest: Mapping[str, Any], arguments: Arguments) -> Text:
    from envbuild.report.list import render_which

    return render_which(manifest["drivers"][arguments.driver][arguments.path])


def _run_at_once(root: str, manifest: Mapping[str, Any], arguments: Arguments) -> Text | None:
    if arguments.extra or arguments.promote:
        return None
    binary = manifest["drivers"][arguments.driver]["binary"]
    return _become(binary, arguments) if are_own(root) else None


def _path(name: str, field: str, text: str) -> Parameter:
    """An option for another path of the driver, by its name in the manifest."""
    return Parameter(name, None, text, dest="path", const=field, default="binary", group="path")


@Verb(
    "list",
    drivers("only these (default: every one in the current generation)"),
    at_once=_from_manifest(_list_at_once),
    trusts=(),
)
def list_(context: Context, arguments: Arguments) -> Outcome:
    """Show the current generation."""
    from envbuild.cli.unused_store import unused
    from envbuild.report.list import list_table, render_list
    from envbuild.report.outcome import outcome_of
    from envbuild.store.manifest import manifest_table

    nothing: dict[str, object] = {
        "generation": None,
        "created": None,
        "declaration": None,
        "drivers": {},
    }
    if not arguments.drivers and (empty := unused(context, nothing)) is not None:
        return empty
    for name in arguments.drivers:
        _current_driver(context, name)
    manifest = _only(manifest_table(context.store.require_current()), arguments.drivers)
    return outcome_of(manifest, render_list, list_table)


@Verb(
    "which",
    DRIVER,
    _path("--python", "python", "print the path of the environment's Python instead"),
    _path("--env", "environment", "print the environment's folder instead"),
    _path("--stable", "stable_binary", "print the path that stays the same after every sync"),
    at_once=_from_manifest(_which_at_once),
    trusts=(),
)
def which(context: Context, arguments: Arguments) -> Outcome:
    """Print the path of a driver's binary."""
    from envbuild.report.list import render_which, which_table
    from envbuild.report.outcome import Outcome
    from envbuild.store.manifest import manifest_driver_table

    entry = manifest_driver_table(_current_driver(context, arguments.driver))
    path = str(entry[arguments.path])
    return Outcome(
        code=0, text=lambda: render_which(path), table=lambda: which_table(arguments.driver, entry)
    )


@Verb(
    "run",
    DRIVER,
    WITH,
    flag("--promote", "write the requirements of --with into the declaration"),
    Parameter("arguments", "ARG", "the arguments of the binary", count="...", default=()),
    at_once=_from_manifest(_run_at_once),
    trusts=("store",),
)
def run(context: Context, arguments: Arguments) -> Outcome:
    """Run a driver's binary in place of this process."""
    if arguments.extra or arguments.promote:
        from envbuild.cli.child import child_binary

        with child_binary(context, arguments) as binary:
            _start(binary, arguments, hint="run `envbuild verify`")
    binary = _current_driver(context, arguments.driver).binary
    _start(binary, arguments, hint="run `envbuild sync`")


@Verb("probe", drivers("only these (default: every one in the current generation)"))
def probe(context: Context, arguments: Arguments) -> Outcome:
    """Run the declared probes in the current environments."""
    from envbuild.commands.probe import probe as command
    from envbuild.report.outcome import outcome_of
    from envbuild.report.verify import probe_table, render_probe

    report = command(
        context.declaration_here,
        arguments.drivers,
        context.store.require_current(),
        context.prober(context.cpus),
    )
    return outcome_of(report, render_probe, probe_table, code=report.exit_code)


def _start(binary: str, arguments: Arguments, *, hint: str) -> NoReturn:
    """Run a driver's binary in place of this process; HostError with the hint if it cannot be started."""
    try:
        _become(binary, arguments)
    except OSError as error:
        from envbuild.errors import HostError, Problem

        message = f"cannot start {binary}: {error.strerror}"
        raise HostError(Problem(message=message, hint=hint)) from error


def _become(binary: str, arguments: Arguments) -> NoReturn:
    os.execv(binary, [binary, *arguments.arguments])  # noqa: S606


def _current_driver(context: Context, name: str) -> ManifestDriver:
    """The driver of the current generation; UsageError names the drivers that it has."""
    from envbuild.errors import Problem, UsageError
    from envbuild.nearest_name import name_hint

    manifest = context.store.require_current()
    driver = manifest.driver(name)
    if driver is None:
        known = name_hint(name, [driver.name for driver in manifest.drivers])
        message = f"the current generation ({manifest.generation}) has no driver {name!r}"
        hint = f"{known}; `envbuild sync` builds what is declared"
        raise UsageError(Problem(message=message, hint=hint))
    return driver
