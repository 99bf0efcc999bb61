"""Find wheels whose METADATA belongs to another package, after a resolution failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.index.answer import Fault, IndexAnswerError, bad_answer
from envbuild.index.disk import is_on_disk, open_on_disk
from envbuild.index.page_versions import version_of
from envbuild.index.remote_file import metadata_in_ranges
from envbuild.target.wheel_choice import best_wheel
from envbuild.wheelcache.metadata import MisnamedError, find_metadata, parse_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.version import Version

    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile, ProjectPage
    from envbuild.index.reader import IndexClient
    from envbuild.resolution.resolution import ResolveRequest

_NAMED = re.compile("`([A-Za-z0-9][A-Za-z0-9._-]{0,99})`")
_MOST_NAMES = 8
_MOST_FILES = 3
"""Of each package; the newest files, which a resolver tries first."""


def names_in(words: str) -> tuple[str, ...]:
    """The packages that a resolver's output may be about: only a hint which indexes to ask."""
    from packaging.utils import canonicalize_name

    found = dict.fromkeys(canonicalize_name(name) for name in _NAMED.findall(words))
    return tuple(found)[:_MOST_NAMES]


def look_for_misnamed(
    client: IndexClient, location: IndexLocation, package: str, request: ResolveRequest
) -> None:
    """IndexAnswerError if a wheel for the target has another package's METADATA.

    Wheels that cannot be read are reported elsewhere.
    """
    try:
        page = client.project_page(location, package)
        wheels = [
            (file, _content(client, location, package, file)) for file in _tried(page, request)
        ]
    except IndexAnswerError:
        return
    for file, content in wheels:
        if content is None:
            continue
        try:
            parse_metadata(content, package, 0, str(version_of(package, file.filename)))
        except MisnamedError as error:
            raise bad_answer(
                Fault.MISNAMED, location, package, file.filename, str(error)
            ) from error
        except ValueError:
            continue


def _tried(page: ProjectPage, request: ResolveRequest) -> Iterator[IndexFile]:
    """The best wheel of the pinned version, and of the newest versions."""
    pins = {pin.version for pin in request.pins if pin.name == page.name}
    wheels: dict[Version, list[str]] = {}
    for name, _ in page.names(withdrawn=True):
        version = version_of(page.name, name) if name.endswith(".whl") else None
        if version is not None:
            wheels.setdefault(version, []).append(name)
    ordered = sorted(wheels, key=lambda version: (str(version) in pins, version), reverse=True)
    for version in ordered[:_MOST_FILES]:
        best = best_wheel(wheels[version], request.target)
        found = page.file(best) if best is not None else None
        if found is not None:
            yield found


def _content(
    client: IndexClient, location: IndexLocation, package: str, file: IndexFile
) -> bytes | None:
    if is_on_disk(location, file):
        with open_on_disk(location, package, file) as wheel:
            try:
                return find_metadata(wheel, package)
            except ValueError:
                return None
    if file.has_metadata:
        return client.metadata_beside(location, package, file)
    inner = metadata_in_ranges(client, location, package, file)
    return inner.content if inner is not None else None
