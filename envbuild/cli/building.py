"""The parts that plan and build environments, for `sync` and for `verify --repair`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from envbuild.build.builder import Builder
    from envbuild.build.sources import Source
    from envbuild.cli.context import Context
    from envbuild.cli.options import Arguments
    from envbuild.commands.sync import Planner
    from envbuild.declaration.declaration import Declaration, Driver
    from envbuild.progress import Progress
    from envbuild.store.plan import Plan
    from envbuild.target.target import Interpreter


def planner_for(
    context: Context,
    progress: Progress,
    *,
    offline: bool,
    dry_run: bool,
    variant: str | None = None,
    preferred: Callable[[Driver], Interpreter | None] = lambda _: None,
) -> Planner:
    """Makes this host's plan from the declaration and its lockfiles.

    `preferred` gives the interpreter that a release was built on, if this host has it.
    """
    from envbuild.commands.sync import Planner

    chosen: dict[tuple[tuple[str, ...], bool, str, object], Interpreter] = {}

    def interpreter_for(driver: Driver) -> Interpreter:
        if not (chosen or dry_run):  # names and lockfiles are right; a Python may have to come
            context.store.prepare()
        request = (driver.python, driver.python_downloads, driver.python_source, driver.inherit)
        interpreter = preferred(driver) if driver.inherit is None else None
        if interpreter is None:
            if request not in chosen:
                chosen[request] = context.interpreter_for(driver, offline=offline, dry_run=dry_run)
            interpreter = chosen[request]
        if context.store.is_reachable and not interpreter.shareable:
            progress.note(
                f"{driver.name}: other users cannot start {interpreter.path}, "
                "on which its environment is built"
            )
        return interpreter

    return Planner(
        declaration=context.declaration_here,
        folder=context.lock_folder,
        host=context.host,
        interpreter_for=interpreter_for,
        host_packages=context.host_packages,
        variant=variant,
        current=context.store.read_current(),
        is_valid=context.store.is_valid,
    )


def plan_sync(
    context: Context,
    arguments: Arguments,
    progress: Progress,
    preferred: Callable[[Driver], Interpreter | None] = lambda _: None,
) -> Plan:
    """The plan of a sync; UsageError if an environment's path would be too long."""
    from envbuild.store.marker import check_environment_path

    planner = planner_for(
        context,
        progress,
        offline=arguments.offline or arguments.only_from,
        dry_run=arguments.dry_run,
        variant=arguments.variant,
        preferred=preferred,
    )
    plan = planner.plan(tuple(arguments.drivers))
    for wanted in plan.wanted:
        check_environment_path(context.store.environment(wanted.environment))
    return plan


@contextmanager
def open_builder(
    context: Context,
    progress: Progress,
    *,
    offline: bool,
    jobs: int,
    declaration: Declaration | None = None,
    places: tuple[tuple[str, Source], ...] = (),
    contents: Mapping[str, str] | None = None,
) -> Iterator[Builder]:
    """The builder for the store; the indexes stay open until the block ends.

    They are those of the context's declaration, unless another one is given.
    `places` are asked for wheels before those of the store's settings;
    `contents` has the content digest that an environment must have, by the folder's name.
    """
    from envbuild.build.assembly import Assembler
    from envbuild.build.builder import Builder
    from envbuild.build.placing import Placer
    from envbuild.build.preparation import Preparer
    from envbuild.build.sources import open_sources
    from envbuild.index.session import index_sessions
    from envbuild.posix.second_process import SecondProcesses
    from envbuild.store.settings import FILE, read_settings
    from envbuild.uv.installer import UvInstaller
    from envbuild.value import replace
    from envbuild.wheelcache.wheels import WheelCache

    settings = read_settings(context.store.root)
    sources = open_sources(
        settings.sources, file=str(context.store.root / FILE), note=progress.note
    )
    sources = replace(sources, places=(*places, *sources.places))
    with index_sessions(
        declaration or context.declaration,
        context.environment,
        runner=context.runner,
        cache=context.store.cache,
        timeout=context.index_timeout,
        deadline=context.index_deadline,
        retries=context.index_retries,
        hashes=False,
    ) as sessions:

        def installer(indexes: Collection[str]) -> UvInstaller:
            session = sessions.of_names(indexes)
            return UvInstaller(
                runner=context.runner,
                cache=context.store.cache / "uv",
                indexes=session.uv,
                offline=offline,
                explain=session.explain_installation,
                link_mode=settings.link_mode,
                sources=sources,
            )

        yield Builder(
            store=context.store,
            assembler=Assembler(
                processes=SecondProcesses(context.runner, min(jobs, context.cpus) - 1),
                placer=Placer(
                    installer_for=installer,
                    progress=progress,
                    wheels=WheelCache(context.store.cache / "wheels"),
                    bytecode=context.bytecode(jobs),
                    staging=context.store.staging,
                ),
                preparer=Preparer(
                    runner=context.runner,
                    progress=progress,
                    logs=context.store.cache / "prepare",
                ),
                link_mode=settings.link_mode,
            ),
            progress=progress,
            jobs=jobs,
            declared_in=context.declaration.file,
            gate=context.gate(jobs, progress, contents or {}),
        )
