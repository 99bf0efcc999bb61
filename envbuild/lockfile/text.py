"""Lockfiles as text: byte-stable TOML with its own digest, never an address."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from envbuild.declaration.declaration import LockingKeys
from envbuild.declaration.toml.loading import load_toml
from envbuild.errors import LockfileError, NewerFormatError, Problem
from envbuild.lockfile.canonical_toml import read_canonical
from envbuild.lockfile.content import check_content
from envbuild.lockfile.held_back import REASONS
from envbuild.lockfile.lockfile import FORMAT, HeldBack, Inputs, LockedFile, LockedPackage, Lockfile
from envbuild.target.target import parse_target
from envbuild.toml_text import toml_string
from envbuild.value import defaults_of, field_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.target.target import Target

_HEADER = "# Written by `envbuild lock`; a change by hand is noticed and refused.\n"
_DIGEST = re.compile(r'^digest = "sha256:([0-9a-f]{64})"\n', re.MULTILINE)
_DRIVER = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ASKER = re.compile(r"\.|[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9!+._-]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!+._-]*\.(whl|tar\.gz|zip)")
_INDEX = re.compile(r"[A-Za-z0-9_-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PYTHON = re.compile(r"[0-9A-Za-z.*+!<>=~, _-]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d))?|[1-9]\d{0,4} (hour|day|week)s?")
_ENDLESS_NUMBER = re.compile(r"[0-9]{65}")
_PATTERN = re.compile(r"[a-z0-9*-]+")
_LARGEST_FILE = 1 << 60
_LINE = re.compile(r"[^\n]*")
_HINT = "run `envbuild lock`, or take the file back from version control"


def render_lockfile(lockfile: Lockfile) -> str:
    """The lockfile's text; the same value always gives the same bytes.

    ValueError where an address got into the value: whoever made it has a bug.
    """
    head = f"{_HEADER}format = {FORMAT}\n"
    body = "".join(f"{line}\n" for line in _lines(lockfile))
    _refuse_address(body)
    return f'{head}digest = "sha256:{_sha256(head + body)}"\n{body}'


def parse_lockfile(text: str, *, file: str) -> Lockfile:
    """The value of a lockfile's text; LockfileError names the file and all that is wrong with it."""
    table = _toml(text, file)
    _check_format(table, file)
    _check_digest(text, file)
    try:
        _refuse_address(text)
        _refuse_endless_number(text)
        lockfile = _lockfile(table)
        check_content(lockfile)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        problem = Problem(
            file=file, message=f"the lockfile does not hold what it must: {error}", hint=_HINT
        )
        raise LockfileError(problem) from error
    return lockfile


def _lines(lockfile: Lockfile) -> Iterator[str]:
    yield f"driver = {toml_string(lockfile.driver)}"
    yield f"version = {toml_string(lockfile.version)}"
    yield from _list("targets", map(str, lockfile.targets))
    yield ""
    yield "[inputs]"
    yield from _inputs_lines(lockfile.inputs)
    for package in lockfile.packages:
        yield ""
        yield "[[package]]"
        yield from _package_lines(package, lockfile.targets)
    for held in lockfile.held_back:
        yield ""
        yield "[[held-back]]"
        yield from _held_back_lines(held, lockfile.targets)


def _inputs_lines(inputs: Inputs) -> Iterator[str]:
    yield from _list("requires", inputs.requires)
    for field in field_names(LockingKeys):
        value = getattr(inputs, field)
        if field in _ALWAYS_WRITTEN or value != _DEFAULTS[field]:
            yield from _input_lines(field.replace("_", "-"), value)
    for name, patterns in inputs.indexes:
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
    yield "files = ["
    for file in package.files:
        targets = ""
        if file.targets != package.targets:
            targets = (
                f", targets = [{', '.join(toml_string(str(target)) for target in file.targets)}]"
            )
        yield (
            f"  {{ name = {toml_string(file.name)}, size = {file.size}, "
            f"sha256 = {toml_string(file.sha256)}{targets} }},"
        )
    yield "]"


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


