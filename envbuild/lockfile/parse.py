"""Parse lockfiles; anybody may have written the text, so everything invalid is refused."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from envbuild.declaration.driver import LockingKeys
from envbuild.declaration.index import DEFAULT_INDEX, bound_index
from envbuild.declaration.source import LockedSource, bindings_on, kind_of
from envbuild.declaration.toml.loading import load_toml
from envbuild.digest import sha256_hex
from envbuild.errors import LockfileError, NewerFormatError, Problem
from envbuild.lockfile.canonical_toml import read_canonical
from envbuild.lockfile.content import (
    check_built,
    check_content,
    check_files,
    check_packages,
    check_requirements,
    check_targets,
    refuse_address,
)
from envbuild.lockfile.lockfile import (
    FORMAT,
    INHERITED,
    HeldBack,
    Inputs,
    LockedBuild,
    LockedFile,
    LockedPackage,
    LockedVariant,
    Lockfile,
)
from envbuild.lockfile.text import ALWAYS_WRITTEN, DEFAULTS
from envbuild.lockfile.warnings import REASONS
from envbuild.target.target import VARIANT, parse_target
from envbuild.value import field_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envbuild.target.target import Target

_PLAIN_PLATFORM = r"[a-z0-9_]+-[a-z0-9_]+"
_DIGEST = re.compile(r'^digest = "sha256:([0-9a-f]{64})"\n', re.MULTILINE)
_DRIVER = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ASKER = re.compile(rf"\.|{_NAME.pattern}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9!+._-]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!+._-]*\.(whl|tar\.gz|zip|tree)")
_INDEX = re.compile(r"[A-Za-z0-9_-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PYTHON = re.compile(r"[0-9A-Za-z.*+!<>=~, _-]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d))?|[1-9]\d{0,4} (hour|day|week)s?")
_ENDLESS_NUMBER = re.compile(r"[0-9]{65}")
_PATTERN = re.compile(r"[a-z0-9*-]+")
_SOURCE = re.compile(
    rf"(?P<package>{_NAME.pattern})(/(?P<platform>{_PLAIN_PLATFORM})?(@(?P<variant>{VARIANT.pattern}))?)?"
    r"=(?P<origin>(?:url|path|git):[0-9a-f]{64})"
)
_INHERIT = re.compile(r"[a-z0-9*-]+(==[A-Za-z0-9!+._-]+)?")
_LARGEST_FILE = 1 << 60
_LINE = re.compile(r"[^\n]*")
_HINT = "run `envbuild lock`, or restore the file from version control"


def parse_lockfile(text: str, *, file: str) -> Lockfile:
    """A lockfile's text → value; LockfileError names the file and all that is wrong."""
    table = _toml(text, file)
    _check_format(table, file)
    _check_digest(text, file)
    try:
        refuse_address(text)
        _refuse_endless_number(text)
        lockfile = _lockfile(table)
        check_content(lockfile)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        problem = Problem(
            file=file, message=f"the lockfile has invalid content: {error}", hint=_HINT
        )
        raise LockfileError(problem) from error
    return lockfile


def _refuse_endless_number(text: str) -> None:
    if _ENDLESS_NUMBER.search(text):
        raise ValueError("a number in it has more than 64 digits")


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
            message=f"the lockfile is not TOML (edited, truncated or in a merge conflict?): {error}",
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
    if match is not None:
        rest = text[: match.start()] + text[match.end() :]
        if match[1] == sha256_hex(rest.encode()):
            return
    message = "the lockfile was changed after `envbuild lock` wrote it: its digest does not match"
    raise LockfileError(Problem(file=file, key="digest", message=message, hint=_HINT))


def _lockfile(table: Mapping[str, object]) -> Lockfile:
    targets = tuple(map(parse_target, _strings(table, "targets")))
    inputs = _inputs(_table(table["inputs"]), tuple(map(_variant, _tables(table, "variant"))))
    ends = [f"@{variant.name}" for variant in inputs.variants] or [""]
    pythons = inputs.python or tuple(dict.fromkeys(target.python for target in targets))
    amount = len(pythons) * len(inputs.platforms) * len(ends)
    if len(targets) != amount or [*map(str, targets)] != [
        f"{python}-{on}{end}" for python in pythons for on in inputs.platforms for end in ends
    ]:
        raise ValueError("its targets are not those of its inputs")
    check_targets("the lockfile", targets)
    packages = tuple(_package(item, targets, inputs) for item in _tables(table, "package"))
    lockfile = Lockfile(
        driver=_text(table, "driver", _DRIVER),
        version=_text(table, "version", _VERSION),
        inputs=inputs,
        targets=targets,
        packages=packages,
        inherited=tuple(_inherited(item, targets) for item in _tables(table, "inherited")),
        builds=tuple(_build(item, targets) for item in _tables(table, "build")),
        held_back=tuple(_held_back(item, targets) for item in _tables(table, "held-back")),
    )
    check_packages((*packages, *lockfile.inherited))
    return lockfile


