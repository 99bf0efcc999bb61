"""The file of each chosen version that a target takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UnsatisfiableError
from envbuild.resolution.resolution import ResolvedFile
from envbuild.target.wheel_choice import best_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envbuild.resolution.resolution import ListedFile, ResolveRequest


def choose_file(
    name: str,
    version: str,
    files: Iterable[ListedFile],
    request: ResolveRequest,
    sole_digest: Callable[[ListedFile], str],
) -> ResolvedFile:
    """The file of a version that the request's target takes.

    UnsatisfiableError if it takes none; also raises what `sole_digest` raises.
    """
    listed = {file.name: file for file in files}
    wheels = [file for file in listed if file.endswith(".whl")]
    chosen = best_wheel(wheels, request.target)
    if chosen is None and name in request.allow_sdist:
        chosen = next((file for file in listed if not file.endswith(".whl")), None)
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
        sha256=sole_digest(file),
        indexes=request.indexes,
    )