def _refuse_address(text: str) -> None:
    """Lockfiles are mirror-neutral: where a file lies is never in them."""
    if "://" not in text:
        return
    for line in text.splitlines():
        if "://" in line:
            raise ValueError(f"an address stands in {line.strip()!r}")


def _refuse_endless_number(text: str) -> None:
    if _ENDLESS_NUMBER.search(text):
        raise ValueError("a number in it has more than 64 digits")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _toml(text: str, file: str) -> dict[str, object]:
    table = read_canonical(text)
    if table is not None:
        return table
    try:
        return load_toml(text)
    except (ValueError, RecursionError) as error:  # an endless number, brackets without end
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
    if type(found) is int and found == FORMAT:
        return
    if type(found) is int and found > FORMAT:
        message = f"lockfile format {found} is newer than this envbuild can read ({FORMAT})"
        raise NewerFormatError(
            Problem(file=file, key="format", message=message, hint="upgrade envbuild")
        )
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
    inputs = _inputs(_table(table["inputs"]))
    if len(targets) != len(inputs.python) * len(inputs.platforms) or [*map(str, targets)] != [
        f"{python}-{on}" for python in inputs.python for on in inputs.platforms
    ]:
        raise ValueError("its targets are not those of its inputs")
    _check_targets("the lockfile", targets)
    packages = tuple(_package(item, targets) for item in _tables(table, "package"))
    _check_packages(packages)
    return Lockfile(
        driver=_text(table, "driver", _DRIVER),
        version=_text(table, "version", _VERSION),
        inputs=inputs,
        targets=targets,
        packages=packages,
        held_back=tuple(_held_back(item, targets) for item in _tables(table, "held-back")),
    )


def _held_back(table: Mapping[str, object], all_targets: tuple[Target, ...]) -> HeldBack:
    newer = _text(table, "passed-over", _VERSION) if "passed-over" in table else None
    reason = table["reason"]
    if not isinstance(reason, str) or reason not in REASONS:
        raise ValueError(f"reason is {reason!r}")
    targets = _targets(table, all_targets)
    _check_targets("held-back", targets)
    return HeldBack(
        package=_text(table, "package", _NAME),
        locked=_text(table, "locked", _VERSION),
        passed_over=newer,
        reason=reason,
        blockers=_names(table, "blockers"),
        targets=targets,
    )


def _inputs(table: Mapping[str, object]) -> Inputs:
    return Inputs(
        requires=_strings(table, "requires"),
        indexes=tuple(_bindings(_table(table.get("indexes", {})))),
        **{field: _input(table, field) for field in field_names(LockingKeys)},
    )


def _input(table: Mapping[str, object], field: str) -> Any:
    """What a key of the driver was; a lockfile need not have those that are at their default."""
    key = field.replace("_", "-")
    if key not in table and field not in _ALWAYS_WRITTEN:
        return _DEFAULTS[field]
    return _INPUT_READERS.get(field, _strings)(table, key)


