"""The file of each chosen version that a target takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UnsatisfiableError
from envbuild.resolution.resolution import ResolvedFile
from envbuild.target.wheel_choice import best_wheel, is_stand_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.resolution.resolution import ListedFile, ResolveRequest
    from envbuild.resolution.tools import ResolverTools


def choose_file(
    name: str,
    version: str,
    files: Iterable[ListedFile],
    request: ResolveRequest,
    tools: ResolverTools,
) -> ResolvedFile:
    """The file of a version that the request's target takes: a wheel, else what a wheel stands in for.

    UnsatisfiableError if it takes none; also raises what `sole_digest` of the tools raises.
    """
    listed = {file.name: file for file in files if file.name.endswith(".whl")}
    built = {wheel for wheel in listed if is_stand_in(wheel)}
    chosen = best_wheel(listed.keys() - built, request.target)
    python = None
    if chosen is None and best_wheel(built, request.target) is not None:
        source = tools.source_of(name, version)
        listed[source.name], chosen = source, source.name
        python = request.target.minor
    if chosen is None:
        message = f"{request.driver}: {name} {version} has no wheel for {request.target}"
        hint = f"require another version of {name}, or remove the target"
        raise UnsatisfiableError(Problem(message=message, hint=hint))
    file = listed[chosen]
    return ResolvedFile(
        package=name,
        version=version,
        file=chosen,
        url=file.url,
        sha256=tools.sole_digest(file),
        indexes=request.indexes,
        python=python,
    )
