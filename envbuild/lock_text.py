"""Lockfiles as text: byte-stable TOML with its own digest, never an address."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from typing import TYPE_CHECKING

from envbuild.errors import LockfileError, Problem
from envbuild.lock import FORMAT, Inputs, LockedFile, LockedPackage, Lockfile
from envbuild.target import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.target import Target

_HEADER = "# Written by `envbuild lock`; a change by hand is noticed and refused.\n"
_DIGEST = re.compile(r'^digest = "sha256:([0-9a-f]{64})"\n', re.MULTILINE)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9!+._-]+")
_FILE = re.compile(r"[A-Za-z0-9!+._-]+\.(whl|tar\.gz|zip)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HINT = "run `envbuild lock`, or take the file back from version control"


def render_lockfile(lockfile: Lockfile) -> str:
    """The lockfile's text; the same value always gives the same bytes."""
    body = "".join(f"{line}\n" for line in _lines(lockfile))
    head, rest = f"{_HEADER}format = {FORMAT}\n", body
    return f'{head}digest = "sha256:{_sha256(head + rest)}"\n{rest}'


def parse_lockfile(text: str, *, file: str) -> Lockfile:
    """The value of a lockfile's text; LockfileError names the file and all that is wrong with it."""
    table = _toml(text, file)
    _check_format(table, file)
    _check_digest(text, file)
    try:
        return _lockfile(table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = Problem(
            file=file, message=f"the lockfile does not hold what it must: {error}", hint=_HINT
        )
        raise LockfileError(problem) from error


def _lines(lockfile: Lockfile) -> Iterator[str]:
    yield f"driver = {_string(lockfile.driver)}"
    yield f"version = {_string(lockfile.version)}"
    yield from _list("targets", map(str, lockfile.targets))
    yield ""
    yield "[inputs]"
    yield from _inputs_lines(lockfile.inputs)
    for package in lockfile.packages:
        yield ""
        yield "[[package]]"
        yield from _package_lines(package, lockfile.targets)


def _inputs_lines(inputs: Inputs) -> Iterator[str]:
    yield from _list("requires", inputs.requires)
    yield from _list("constraints", inputs.constraints)
    yield from _list("overrides", inputs.overrides)
    yield from _list("python", inputs.python)
    yield from _list("platforms", inputs.platforms)
    if inputs.exclude_newer is not None:
        yield f"exclude-newer = {_string(inputs.exclude_newer)}"
    yield from _list("allow-sdist", inputs.allow_sdist)
    yield f"version-of = {_string(inputs.version_of)}"
    for name, patterns in inputs.indexes:
        yield from _list(f"indexes.{_string(name)}", patterns)


def _package_lines(package: LockedPackage, all_targets: tuple[Target, ...]) -> Iterator[str]:
    yield f"name = {_string(package.name)}"
    yield f"version = {_string(package.version)}"
    yield f"index = {_string(package.index)}"
    if package.targets != all_targets:
        yield from _list("targets", map(str, package.targets))
    yield from _list("requires", package.requires)
    yield from _list("required-by", package.required_by)
    yield "files = ["
    for file in package.files:
        targets = ""
        if file.targets != package.targets:
            targets = f", targets = [{', '.join(_string(str(target)) for target in file.targets)}]"
        yield (
            f"  {{ name = {_string(file.name)}, size = {file.size}, "
            f"sha256 = {_string(file.sha256)}{targets} }},"
        )
    yield "]"


def _list(key: str, items: Iterable[str]) -> Iterator[str]:
    strings = [_string(item) for item in items]
    if len(strings) < 2:
        yield f"{key} = [{''.join(strings)}]"
        return
    yield f"{key} = ["
    yield from (f"  {string}," for string in strings)
    yield "]"


def _string(text: str) -> str:
    """A TOML basic string; JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _toml(text: str, file: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        problem = Problem(
            file=file,
            line=int(line[1]) if line else None,
            message=f"the lockfile is no TOML (edited, truncated or in a merge conflict?): {error}",
            hint=_HINT,
        )
        raise LockfileError(problem) from error


def _check_format(table: Mapping[str, object], file: str) -> None:
    found = table.get("format")
    if found == FORMAT:
        return
    if isinstance(found, int) and found > FORMAT:
        message = f"lockfile format {found} is newer than this envbuild knows ({FORMAT})"
        raise LockfileError(Problem(file=file, key="format", message=message, hint="upgrade envbuild"))
    message = f"the lockfile names no format that this envbuild knows ({FORMAT})"
    raise LockfileError(Problem(file=file, key="format", message=message, hint=_HINT))


def _check_digest(text: str, file: str) -> None:
    match = _DIGEST.search(text)
    if match is not None and match[1] == _sha256(text[: match.start()] + text[match.end() :]):
        return
    message = "the lockfile was changed after `envbuild lock` wrote it: its digest does not match"
    raise LockfileError(Problem(file=file, key="digest", message=message, hint=_HINT))


def _lockfile(table: Mapping[str, object]) -> Lockfile:
    targets = tuple(map(parse_target, _strings(table, "targets")))
    if not targets:
        raise ValueError("it is for no target")
    packages = tuple(_package(item, targets) for item in _tables(table, "package"))
    return Lockfile(
        driver=_text(table, "driver", _NAME),
        version=_text(table, "version", _VERSION),
        inputs=_inputs(_table(table["inputs"])),
        targets=targets,
        packages=packages,
    )


def _inputs(table: Mapping[str, object]) -> Inputs:
    newer = table.get("exclude-newer")
    indexes = _table(table.get("indexes", {}))
    return Inputs(
        requires=_strings(table, "requires"),
        constraints=_strings(table, "constraints"),
        overrides=_strings(table, "overrides"),
        python=_strings(table, "python"),
        platforms=_strings(table, "platforms"),
        exclude_newer=None if newer is None else str(newer),
        allow_sdist=_strings(table, "allow-sdist"),
        version_of=_text(table, "version-of", _NAME),
        indexes=tuple((name, _strings(indexes, name)) for name in indexes),
    )


def _package(table: Mapping[str, object], all_targets: tuple[Target, ...]) -> LockedPackage:
    targets = _targets(table, all_targets)
    return LockedPackage(
        name=_text(table, "name", _NAME),
        version=_text(table, "version", _VERSION),
        index=_text(table, "index", re.compile(r"[A-Za-z0-9_-]+")),
        targets=targets,
        requires=_strings(table, "requires"),
        required_by=_strings(table, "required-by"),
        files=tuple(_file(item, targets) for item in _tables(table, "files")),
    )


def _file(table: Mapping[str, object], package_targets: tuple[Target, ...]) -> LockedFile:
    size = table["size"]
    if not isinstance(size, int):
        raise TypeError(f"size is no number: {size!r}")
    return LockedFile(
        name=_text(table, "name", _FILE),
        size=size,
        sha256=_text(table, "sha256", _SHA256),
        targets=_targets(table, package_targets),
    )


def _targets(table: Mapping[str, object], enclosing: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets that a table names among those of the enclosing one; all of them where it names none."""
    if "targets" not in table:
        return enclosing
    known = {str(target): target for target in enclosing}
    named = _strings(table, "targets")
    if unknown := [name for name in named if name not in known]:
        raise ValueError(f"{', '.join(unknown)} is no target of what encloses it")
    return tuple(known[name] for name in named)


def _text(table: Mapping[str, object], key: str, shape: re.Pattern[str]) -> str:
    value = table[key]
    if not isinstance(value, str) or shape.fullmatch(value) is None:
        raise ValueError(f"{key} is {value!r}")
    return value


def _strings(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = table[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{key} is no list of strings")
    return tuple(value)


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no table")
    return value


def _tables(table: Mapping[str, object], key: str) -> tuple[Mapping[str, object], ...]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise TypeError(f"{key} is no list of tables")
    return tuple(map(_table, value))
