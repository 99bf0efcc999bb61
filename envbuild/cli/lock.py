"""`lock` and `upgrade`."""

from __future__ import annotations

import gc
import sys

from envbuild.cli.folders import is_own_declaration, user_folder
from envbuild.cli.options import ENABLED_DRIVERS, JOBS, Arguments, Parameter, flag
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.cli.context import Context
    from envbuild.cli.deferred_indexes import DeferredIndexes
    from envbuild.commands.lock import Locker
    from envbuild.commands.lock_inherit import HostLists
    from envbuild.commands.lock_jobs import Upgrade
    from envbuild.commands.lock_result import LockResult
    from envbuild.errors import UsageError
    from envbuild.imports.host_packages import HostPackage
    from envbuild.progress import Progress
    from envbuild.report.outcome import Outcome
    from envbuild.text import Text

_SIDE_BY_SIDE = 2
"""Resolutions for each processor, because each waits for the index for some of the time."""

_COLLECTED_AFTER = 50_000
"""New objects before the collector looks for cycles; a lock makes many values, and hardly a cycle."""


def _at_once(arguments: Arguments, environment: Mapping[str, str]) -> Text | None:
    """The output if no file has changed since all lockfiles were fresh."""
    from envbuild.cli.stamp import locked

    if arguments.drivers or arguments.upgrade or arguments.upgrade_package:
        return None
    if arguments.cross_check or arguments.host_packages or arguments.dry_run:
        return None
    if not arguments.check and not is_own_declaration(arguments):
        return None
    return locked(user_folder(environment, "XDG_CACHE_HOME", "~/.cache"), arguments.file)


def _package(text: str) -> str:
    from packaging.utils import InvalidName, canonicalize_name

    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise ValueError(f"{text!r} is not the name of a package") from error


def _moving(text: str) -> Parameter:
    """The option for packages whose pins may move."""
    return Parameter("--upgrade-package", "NAME", text, parse=_package, repeats=True, default=())


@Verb(
    "lock",
    ENABLED_DRIVERS,
    flag("--upgrade", "let every pin change"),
    _moving("let the pins of this package change; can be given several times"),
    flag(
        "--check",
        "write nothing; exit 1 and give the reasons if a lockfile is stale, "
        "or with an upgrade if a pin would change",
        group="without writing",
    ),
    flag(
        "--dry-run",
        "write nothing; show what would change, and which conflicts would appear and vanish",
        group="without writing",
    ),
    flag(
        "--cross-check",
        "then resolve again with the other resolver (pip-tools or uv); exit 1 if the versions differ",
    ),
    flag("--keep-going", "when some drivers fail, write the lockfiles of the others"),
    Parameter(
        "--host-packages",
        "[VARIANT=]FILE",
        "packages of the hosts, for `inherit` (of a variant): output of `pip inspect` or `pip freeze` on one of them",
        repeats=True,
        default=(),
    ),
    JOBS,
    formats=("text", "json", "markdown"),
    at_once=_at_once,
    trusts=("declaration",),
    only_reads=lambda arguments: bool(arguments.check or arguments.dry_run),
)
def lock(context: Context, arguments: Arguments) -> Outcome:
    """Resolve the drivers whose lockfile is stale, and write their lockfiles."""
    from envbuild.report.lines import render_failures
    from envbuild.report.lock import lock_table, render_lock
    from envbuild.report.outcome import Outcome

    if arguments.dry_run:
        return _foresee(context, arguments)
    if arguments.format == "markdown":
        raise _only_dry("--format markdown", "needs --dry-run", "add it, or leave out the format")
    upgrading = arguments.upgrade or arguments.upgrade_package or arguments.host_packages
    if arguments.check and not upgrading and not arguments.cross_check:
        result = _check(context, arguments)
    else:
        with context.progress() as progress:
            result = _lock(context, arguments, progress)
    sys.stderr.write(render_failures(result.failures))
    if not arguments.drivers and not upgrading and result.all_fresh:
        _leave_stamp(context, result)
    return Outcome(
        code=result.exit_code,
        text=lambda: render_lock(result, whole=bool(arguments.verbose)),
        table=lambda: lock_table(result),
    )


