"""`publish` and `fetch`: from one host to others, by a registry, a web root, a folder or a disk."""

from __future__ import annotations

from contextlib import contextmanager

from envbuild.cli.options import ENABLED_DRIVERS, INSECURE, Arguments, Parameter, flag
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from envbuild.cli.context import Context
    from envbuild.commands.publish import Publisher
    from envbuild.environment.derivation import Derivation
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.progress import Progress
    from envbuild.release.uploading import PackedLayer
    from envbuild.report.outcome import Outcome
    from envbuild.wheelcache.entries import Entries

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 100 * 366 * 86400


def _age(text: str) -> int:
    """Seconds of a duration such as `30d`."""
    number, unit = text[:-1], text[-1:]
    seconds = (
        int(number) * _UNITS[unit]
        if number.isascii() and number.isdecimal() and unit in _UNITS
        else 0
    )
    if not 0 < seconds <= _LONGEST:
        raise ValueError(
            f"{text!r} must be a duration such as 12h, 30d or 8w, from a second to a hundred years"
        )
    return seconds


_TARGET = Parameter(
    "--target",
    "TARGET",
    "only for this target of the lockfiles, such as 3.12-x86_64-manylinux_2_28; can be given several times",
    repeats=True,
    default=(),
)


@Verb(
    "publish",
    Parameter("destination", "DEST", "dir:PATH, tar:PATH or oci://HOST/REPOSITORY:TAG"),
    ENABLED_DRIVERS,
    _TARGET,
    Parameter("--sign", "KEY", "sign it with this private key of OpenSSH"),
    Parameter("--expires", "AGE", "hosts refuse it after this time, such as 30d", parse=_age),
    flag("--pythons", "include the store's Pythons; hosts use them only if the release is signed"),
    flag("--no-tools", "leave out envbuild and uv, which a host that has only Python needs"),
    INSECURE,
)
def publish(context: Context, arguments: Arguments) -> Outcome:
    """Write lockfiles, wheels, bytecode and content digests as a release that other hosts follow."""
    import time

    from envbuild.posix.clock import utc
    from envbuild.posix.files import keep_others_from_writing
    from envbuild.report.outcome import outcome_of
    from envbuild.report.release import published_table, render_published
    from envbuild.store.guard import require_store

    require_store(context.store.root)
    keep_others_from_writing()
    now = time.time()
    with (
        context.progress() as progress,
        context.store.using_cache(),
        _publisher(context, arguments, progress) as publisher,
    ):
        result = publisher.publish(
            arguments.drivers,
            arguments.target,
            now=utc(now),
            expires=None if arguments.expires is None else utc(now + arguments.expires),
        )
    return outcome_of(result, render_published, published_table)


@contextmanager
def _publisher(context: Context, arguments: Arguments, progress: Progress) -> Iterator[Publisher]:
    from functools import partial
    from importlib.metadata import version

    from envbuild import __version__
    from envbuild.cli.places import open_destination
    from envbuild.commands.packing import BytecodePacker
    from envbuild.commands.publish import Publisher
    from envbuild.declaration.file import read_declaration_text
    from envbuild.release.place import parse_address
    from envbuild.release.signature import sign
    from envbuild.store.rebuild import interpreter_of

    store, bytecode = context.store, context.bytecode(context.cpus)

    def entries_for(derivation: Derivation) -> Entries:
        return bytecode.entries(interpreter_of(derivation))

    record = context.releases
    address = parse_address(arguments.destination, key="DEST")
    near = record.repositories()
    with (
        open_destination(context, arguments, address, near, key="DEST") as destination,
        _downloads(context) as (download, is_there),
    ):
        yield Publisher(
            declaration=context.declaration,
            text=read_declaration_text(context.declaration_path),
            folder=context.lock_folder,
            store=store,
            record=record,
            packer=BytecodePacker(entries_for=entries_for, memory=store.cache / "packed.json"),
            built=context.built_wheels,
            scratch=store.cache / "publish",
            download=download,
            is_there=is_there,
            destination=destination,
            shown=arguments.destination,
            repository=f"{address.host}/{address.repository}" if address.kind == "oci" else "",
            progress=progress,
            sign=None
            if arguments.sign is None
            else partial(
                sign, key=arguments.sign, runner=context.runner, environ=context.environment
            ),
            extras=partial(_extras, context, arguments, progress),
            tools=(__version__, version("uv")),
        )


def _extras(
    context: Context,
    arguments: Arguments,
    progress: Progress,
    derivations: tuple[Derivation, ...],
) -> tuple[PackedLayer, ...]:
    """The layers of envbuild's own wheels, and of the store's Pythons if they were asked for."""
    from envbuild.commands.python_layers import pack_pythons
    from envbuild.posix.shortage import unwritable
    from envbuild.release.tools import MissingToolError, tool_layers
    from envbuild.wheelcache.compiler import BytecodeCompiler

    cache = context.store.cache
    found: tuple[PackedLayer, ...] = ()
    try:
        if not arguments.no_tools:
            found += tool_layers(cache / "tools")
        if arguments.pythons:
            compiler = BytecodeCompiler(runner=context.runner, jobs=context.cpus)
            layers, own = pack_pythons(
                context.store.pythons, derivations, compiler, cache / "packed-pythons"
            )
            found += layers
            for python in own:
                progress.note(f"warning: {python} belongs to this host, and is not in the release")
    except MissingToolError as error:
        progress.note(f"warning: the release has no tools: {error}")
    except OSError as error:
        raise unwritable(cache, error) from error
    return found


@contextmanager
def _downloads(
    context: Context,
) -> Iterator[tuple[Callable[[ChosenFile, Path], None], Callable[[ChosenFile, Path], bool]]]:
    """What takes a locked file from the store's built wheels or downloads it, and whether it is in a folder."""
    from shutil import copyfile

    from envbuild.build.sources import is_locked

    with context.index_sessions(context.declaration, context.lock_cache) as sessions:
        built = context.built_wheels

        def download(file: ChosenFile, folder: Path) -> None:
            here = built.fetch(file, folder)
            if here is not None and is_locked(here, file):
                copyfile(here, folder / file.file)
                return
            sessions.of_names((file.index,)).download(file, folder)

        def is_there(file: ChosenFile, folder: Path) -> bool:
            try:
                return is_locked(folder / file.file, file)
            except FileNotFoundError:
                return False

        yield download, is_there


@Verb(
    "fetch",
    ENABLED_DRIVERS,
    Parameter("--out", "DIR", "the folder for the files"),
    _TARGET,
    trusts=("declaration",),
)
def fetch(context: Context, arguments: Arguments) -> Outcome:
    """Download the locked wheels into a folder, for `[[index]] path` on a host without network."""
    from pathlib import Path

    from envbuild.commands.fetch import fetch as command
    from envbuild.errors import Problem, UsageError
    from envbuild.report.outcome import outcome_of
    from envbuild.report.release import fetched_table, render_fetched

    if arguments.out is None:
        raise UsageError(Problem(key="--out", message="name the folder for the files"))
    with (
        context.progress() as progress,
        _downloads(context) as (download, is_there),
    ):
        result = command(
            context.declaration,
            context.lock_folder,
            arguments.drivers,
            arguments.target,
            Path(arguments.out),
            download,
            is_there,
            progress,
        )
    return outcome_of(result, render_fetched, fetched_table)
