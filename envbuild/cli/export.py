"""`export`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from envbuild.cli.options import Arguments, Parameter, drivers, flag
from envbuild.cli.verbs import Verb
from envbuild.errors import Problem, UsageError
from envbuild.launchers.registry import all_formats, all_options
from envbuild.report.outcome import Outcome, outcome_of
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.cli.context import Context
    from envbuild.commands.export import Exporter, ExportResult
    from envbuild.launchers.export import ExportRequest
    from envbuild.launchers.fleet import FileSource
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.text import Text


_FORMATS = tuple(known.name for known in all_formats())
_PROGRAM = (sys.executable, "-E", "-P", "-m", "envbuild")
"""Isolated, except for the folders in which a user may have installed envbuild."""

_STABLE = ", ".join(known.name for known in all_formats() if known.stable)


@Verb(
    "export",
    Parameter(
        "export_format", "FORMAT", f"one of {', '.join(_FORMATS)}", choices=_FORMATS, count="?"
    ),
    drivers("only these (default: all)"),
    Parameter(
        "--stable",
        None,
        f"use paths that stay the same after every sync (default for {_STABLE})",
        group="paths",
    ),
    Parameter(
        "--exact",
        None,
        "use the paths of this generation's environments",
        group="paths",
        dest="stable",
        const=False,
    ),
    Parameter(
        "--out", "DIR", "write files into this folder instead of printing them", group="where"
    ),
    Parameter(
        "--check",
        "FILE",
        "write nothing; exit 1 and give the reason if FILE differs from the export",
        count="+",
        default=(),
        group="where",
    ),
    flag("--refresh", "write again every file that was exported with exact paths (--out)"),
    *(
        Parameter(
            f"--{option.name}", option.metavar, f"{option.help} ({', '.join(takers)})", const=""
        )
        for option, takers in all_options().items()
    ),
    trusts=(),
)
def export(context: Context, arguments: Arguments) -> Outcome:
    """Write files for launchers and other tools."""
    from envbuild.report.export import export_table, render_export

    if arguments.refresh:
        return _refresh(context, arguments)
    if arguments.export_format is None:
        hint = f"there are: {', '.join(_FORMATS)}"
        raise UsageError(Problem(message="name the format to export", hint=hint))
    request = _request(context, arguments)
    result = _exporter(context).export(request)
    _remember(context, request, result)
    return outcome_of(result, render_export, export_table, code=result.exit_code)


def _remember(context: Context, request: ExportRequest, result: ExportResult) -> None:
    """Tell the store of written files that name environments, so that a gc keeps what they name."""
    from envbuild.store.roots import Root, add_root, environments_in

    root = context.store.root
    named = tuple(
        os.path.abspath(path)  # noqa: PTH100
        for path, file in zip(result.written, result.files, strict=False)
        if environments_in(file.text, root)
    )
    if not named or request.out is None:
        return
    try:
        add_root(
            root,
            Root(
                format=request.format,
                drivers=request.drivers,
                stable=request.stable,
                options=request.options,
                declaration=os.path.abspath(context.declaration_path),  # noqa: PTH100
                out=os.path.abspath(request.out),  # noqa: PTH100
                files=named,
            ),
        )
    except OSError as error:
        said = (
            f"warning: cannot record the exported files in {root} ({error.strerror}): "
            "gc may remove the environments that they name"
        )
        sys.stderr.write(text_of([said]))


def _refresh(context: Context, arguments: Arguments) -> Outcome:
    if arguments.export_format is not None:
        message = "--refresh takes no format: it writes every export again, with the same options"
        raise UsageError(Problem(key=arguments.export_format, message=message))
    return outcome_of(refresh_exports(context), _render_refreshed, _refreshed_table)


def refresh_exports(
    context: Context, *, former: Path | None = None
) -> tuple[tuple[str, bool], ...]:
    """Write every registered export again: each file, and whether it changed.

    With `former`, it is what the store of that path knows of, which was moved.

    Errors as those of `export`; an export whose folder is gone is left alone.
    """
    from envbuild.launchers.export import ExportRequest
    from envbuild.store.roots import named_by_roots

    done: dict[str, bool] = {}
    place = former or context.store.root
    for root in {root.name: root for root, _, _ in named_by_roots(place)}.values():
        own = context.beside(file=root.declaration, store=str(context.store.root))
        request = ExportRequest(
            format=root.format,
            drivers=root.drivers,
            stable=root.stable,
            options=root.options,
            envbuild=_own_command(own),
            program=_PROGRAM,
            out=Path(root.out),
        )
        before = {path: _text(path) for path in root.files}
        result = _exporter(own).export(request)
        _remember(own, request, result)
        for path, file in zip(map(os.path.abspath, result.written), result.files, strict=True):
            done[path] = before.get(path) != file.text
    return tuple(done.items())


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, ValueError):
        return None


def _render_refreshed(files: tuple[tuple[str, bool], ...]) -> Text:
    words = {True: "written again", False: "unchanged"}
    lines = [f"{path}: {words[changed]}" for path, changed in files]
    return text_of(lines or ["no file was exported with exact paths"])


def _refreshed_table(files: tuple[tuple[str, bool], ...]) -> dict[str, object]:
    return {"files": [{"path": path, "changed": changed} for path, changed in files]}


def _request(context: Context, arguments: Arguments) -> ExportRequest:
    from envbuild.launchers.export import ExportRequest

    given = {
        option.name: getattr(arguments, option.name.replace("-", "_")) for option in all_options()
    }
    return ExportRequest(
        format=arguments.export_format,
        drivers=arguments.drivers,
        stable=arguments.stable,
        options={name: text for name, text in given.items() if text is not None},
        envbuild=_own_command(context),
        program=_PROGRAM,
        out=Path(arguments.out) if arguments.out is not None else None,
        check=tuple(map(Path, arguments.check)),
    )


def _exporter(context: Context) -> Exporter:
    from envbuild.commands.export import Exporter

    def lock_workspace(lockfile: Lockfile, pyproject: str, python: str) -> str:
        from envbuild.index.uv_indexes import default_environment
        from envbuild.uv.workspace import WorkspaceLocker

        context.require_trusted_store()  # whose Python is started
        locker = WorkspaceLocker(
            runner=context.runner,
            cache=context.lock_cache / "uv",
            index_environment=default_environment(context.index_locations.default),
        )
        sdist = bool(lockfile.inputs.allow_sdist or lockfile.inputs.force_sdist)
        return locker.lock(pyproject, python=python, allow_sdist=sdist)

    return Exporter(
        store=context.store.root,
        manifest=context.store.require_current,
        declaration=lambda: context.declaration,
        declared=context.declaration_path.exists,
        folder=context.lock_folder,
        sources=lambda lockfile: _sources(context, lockfile),
        lock_workspace=lock_workspace,
        indexes=lambda names: {
            location.name: (location.url or str(location.folder), location.is_flat)
            for location in context.index_locations.among(names)
        },
    )


def _own_command(context: Context) -> tuple[str, ...]:
    """The command that calls this envbuild with this declaration and store, from any folder."""
    file = os.path.abspath(context.declaration_path)  # noqa: PTH100  (a link's name is kept)
    return (*_PROGRAM, "--file", file, "--store", str(context.store.root))


def _sources(context: Context, lockfile: Lockfile) -> Mapping[str, FileSource]:
    """Where this host's indexes have each file; IndexFailureError names the files that they lack."""
    from envbuild.index.locked_files import find_places
    from envbuild.index.reader import IndexClient

    with IndexClient(
        context.environment,
        read_timeout=context.index_timeout,
        deadline=context.index_deadline,
        retries=context.index_retries,
    ) as client:
        return find_places(lockfile, context.index_locations, client, context.built_wheels.find)