def _held_back(table: Mapping[str, object], all_targets: tuple[Target, ...]) -> HeldBack:
    newer = _text(table, "passed-over", _VERSION) if "passed-over" in table else None
    reason = table["reason"]
    if not isinstance(reason, str) or reason not in REASONS:
        raise ValueError(f"reason is {reason!r}")
    targets = _targets(table, all_targets)
    check_targets("held-back", targets)
    return HeldBack(
        package=_text(table, "package", _NAME),
        locked=_text(table, "locked", _VERSION),
        passed_over=newer,
        reason=reason,
        blockers=_names(table, "blockers"),
        targets=targets,
    )


def _variant(table: Mapping[str, object]) -> LockedVariant:
    return LockedVariant(
        name=_text(table, "name", VARIANT),
        requires=_strings(table, "requires"),
        indexes=tuple(_bindings(_table(table.get("indexes", {})))),
        inherit=_names(table, "inherit", _INHERIT) if "inherit" in table else (),
    )


def _inputs(table: Mapping[str, object], variants: tuple[LockedVariant, ...]) -> Inputs:
    return Inputs(
        variants=variants,
        sources=tuple(_sources(table)),
        inherit=_names(table, "inherit", _INHERIT) if "inherit" in table else (),
        requires=_strings(table, "requires"),
        indexes=tuple(_bindings(_table(table.get("indexes", {})))),
        **{field: _input(table, field) for field in field_names(LockingKeys)},
    )


def _input(table: Mapping[str, object], field: str) -> Any:
    """A key of the driver's inputs; keys with default values may be missing."""
    key = field.replace("_", "-")
    if key not in table and field not in ALWAYS_WRITTEN:
        return DEFAULTS[field]
    by_type = _strings if isinstance(DEFAULTS.get(field), tuple) else partial(_text, shape=_LINE)
    return _INPUT_READERS.get(field, by_type)(table, key)