@Verb(
    "upgrade",
    ENABLED_DRIVERS,
    _moving("only this package moves; can be given several times (default: every one)"),
    flag("--keep-going", "when some drivers fail, show what the others would do"),
    JOBS,
    formats=("text", "json", "markdown"),
    trusts=("declaration",),
    only_reads=lambda _: True,
)
def upgrade(context: Context, arguments: Arguments) -> Outcome:
    """Show what an upgrade would change, and which conflicts would appear and vanish; writes nothing."""
    arguments.upgrade = not arguments.upgrade_package
    arguments.host_packages, arguments.cross_check = (), False
    return _foresee(context, arguments)


def _foresee(context: Context, arguments: Arguments) -> Outcome:
    """What a lock would write, beside what is locked."""
    from envbuild.cli.deferred_indexes import DeferredIndexes
    from envbuild.commands.upgrade import foresee_lock
    from envbuild.report.lines import render_failures
    from envbuild.report.outcome import Outcome
    from envbuild.report.upgrade import render_upgrade, render_upgrade_markdown, upgrade_table

    if arguments.cross_check:
        raise _only_dry("--cross-check", "judges lockfiles that are written", "leave out --dry-run")
    asked = _upgrade(arguments)
    with context.progress() as progress, DeferredIndexes(context, asked) as indexes:
        locker = _locker(context, arguments, indexes, progress)
        result = foresee_lock(
            locker,
            arguments.drivers,
            asked,
            keep_going=arguments.keep_going,
            command=_writes(arguments),
        )
    sys.stderr.write(render_failures(result.lock.failures))
    render = render_upgrade_markdown if arguments.format == "markdown" else render_upgrade
    return Outcome(
        code=result.exit_code,
        text=lambda: render(result, context.declaration.file),
        table=lambda: upgrade_table(result),
    )


def _writes(arguments: Arguments) -> str:
    """The command line that writes what a dry run shows."""
    import shlex

    words = ["envbuild", "lock", *arguments.drivers]
    if arguments.upgrade:
        words.append("--upgrade")
    for option, given in (
        ("--upgrade-package", arguments.upgrade_package),
        ("--host-packages", arguments.host_packages),
    ):
        words += [word for one in given for word in (option, one)]
    if arguments.keep_going:
        words.append("--keep-going")
    return shlex.join(words)


def _only_dry(key: str, message: str, hint: str) -> UsageError:
    from envbuild.errors import Problem, UsageError

    return UsageError(Problem(key=key, message=message, hint=hint))


def _check(context: Context, arguments: Arguments) -> LockResult:
    from envbuild.commands.lock import check_locks

    names, changes = arguments.drivers, context.path_changes
    return check_locks(context.declaration, context.lock_folder, names, changes)


def _lock(context: Context, arguments: Arguments, progress: Progress) -> LockResult:
    from envbuild.cli.deferred_indexes import DeferredIndexes
    from envbuild.commands.lock import Upgrade

    gc.set_threshold(_COLLECTED_AFTER)
    upgrade = _upgrade(arguments)
    with DeferredIndexes(context, upgrade) as indexes:
        locker = _locker(context, arguments, indexes, progress)
        if arguments.check and upgrade == Upgrade() and not arguments.host_packages:
            result = _check(context, arguments)
        else:
            result = locker.lock(
                arguments.drivers,
                upgrade,
                write=not arguments.check,
                keep_going=arguments.keep_going,
            )
        return _cross_checked(result, locker, indexes, upgrade) if arguments.cross_check else result


def _upgrade(arguments: Arguments) -> Upgrade:
    from envbuild.commands.lock import Upgrade

    return Upgrade(everything=arguments.upgrade, packages=arguments.upgrade_package)


