"""`image`: what is built, as a container image."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import partial

from envbuild.cli.options import INSECURE, Arguments, Parameter, drivers
from envbuild.cli.verbs import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.cli.context import Context
    from envbuild.commands.image import Imager
    from envbuild.image.base import BaseReader
    from envbuild.progress import Progress
    from envbuild.report.outcome import Outcome


@Verb(
    "image",
    drivers("the drivers in the image; the command of the first one is its entry point"),
    Parameter("--to", "DEST", "oci-layout:DIR or oci://HOST/REPOSITORY:TAG", dest="destination"),
    Parameter(
        "--base",
        "IMAGE",
        "the base image, by its digest: oci://HOST/REPOSITORY@sha256:… or "
        "oci-layout:DIR@sha256:… (default: none)",
    ),
    INSECURE,
)
def image(context: Context, arguments: Arguments) -> Outcome:
    """Make a container image of built environments, without a container engine."""
    from envbuild.errors import Problem, UsageError
    from envbuild.report.image import image_table, render_image
    from envbuild.report.outcome import outcome_of
    from envbuild.store.guard import require_store

    missing = [] if arguments.drivers else [("DRIVER", "name the drivers for the image")]
    missing += [] if arguments.destination else [("--to", "name the destination of the image")]
    if missing:
        raise UsageError(Problem(key=key, message=message) for key, message in missing)
    require_store(context.store.root)
    time = _time(context.environment)
    with (
        context.progress() as progress,
        context.store.using_cache(),
        _imager(context, arguments, progress) as imager,
    ):
        result = imager.make(arguments.drivers, time=time)
    return outcome_of(result, render_image, image_table)


@contextmanager
def _imager(context: Context, arguments: Arguments, progress: Progress) -> Iterator[Imager]:
    from envbuild.cli.places import open_destination
    from envbuild.commands.image import Imager
    from envbuild.release.place import parse_image_address
    from envbuild.wheelcache.compiler import BytecodeCompiler

    address = parse_image_address(arguments.destination, key="--to")
    with ExitStack() as opened:
        base, neighbours = _base(context, arguments, progress, opened)
        destination = opened.enter_context(
            open_destination(context, arguments, address, neighbours, key="--to")
        )
        yield Imager(
            store=context.store,
            folder=context.lock_folder,
            destination=destination,
            shown=arguments.destination,
            base=base,
            compiler=BytecodeCompiler(runner=context.runner, jobs=context.cpus),
            jobs=context.cpus,
            progress=progress,
        )


def _base(
    context: Context, arguments: Arguments, progress: Progress, opened: ExitStack
) -> tuple[BaseReader | None, tuple[str, ...]]:
    """What reads the base, and the repository that has it."""
    if arguments.base is None:
        return None, ()
    from envbuild.cli.places import open_origin
    from envbuild.image.base import BaseReader
    from envbuild.release.place import parse_base
    from envbuild.release.stage import Stage

    address, digest = parse_base(arguments.base, key="--base")
    origin = opened.enter_context(open_origin(context, arguments, address))
    stage = Stage(
        context.store.cache / "images",
        [(address.text, origin)],
        note=progress.note,
        heard=partial(progress.downloaded, "image"),
    )
    reader = BaseReader(name=address.text, digest=digest, origin=origin, stage=stage)
    near = (f"{address.host}/{address.repository}",) if address.kind == "oci" else ()
    return reader, near


def _time(environment: Mapping[str, str]) -> int:
    """Every time in the image, in seconds: `$SOURCE_DATE_EPOCH`, else the start of 1970."""
    from envbuild.errors import Problem, UsageError

    text = environment.get("SOURCE_DATE_EPOCH", "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= 11):
        message = f"{text!r} is not a number of seconds since 1970"
        raise UsageError(Problem(key="$SOURCE_DATE_EPOCH", message=message))
    return int(text)
