"""A lockfile's text: byte-stable TOML with its own digest, without addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.declaration.driver import LockingKeys
from envbuild.declaration.source import is_source, kind_of
from envbuild.digest import sha256_hex
from envbuild.lockfile.content import refuse_address
from envbuild.lockfile.lockfile import FORMAT
from envbuild.toml_text import toml_string
from envbuild.value import defaults_of, field_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.declaration.index import Bindings
    from envbuild.lockfile.lockfile import (
        HeldBack,
        Inputs,
        LockedBuild,
        LockedFile,
        LockedPackage,
        Lockfile,
    )
    from envbuild.target.target import Target

_HEADER = "# Written by `envbuild lock`; a change by hand is noticed and refused.\n"
_NAME, _VERSION = 'name = "', 'version = "'
DEFAULTS = defaults_of(LockingKeys)
ALWAYS_WRITTEN = frozenset(
    ("constraints", "overrides", "python", "platforms", "allow_sdist", "version_of")
)
"""Keys of every lockfile; other keys are written if they are not at their default."""


def render_lockfile(lockfile: Lockfile) -> str:
    """The lockfile's text; the same value always gives the same bytes.

    ValueError if the value has an address, which is a bug of the caller.
    """
    head = f"{_HEADER}format = {FORMAT}\n"
    body = "".join(f"{line}\n" for line in _lines(lockfile))
    refuse_address(body)
    return f'{head}digest = "sha256:{sha256_hex((head + body).encode())}"\n{body}'


def _lines(lockfile: Lockfile) -> Iterator[str]:
    yield f"driver = {toml_string(lockfile.driver)}"
    yield f"version = {toml_string(lockfile.version)}"
    yield from _list("targets", map(str, lockfile.targets))
    yield ""
    yield "[inputs]"
    yield from _inputs_lines(lockfile.inputs)
    for variant in lockfile.inputs.variants:
        yield ""
        yield "[[variant]]"
        yield f"name = {toml_string(variant.name)}"
        yield from _list("requires", variant.requires)
        if variant.inherit:
            yield from _list("inherit", variant.inherit)
        yield from _index_lines(variant.indexes)
    for package in lockfile.packages:
        yield ""
        yield "[[package]]"
        yield from _package_lines(package, lockfile.targets)
    for package in lockfile.inherited:
        yield ""
        yield "[[inherited]]"
        yield f"name = {toml_string(package.name)}"
        yield f"version = {toml_string(package.version)}"
        if package.targets != lockfile.targets:
            yield from _list("targets", map(str, package.targets))
        yield from _list("requires", package.requires)
        yield from _list("required-by", package.required_by)
    for build in lockfile.builds:
        yield ""
        yield "[[build]]"
        yield from _build_lines(build, lockfile.targets)
    for held in lockfile.held_back:
        yield ""
        yield "[[held-back]]"
        yield from _held_back_lines(held, lockfile.targets)


def _inputs_lines(inputs: Inputs) -> Iterator[str]:
    yield from _list("requires", inputs.requires)
    for field in field_names(LockingKeys):
        value = getattr(inputs, field)
        if field in ALWAYS_WRITTEN or value != DEFAULTS[field]:
            yield from _input_lines(field.replace("_", "-"), value)
    if inputs.sources:
        yield from _list("sources", (f"{one.name}={one.origin}" for one in inputs.sources))
    if inputs.inherit:
        yield from _list("inherit", inputs.inherit)
    yield from _index_lines(inputs.indexes)


def _index_lines(indexes: Bindings) -> Iterator[str]:
    for name, patterns in indexes:
        yield from _list(f"indexes.{toml_string(name)}", patterns)


def _input_lines(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, tuple):
        yield from _list(key, (item if isinstance(item, str) else _limit(*item) for item in value))
    else:
        yield f"{key} = {toml_string(value)}"


def _limit(name: str, limit: str | None) -> str:
    return f"{name}={limit or 'false'}"


def _package_lines(package: LockedPackage, all_targets: tuple[Target, ...]) -> Iterator[str]:
    yield f"name = {toml_string(package.name)}"
    yield f"version = {toml_string(package.version)}"
    if is_source(package.index):
        yield f"source = {toml_string(kind_of(package.index))}"
    else:
        yield f"index = {toml_string(package.index)}"
    if package.targets != all_targets:
        yield from _list("targets", map(str, package.targets))
    if package.requires_python:
        yield f"requires-python = {toml_string(package.requires_python)}"
    yield from _list("requires", package.requires)
    yield from _list("required-by", package.required_by)
    if package.yanked is not None:
        yield f"yanked = {toml_string(package.yanked)}"
    if package.commands is not None:
        yield from _list("commands", package.commands)
    if package.modules:
        yield from _list("modules", package.modules)
    yield from _file_lines("files", package.files, package.targets)
    if package.built:
        yield from _file_lines("built", package.built, package.targets)


def _file_lines(
    key: str, files: tuple[LockedFile, ...], enclosing: tuple[Target, ...]
) -> Iterator[str]:
    yield f"{key} = ["
    for file in files:
        targets = ""
        if file.targets != enclosing:
            targets = (
                f", targets = [{', '.join(toml_string(str(target)) for target in file.targets)}]"
            )
        yield (
            f"  {{ name = {toml_string(file.name)}, size = {file.size}, "
            f"sha256 = {toml_string(file.sha256)}{targets} }},"
        )
    yield "]"


def _build_lines(build: LockedBuild, all_targets: tuple[Target, ...]) -> Iterator[str]:
    yield f"package = {toml_string(build.package)}"
    yield f"version = {toml_string(build.version)}"
    if build.targets != all_targets:
        yield from _list("targets", map(str, build.targets))
    yield from _list("requires", build.requires)
    if build.added:
        yield from _list("added", build.added)
    if build.options:
        yield f"options = {toml_string(build.options)}"
    yield from _file_lines("files", build.files, build.targets)


def _held_back_lines(held: HeldBack, all_targets: tuple[Target, ...]) -> Iterator[str]:
    yield f"package = {toml_string(held.package)}"
    yield f"locked = {toml_string(held.locked)}"
    if held.passed_over is not None:
        yield f"passed-over = {toml_string(held.passed_over)}"
    yield f"reason = {toml_string(held.reason)}"
    yield from _list("blockers", held.blockers)
    if held.targets != all_targets:
        yield from _list("targets", map(str, held.targets))


def _list(key: str, items: Iterable[str]) -> Iterator[str]:
    strings = [toml_string(item) for item in items]
    if len(strings) < 2:
        yield f"{key} = [{''.join(strings)}]"
        return
    yield f"{key} = ["
    yield from (f"  {string}," for string in strings)
    yield "]"


def package_line(lockfile: Lockfile, package: str, version: str | None = None) -> int | None:
    """The line of a package's table, counted from 1; None if it has none.

    A valid lockfile's text is always the one that its value gives.
    """
    lines = _line_numbers(lockfile)
    if version is not None:
        return lines.get((package, version))
    return next((line for (name, _), line in lines.items() if name == package), None)


_known: dict[int, tuple[Lockfile, dict[tuple[str, str], int]]] = {}
"""By identity: hashing a whole lockfile for each of its findings would be slow."""


def _line_numbers(lockfile: Lockfile) -> dict[tuple[str, str], int]:
    known = _known.get(id(lockfile))
    if known is None or known[0] is not lockfile:
        known = _known[id(lockfile)] = (lockfile, _find_lines(lockfile))
    return known[1]


def _find_lines(lockfile: Lockfile) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    name = ""
    for number, line in enumerate(render_lockfile(lockfile).splitlines(), start=1):
        if line.startswith(_NAME):
            name = line.removeprefix(_NAME).rstrip('"')
        elif name and line.startswith(_VERSION):
            found[name, line.removeprefix(_VERSION).rstrip('"')] = number - 1
            name = ""
    return found