def _bindings(indexes: Mapping[str, object]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in indexes:
        patterns = _strings(indexes, name)
        if not _INDEX.fullmatch(name) or not all(map(_PATTERN.fullmatch, patterns)):
            raise ValueError(f"the index {name!r} has an invalid package pattern")
        yield name, patterns


def _limits(table: Mapping[str, object], key: str) -> tuple[tuple[str, str | None], ...]:
    return tuple(_parse_limit(key, text) for text in _strings(table, key))


def _parse_limit(key: str, text: str) -> tuple[str, str | None]:
    """A package's own limit, written `NAME=LIMIT`."""
    name, _, limit = text.partition("=")
    if not _NAME.fullmatch(name) or not (limit == "false" or _DATE.fullmatch(limit)):
        raise ValueError(f"{key} has {text!r}")
    return name, None if limit == "false" else limit


def _package(
    table: Mapping[str, object], all_targets: tuple[Target, ...], inputs: Inputs
) -> LockedPackage:
    targets = _targets(table, all_targets)
    name = _text(table, "name", _NAME)
    files = tuple(_file(item, targets) for item in _tables(table, "files"))
    built = tuple(_wheel(item, targets) for item in _tables(table, "built"))
    check_targets(name, targets)
    check_files(name, targets, files)
    if built:
        check_built(name, files, built)
    index = _origin(table, name, targets, inputs)
    return LockedPackage(
        name=name,
        version=_text(table, "version", _VERSION),
        index=index,
        targets=targets,
        requires=_strings(table, "requires"),
        required_by=_names(table, "required-by", _ASKER),
        commands=_strings(table, "commands") if "commands" in table else None,
        modules=_strings(table, "modules") if "modules" in table else (),
        files=files,
        built=built,
        requires_python=_text(table, "requires-python", _PYTHON)
        if "requires-python" in table
        else "",
        yanked=None if "yanked" not in table else _text(table, "yanked", _LINE),
    )


def _inherited(table: Mapping[str, object], all_targets: tuple[Target, ...]) -> LockedPackage:
    targets, name = _targets(table, all_targets), _text(table, "name", _NAME)
    check_targets(name, targets)
    return LockedPackage(
        name=name,
        version=_text(table, "version", _VERSION),
        index=INHERITED,
        targets=targets,
        requires=_strings(table, "requires"),
        required_by=_names(table, "required-by", _ASKER),
        files=(),
    )


def _build(table: Mapping[str, object], all_targets: tuple[Target, ...]) -> LockedBuild:
    targets = _targets(table, all_targets)
    name = _text(table, "package", _NAME)
    check_targets(f"the build of {name}", targets)
    files = tuple(_wheel(item, targets) for item in _tables(table, "files"))
    check_requirements(name, targets, files)
    return LockedBuild(
        package=name,
        version=_text(table, "version", _VERSION),
        targets=targets,
        requires=_strings(table, "requires"),
        added=_strings(table, "added") if "added" in table else (),
        options=_text(table, "options", _SHA256) if "options" in table else "",
        files=files,
    )


def _wheel(table: Mapping[str, object], targets: tuple[Target, ...]) -> LockedFile:
    file = _file(table, targets)
    if not file.name.endswith(".whl"):
        raise ValueError(f"{file.name} is not a wheel")
    return file


def _origin(
    table: Mapping[str, object], package: str, targets: tuple[Target, ...], inputs: Inputs
) -> str:
    """The name of a package's index, or what the inputs have as its source, which must be the same on its targets."""
    found = {bound_index(bindings_on(target, inputs.sources), package) for target in targets}
    if "source" not in table:
        if inputs.sources and found != {DEFAULT_INDEX}:
            raise ValueError(f"{package} has a source, but its package has none")
        return _text(table, "index", _INDEX)
    origin = found.pop()
    if "index" in table or found or kind_of(origin) != table["source"]:
        raise ValueError(f"the source of {package} is not that of its inputs")
    return origin


def _sources(table: Mapping[str, object]) -> Iterator[LockedSource]:
    """Sources, each written `NAME=ORIGIN`, `NAME/PLATFORM=ORIGIN`, `NAME/@VARIANT=ORIGIN` or with both."""
    for text in _strings(table, "sources") if "sources" in table else ():
        match = _SOURCE.fullmatch(text)
        if match is None:
            raise ValueError(f"sources has {text!r}")
        yield LockedSource(
            package=match["package"],
            origin=match["origin"],
            platform=match["platform"] or None,
            variant=match["variant"],
        )


def _file(table: Mapping[str, object], package_targets: tuple[Target, ...]) -> LockedFile:
    name, size = _text(table, "name", _FILE), table["size"]
    if type(size) is not int or not 0 <= size < _LARGEST_FILE:
        raise ValueError(f"size is {size!r}")
    targets = _targets(table, package_targets)
    check_targets(name, targets)
    sha256 = _text(table, "sha256", _SHA256)
    return LockedFile(name=name, size=size, sha256=sha256, targets=targets)


def _targets(table: Mapping[str, object], enclosing: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets in a table, which must be among the enclosing ones; all of those if it has none."""
    if "targets" not in table:
        return enclosing
    known = {str(target): target for target in enclosing}
    named = _strings(table, "targets")
    if unknown := [name for name in named if name not in known]:
        raise ValueError(f"{', '.join(unknown)} is not a target of the enclosing table")
    return tuple(known[name] for name in named)


def _text(table: Mapping[str, object], key: str, shape: re.Pattern[str]) -> str:
    value = table[key]
    if not isinstance(value, str) or shape.fullmatch(value) is None:
        raise ValueError(f"{key} is {value!r}")
    return value


def _strings(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = table[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"{key} is not a list of strings")
    return tuple(value)


def _names(
    table: Mapping[str, object], key: str, shape: re.Pattern[str] = _NAME
) -> tuple[str, ...]:
    names = _strings(table, key)
    if wrong := [name for name in names if shape.fullmatch(name) is None]:
        raise ValueError(f"{key} has {wrong[0]!r}")
    return names


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not a table")
    return value


def _tables(table: Mapping[str, object], key: str) -> tuple[Mapping[str, object], ...]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise TypeError(f"{key} is not a list of tables")
    return tuple(map(_table, value))


_INPUT_READERS: Mapping[str, Callable[[Mapping[str, object], str], object]] = {
    "exclude_newer": partial(_text, shape=_DATE),
    "exclude_newer_packages": _limits,
    "allow_sdist": _names,
    "force_sdist": _names,
    "version_of": partial(_text, shape=_NAME),
}
"""Keys whose strings, or lists of strings, are restricted."""
