"""`export`, wired to the store, the lockfiles and the indexes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.report.outcome import Outcome

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from envbuild.cli.context import Context
    from envbuild.commands.export import Exporter
    from envbuild.commands.export_request import ExportRequest
    from envbuild.index.locations import IndexLocations
    from envbuild.launchers.pylock import Source
    from envbuild.lockfile.lockfile import Lockfile


def export(context: Context, arguments: Namespace) -> Outcome:
    """Render a format; print it, write it, or compare it with what is there."""
    from envbuild.report.export import export_table, render_export

    result = _exporter(context).export(_request(context, arguments))
    return Outcome(
        code=result.exit_code,
        text=lambda: render_export(result),
        table=lambda: export_table(result),
    )


def _request(context: Context, arguments: Namespace) -> ExportRequest:
    import shlex

    from envbuild.commands.export_request import ExportRequest
    from envbuild.errors import Problem, UsageError
    from envbuild.launchers.fleet import Start

    words: tuple[str, ...] | None = None
    if arguments.arguments is not None:
        try:
            words = tuple(shlex.split(arguments.arguments))
        except ValueError as error:
            message = f"{arguments.arguments!r} is no list of words: {error}"
            raise UsageError(Problem(key="--arguments", message=message)) from None
    return ExportRequest(
        format=arguments.export_format,
        drivers=tuple(arguments.drivers),
        stable=arguments.stable,
        start=Start(arguments=words or (), image=arguments.image, port=arguments.port),
        arguments=words,
        unit=_path(arguments.unit),
        wheels=_path(arguments.wheels),
        target=arguments.target,
        envbuild=_own_command(context),
        out=_path(arguments.out),
        check=tuple(map(Path, arguments.check)),
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text is not None else None


def _exporter(context: Context) -> Exporter:
    from envbuild.commands.export import Exporter

    def lock_workspace(lockfile: Lockfile, pyproject: str, python: str) -> str:
        from envbuild.index.uv_indexes import default_environment
        from envbuild.uv.workspace import WorkspaceLocker

        locker = WorkspaceLocker(
            runner=context.runner,
            cache=context.lock_cache / "uv",
            index_environment=default_environment(_locations(context).default),
        )
        sdist = bool(lockfile.inputs.allow_sdist)
        return locker.lock(pyproject, python=python, allow_sdist=sdist)

    return Exporter(
        store=context.store.root,
        manifest=context.store.require_current,
        declaration=lambda: context.declaration,
        folder=context.lock_folder,
        sources=lambda lockfile: _sources(context, lockfile),
        lock_workspace=lock_workspace,
        indexes=lambda: {
            location.name: location.url or str(location.folder)
            for location in _locations(context).bound
        },
    )


def _own_command(context: Context) -> tuple[str, ...]:
    """How this very envbuild is called on this declaration and store, from any folder."""
    file = os.path.abspath(context.declaration_path)  # noqa: PTH100  (a link's name is kept)
    python = (
        sys.executable,
        "-E",
        "-P",
    )  # isolated, but for where a user may have installed envbuild
    return (*python, "-m", "envbuild", "--file", file, "--store", str(context.store.root))


def _locations(context: Context) -> IndexLocations:
    from envbuild.index.locations import locate_indexes
    from envbuild.index.uv_indexes import learn_default_url

    context.require_trusted_declaration()
    return locate_indexes(
        context.declaration, context.environment, lambda: learn_default_url(context.runner)
    )


def _sources(context: Context, lockfile: Lockfile) -> Mapping[str, Source]:
    """Where the indexes of this host have each file; IndexFailureError names what they lack."""
    from envbuild.index.file_places import find_places
    from envbuild.index.reader import IndexClient

    patience = {"read_timeout": context.index_timeout, "deadline": context.index_deadline}
    with IndexClient(context.environment, **patience) as client:
        return find_places(lockfile, _locations(context), client)