def _locker(
    context: Context, arguments: Arguments, indexes: DeferredIndexes, progress: Progress
) -> Locker:
    from envbuild.commands.lock import Locker

    return Locker(
        declaration=context.declaration,
        folder=context.lock_folder,
        resolver=indexes,
        metadata=indexes,
        progress=progress,
        jobs=arguments.jobs or _SIDE_BY_SIDE * context.cpus,
        lists=_host_lists(context, arguments.host_packages),
        changes=context.path_changes,
    )


def _cross_checked(
    result: LockResult, locker: Locker, indexes: DeferredIndexes, upgrade: Upgrade
) -> LockResult:
    """The result with what a second resolver says of its lockfiles."""
    from envbuild.commands.cross_check import CrossChecker
    from envbuild.value import replace

    checker = CrossChecker(
        declaration=locker.declaration,
        resolver=locker.resolver,
        metadata=locker.metadata,
        progress=locker.progress,
        jobs=locker.jobs,
        python_for=indexes.python_for,
    )
    return replace(result, cross_checks=checker.check(result.lockfiles, upgrade))


def _host_lists(context: Context, files: tuple[str, ...]) -> HostLists:
    """What is known of hosts: the named files, and the Pythons of this host."""
    from envbuild.commands.lock_inherit import HostLists
    from envbuild.imports.host_packages import HostPackage

    def ask(python: str) -> tuple[HostPackage, ...] | None:
        found = context.host_packages(python)
        if found is None:
            return None
        return tuple(
            HostPackage(name=one.found.name, version=one.found.version, requires=one.requires)
            for one in found
        )

    given = tuple(map(_host_list, files))
    return HostLists(given=given, ask=ask, file=context.declaration.file)


def _host_list(written: str) -> tuple[str | None, tuple[HostPackage, ...]]:
    """A list with the variant that it is for; a file that has an `=` in its name is one."""
    from pathlib import Path

    from envbuild.imports.host_packages import read_host_packages
    from envbuild.launchers.files import read_text

    variant, _, file = written.partition("=")
    if not file or Path(written).exists():
        variant, file = "", written
    return variant or None, read_host_packages(read_text(Path(file)), file=file)


def _leave_stamp(context: Context, result: LockResult) -> None:
    """Record which files were fresh, so that the next `lock` need not parse them."""
    from contextlib import suppress
    from pathlib import Path

    from envbuild.cli.stamp import lock_stamp, render_lock_stamp
    from envbuild.posix.files import make_private, write_if_changed
    from envbuild.report.lock import render_lock

    trees, variables = _path_facts(context, result)
    text = render_lock_stamp(
        declaration=context.declaration.digest.removeprefix("sha256:"),
        locks=((entry.driver, entry.digest.removeprefix("sha256:")) for entry in result.drivers),
        present=context.lock_folder.drivers(),
        text=render_lock(result),
        trees=trees,
        variables=variables,
    )
    stamp = Path(lock_stamp(str(context.lock_cache), str(context.declaration_path)))
    with suppress(OSError):  # a cache that cannot be written costs time and nothing else
        make_private(stamp.parent)
        write_if_changed(stamp, text.encode())


def _path_facts(
    context: Context, result: LockResult
) -> tuple[tuple[tuple[str, str, str], ...], tuple[tuple[str, str], ...]]:
    """Digest, record and folder of each path source that is locked, and each variable that moves a source."""
    declaration = context.declaration
    if not declaration.sources:
        return (), ()
    from envbuild.declaration.source import source_variable
    from envbuild.sourcetree.changes import path_sources
    from envbuild.sourcetree.places import place_of
    from envbuild.sourcetree.stat_record import record_of

    trees: dict[tuple[str, str, str], None] = {}
    for entry in result.drivers:
        driver, stored = declaration.driver(entry.driver), context.lock_folder.read(entry.driver)
        if driver is not None and stored is not None:
            for source, digest in path_sources(stored.lockfile, driver):
                folder = place_of(source, context.environment).folder
                trees[digest, record_of(str(context.lock_cache), folder), folder] = None
    names = sorted({source_variable(source.package) for source in declaration.sources})
    return tuple(trees), tuple((name, context.environment.get(name, "")) for name in names)
