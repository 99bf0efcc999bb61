"""`envbuild add`, `remove`, `edit` and `import`: change `drivers.toml` and keep everything else in it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from envbuild.declaration.edit import (
    add_requirements,
    append_driver,
    declared_drivers,
    driver_name,
    has_default,
    remove_requirements,
    render_driver,
    set_key,
)
from envbuild.declaration.index import DEFAULT_INDEX
from envbuild.declaration.toml.document import parse_declaration
from envbuild.declaration.toml.requirement import parse_requirement
from envbuild.declaration.toml.table import TextError
from envbuild.errors import DeclarationError, Problem, UsageError
from envbuild.launchers.files import read_text
from envbuild.posix.files import write_atomically
from envbuild.posix.shortage import not_written
from envbuild.toml_text import toml_list, toml_string
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from envbuild.imports.draft import Draft
    from envbuild.lockfile.folder import LockFolder


_OTHER_INDEX = (
    "the option --index-url: it would be for every driver; "
    'declare it as the [[index]] named "default", or set $ENVBUILD_INDEX_DEFAULT_URL'
)


@value
class EditResult:
    """The changes of the declaration."""

    file: str
    changes: tuple[str, ...]
    """Removed (`-`) and added (`+`) lines, in the file's order; empty if nothing changed."""

    drivers: tuple[str, ...] = ()
    """The imported drivers."""

    notes: tuple[tuple[str, str], ...] = ()
    """A driver, and a remark about its import."""

    pinned: tuple[tuple[str, int], ...] = ()
    """A driver, and how many versions its first lock keeps."""


def add(
    path: Path,
    driver: str,
    requirements: tuple[str, ...],
    *,
    pythons: Callable[[], tuple[str, ...]] = tuple,
) -> EditResult:
    """Add or change requirements; a new driver is created.

    If the file says nothing of Pythons, a new driver gets those that the host has, which `pythons` lists.
    """
    texts = tuple(_checked_requirement(text) for text in requirements)
    before = read_text(path) if path.exists() else ""
    is_new = driver not in declared_drivers(_checked(before, path))
    after = add_requirements(before, driver, texts)
    if is_new and not has_default(before, "python"):
        found = pythons()
        if found:
            after = set_key(after, driver, "python", toml_list(found), file=str(path))
    return _write(path, before, after)


def remove(path: Path, driver: str, names: tuple[str, ...]) -> EditResult:
    """Remove requirements; without names, the driver."""
    before = read_text(path)
    after = remove_requirements(_checked(before, path), driver, names, file=str(path))
    return _write(path, before, after)


def edit(path: Path, driver: str, key: str, value: str) -> EditResult:
    """Set one key of a driver."""
    before = read_text(path)
    return _write(path, before, set_key(_checked(before, path), driver, key, value, file=str(path)))


def import_(
    path: Path,
    folder: LockFolder,
    drafts: tuple[tuple[str, Draft], ...],
    *,
    name: str | None,
    partial: bool = False,
) -> EditResult:
    """Create a driver from each draft, which is given with its source; `name` names the first of each source.

    Further drafts of a source, such as groups, get that name with their own appended.
    Drafts with one name (presets that share a command) become one driver.
    UsageError for what a declaration cannot express; with `partial` it is only noted.
    """
    if name is not None:
        drafts = tuple(_renamed(drafts, name))
    merged = _merged(drafts)
    before = read_text(path) if path.exists() else ""
    text = _checked(before, path)
    _refuse_declared(merged, text, path)
    merged, index = _default_index(merged, text)
    if not partial:
        _refuse_left_out(merged)
    for driver, _, draft in merged:
        text = append_driver(text, render_driver(driver, draft.requires, more=_more(driver, draft)))
    text += index
    result = _write(path, before, text)
    pinned = []
    for driver, source, draft in merged:
        if draft.pins:
            folder.write_first_pins(driver, draft.pins, source=source)
            pinned.append((driver, len(draft.pins)))
    return replace(
        result,
        drivers=tuple(driver for driver, _, _ in merged),
        notes=tuple((driver, note) for driver, _, draft in merged for note in _notes(draft)),
        pinned=tuple(pinned),
    )


def _renamed(drafts: tuple[tuple[str, Draft], ...], name: str) -> Iterator[tuple[str, Draft]]:
    first: dict[str, str] = {}
    for source, draft in drafts:
        own = first.setdefault(source, draft.name)
        behind = "" if draft.name == own else f"-{draft.name.removeprefix(f'{own}-')}"
        yield source, replace(draft, name=f"{name}{behind}")


def _notes(draft: Draft) -> Iterator[str]:
    yield from (f"left out {what}" for what in draft.left_out)
    yield from draft.notes


def _refuse_left_out(merged: list[tuple[str, str, Draft]]) -> None:
    hint = "change it there, or add --partial to import the rest"
    problems = [
        Problem(file=source, message=f"it cannot be imported completely: {what}", hint=hint)
        for _, source, draft in merged
        for what in draft.left_out
    ]
    if problems:
        raise UsageError(problems)


def _more(driver: str, draft: Draft) -> Iterator[tuple[str, object]]:
    if draft.binary is not None and draft.binary != driver:
        yield "binary", draft.binary
    if draft.version_of is not None:
        yield "version-of", draft.version_of
    if len(draft.commands) > 1:
        yield "commands", list(draft.commands)
    if draft.python is not None or draft.pythons:
        yield "python", draft.python or list(draft.pythons)
    if draft.constraints:
        yield "constraints", list(draft.constraints)
    if draft.overrides:
        yield "overrides", list(draft.overrides)
    if draft.force_sdist:
        yield "force-sdist", list(draft.force_sdist)
    if draft.sources:
        yield "sources", {name: dict(source) for name, source in draft.sources}
    if draft.inherit:
        yield "inherit", {"python": _HOST_PYTHON, "packages": list(draft.inherit)}