def _bindings(indexes: Mapping[str, object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in indexes:
        patterns = _strings(indexes, name)
        if not _INDEX.fullmatch(name) or not all(map(_PATTERN.fullmatch, patterns)):
            raise ValueError(f"what is bound to the index {name!r} is no pattern")
        yield name, patterns


def _limits(table: Mapping[str, object], key: str) -> tuple[tuple[str, str | None], ...]:
    return tuple(_parse_limit(key, text) for text in _strings(table, key))


def _parse_limit(key: str, text: str) -> tuple[str, str | None]:
    """A package's own limit, written `NAME=LIMIT`."""
    name, _, limit = text.partition("=")
    if not _NAME.fullmatch(name) or not (limit == "false" or _DATE.fullmatch(limit)):
        raise ValueError(f"{key} holds {text!r}")
    return name, None if limit == "false" else limit


def _package(table: Mapping[str, object], all_targets: tuple[Target, ...]) -> LockedPackage:
    targets = _targets(table, all_targets)
    name = _text(table, "name", _NAME)
    files = tuple(_file(item, targets) for item in _tables(table, "files"))
    _check_targets(name, targets)
    _check_files(name, targets, files)
    return LockedPackage(
        name=name,
        version=_text(table, "version", _VERSION),
        index=_text(table, "index", _INDEX),
        targets=targets,
        requires=_strings(table, "requires"),
        required_by=_names(table, "required-by", _ASKER),
        commands=_strings(table, "commands") if "commands" in table else None,
        files=files,
        requires_python=_text(table, "requires-python", _PYTHON)
        if "requires-python" in table
        else "",
        yanked=None if "yanked" not in table else _text(table, "yanked", _LINE),
    )


def _file(table: Mapping[str, object], package_targets: tuple[Target, ...]) -> LockedFile:
    name, size = _text(table, "name", _FILE), table["size"]
    if type(size) is not int or not 0 <= size < _LARGEST_FILE:
        raise ValueError(f"size is {size!r}")
    targets = _targets(table, package_targets)
    _check_targets(name, targets)
    sha256 = _text(table, "sha256", _SHA256)
    return LockedFile(name=name, size=size, sha256=sha256, targets=targets)


def _targets(table: Mapping[str, object], enclosing: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets that a table names among those of the enclosing one; all of them where it names none."""
    if "targets" not in table:
        return enclosing
    known = {str(target): target for target in enclosing}
    named = _strings(table, "targets")
    if unknown := [name for name in named if name not in known]:
        raise ValueError(f"{', '.join(unknown)} is no target of what encloses it")
    return tuple(known[name] for name in named)


def _check_targets(owner: str, targets: tuple[Target, ...]) -> None:
    if not targets:
        raise ValueError(f"{owner} is for no target")
    if len(set(targets)) < len(targets):
        raise ValueError(f"{owner} names a target twice")


def _check_files(package: str, targets: tuple[Target, ...], files: tuple[LockedFile, ...]) -> None:
    """Each of a package's targets takes exactly one of its files."""
    if len(files) == 1 and files[0].targets is targets:
        return
    if len(files) > len(targets):
        raise ValueError(f"{package} has {len(files)} files for {len(targets)} targets")
    taken = Counter(target for file in files for target in file.targets)
    for target in targets:
        if taken[target] != 1:
            raise ValueError(f"{target} takes {taken[target]} files of {package}, not one")


def _check_packages(packages: tuple[LockedPackage, ...]) -> None:
    """On each target a package has one version."""
    counted = Counter(package.name for package in packages)
    seen: dict[str, set[Target]] = {}
    for package in packages:
        if counted[package.name] == 1:
            continue
        known = seen.setdefault(package.name, set())
        for target in package.targets:
            if target in known:
                raise ValueError(f"{package.name} is locked twice for {target}")
            known.add(target)


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


def _names(
    table: Mapping[str, object], key: str, shape: re.Pattern[str] = _NAME
) -> tuple[str, ...]:
    names = _strings(table, key)
    if wrong := [name for name in names if shape.fullmatch(name) is None]:
        raise ValueError(f"{key} holds {wrong[0]!r}")
    return names


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no table")
    return value


def _tables(table: Mapping[str, object], key: str) -> tuple[Mapping[str, object], ...]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise TypeError(f"{key} is no list of tables")
    return tuple(map(_table, value))


_DEFAULTS = defaults_of(LockingKeys)
_ALWAYS_WRITTEN = frozenset(
    ("constraints", "overrides", "python", "platforms", "allow_sdist", "version_of")
)
"""What stands in every lockfile; another key does where it is not at its default."""

_INPUT_READERS: Mapping[str, Callable[[Mapping[str, object], str], object]] = {
    "exclude_newer": partial(_text, shape=_DATE),
    "exclude_newer_packages": _limits,
    "allow_sdist": _names,
    "version_of": partial(_text, shape=_NAME),
}
"""The keys that are no list of any strings."""