_HOST_PYTHON = "/usr/bin/python3"
"""What an imported driver inherits from, until somebody names another."""


def _default_index(
    merged: list[tuple[str, str, Draft]], text: str
) -> tuple[list[tuple[str, str, Draft]], str]:
    """The drafts, and the table of their default index, if the declaration is new and they have one.

    In a declaration with drivers it would change where theirs come from, so that it cannot be imported.
    """
    urls = dict.fromkeys(draft.index_url for _, _, draft in merged if draft.index_url)
    if not urls:
        return merged, ""
    if tuple(urls) == _declared_default(text):
        return merged, ""
    if not text.strip() and len(urls) == 1:
        (url,) = urls
        return merged, f'\n[[index]]\nname = "{DEFAULT_INDEX}"\nurl = {toml_string(url)}\n'
    noted = [
        (driver, source, replace(draft, left_out=(*draft.left_out, *_other_index(draft))))
        for driver, source, draft in merged
    ]
    return noted, ""


def _other_index(draft: Draft) -> tuple[str, ...]:
    return (_OTHER_INDEX,) if draft.index_url else ()


def _declared_default(text: str) -> tuple[str, ...]:
    """The URL of the default index of a valid text, if it declares one."""
    if not text.strip():
        return ()
    indexes = parse_declaration(text, file="drivers.toml").indexes
    return tuple(one.url for one in indexes if one.name == DEFAULT_INDEX and one.url is not None)


def _merged(drafts: Iterable[tuple[str, Draft]]) -> list[tuple[str, str, Draft]]:
    """Driver name, sources and draft; drafts with one name are merged."""
    found: dict[str, tuple[str, Draft]] = {}
    for source, draft in drafts:
        name = driver_name(draft.name)
        if name not in found:
            found[name] = (source, draft)
            continue
        sources, other = found[name]
        pins = {pin.name: pin for pin in (*draft.pins, *other.pins)}
        both = replace(
            other,
            requires=tuple(dict.fromkeys((*other.requires, *draft.requires))),
            constraints=tuple(dict.fromkeys((*other.constraints, *draft.constraints))),
            force_sdist=tuple(dict.fromkeys((*other.force_sdist, *draft.force_sdist))),
            inherit=tuple(dict.fromkeys((*other.inherit, *draft.inherit))),
            index_url=other.index_url or draft.index_url,
            python=other.python or draft.python,
            pythons=other.pythons or draft.pythons,
            overrides=tuple(dict.fromkeys((*other.overrides, *draft.overrides))),
            sources=tuple({**dict(draft.sources), **dict(other.sources)}.items()),
            left_out=tuple(dict.fromkeys((*other.left_out, *draft.left_out))),
            pins=tuple(pins.values()),
            notes=tuple(dict.fromkeys((*other.notes, *draft.notes))),
        )
        found[name] = (f"{sources}, {source}", both)
    empty = [
        (source, (*draft.left_out, *draft.notes))
        for source, draft in found.values()
        if not draft.requires
    ]
    if empty:
        message = "nothing in it can be required"
        raise UsageError(
            Problem(file=source, message=message, detail="\n".join(notes) or None)
            for source, notes in empty
        )
    return [(name, source, draft) for name, (source, draft) in found.items()]


def _refuse_declared(merged: list[tuple[str, str, Draft]], text: str, path: Path) -> None:
    known = declared_drivers(text)
    problems = [
        Problem(
            file=str(path),
            message=f"the driver {driver!r} of {source} is declared already",
            hint="give the import another name with --name, or change the driver with `envbuild add`",
        )
        for driver, source, _ in merged
        if driver in known
    ]
    if problems:
        raise UsageError(problems)


def _checked(text: str, path: Path) -> str:
    """The text, if it is a valid declaration; else its problems are raised first."""
    if text.strip():
        try:
            declared_drivers(text)
        except ValueError:
            parse_declaration(text, file=str(path))
    return text


def _where_they_are(error: DeclarationError, before: str, path: Path) -> tuple[Problem, ...]:
    """The problems; those that the file has already with its own lines, as the new text is not written."""
    try:
        parse_declaration(before, file=str(path), folder=str(path.absolute().parent))
    except DeclarationError as old:
        known = {(one.key, one.message): one for one in old.problems}
        return tuple(known.get((one.key, one.message), one) for one in error.problems)
    return tuple(error.problems)


def _checked_requirement(text: str) -> str:
    """The text as given; UsageError if it is not a requirement that a driver can have."""
    try:
        parse_requirement(text)
    except TextError as error:
        problem = Problem(message=str(error), hint=error.hint, detail=error.detail)
        raise UsageError(problem) from None
    return text.strip()


def _refuse_other_bytes(text: str) -> None:
    """UsageError if a word of the command line was not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"byte 0x{ord(text[error.start]) - 0xDC00:02x} of the given text is not UTF-8"
        raise UsageError(Problem(message=message, hint="give it in UTF-8")) from None


def _write(path: Path, before: str, after: str) -> EditResult:
    """Write the new text if it is a valid declaration; else DeclarationError, and nothing changes."""
    if after != before:
        _refuse_other_bytes(after)
        folder = str(path.absolute().parent)
        try:
            parse_declaration(after, file=str(path), folder=folder)
        except DeclarationError as error:
            raise error.with_problems(_where_they_are(error, before, path)) from None
        try:
            write_atomically(path.resolve(), after.encode(), keep_mode=True)
        except OSError as error:
            raise not_written(path, error) from error
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    changes = tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))
    return EditResult(file=str(path), changes=changes)
