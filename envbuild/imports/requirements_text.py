"""`requirements.in` and `requirements.txt`, and the output of `pip list` and `pip freeze`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name, is_normalized_name

from envbuild.declaration.toml.requirement import parse_requirement
from envbuild.declaration.toml.table import TextError
from envbuild.errors import Problem, UsageError
from envbuild.imports.draft import Draft, ReadRequirements, read_requirements
from envbuild.imports.requirements_lines import parse_requirements_file
from envbuild.lockfile.first_pins import FirstPin
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from envbuild.imports.direct import Locate, SourceTable
    from envbuild.imports.requirements_lines import (
        OptionLine,
        RequirementLine,
        RequirementsFile,
    )

_PINNED = re.compile(r"\A\s*[A-Za-z0-9!+._-]+")
_LIST_HEAD = re.compile(r"Package\s+Version\b")
_MOST_FILES = 100
"""Files that one import includes."""

_NO_RANGES = (
    "the file has exact versions and no ranges: the first lock keeps these versions; "
    "write ranges yourself"
)
_SHORT = {
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
}
_PLACES = ("--index-url", "--extra-index-url", "--find-links")
_ALWAYS = ("--require-hashes", "--prefer-binary", "--only-binary")
"""What envbuild does anyway; nothing is lost without them."""

_WHY = {
    "--extra-index-url": "declare it as an [[index]] with its packages",
    "--find-links": "declare it as an [[index]] with its packages",
    "--pre": 'allow pre-releases of a package with constraints = ["NAME>=1.0rc1"]',
    "--no-index": "the default index serves what no [[index]] has",
    "--trusted-host": "set $SSL_CERT_FILE to the authority of that index",
}


def read_requirements_text(
    name: str,
    text: str,
    *,
    file: str = "requirements.txt",
    read: Callable[[str, str], tuple[str, str]] | None = None,
    locate: Callable[[str], Locate] | None = None,
) -> Draft:
    """A requirements file → a driver; hashed pins become first pins.

    If a compiled file says which packages were requested, only those become requirements.
    `read` gets the file and what it names with `-r` or `-c`, and returns the name and text of that one;
    without it, these are left out. `locate` returns for a file the function that finds the paths in it.
    UsageError has the lines that are cut off or contradict each other.
    """
    if _LIST_HEAD.match(text):
        return _read_list(name, text)
    files = tuple(_with_included(parse_requirements_file(file, text), read, (file,), set()))
    lines = [line for one, _ in files for line in one.requirements]
    direct = [line for line in lines if line.is_direct] or lines
    compiled = any(line.hashes or line.via for line in lines)
    found = _requirements_of(files, set(direct), locate, opens=compiled)
    draft = _with_options(
        Draft(
            name=name,
            requires=found.requires,
            sources=found.sources,
            pins=tuple(_first_pins(lines)) if compiled else (),
            constraints=tuple(dict.fromkeys(text for _, bounds in files for text in bounds)),
        ),
        [option for one, _ in files for option in one.options],
    )
    more = (_NO_RANGES,) if compiled else ()
    left_out = (*draft.left_out, *_lost(lines), *found.left_out)
    return replace(draft, left_out=left_out, notes=(*draft.notes, *more))


def _requirements_of(
    files: Iterable[tuple[RequirementsFile, object]],
    asked: Collection[RequirementLine],
    locate: Callable[[str], Locate] | None,
    *,
    opens: bool,
) -> ReadRequirements:
    """The requirements on the lines that were asked for, and editable ones; `opens` takes pins' versions away."""
    requires: dict[str, None] = {}
    sources: dict[str, SourceTable] = {}
    left_out: list[str] = []
    for one, _ in files:
        lines = (line for line in one.requirements if line in asked)
        texts = [_open(line.text) if opens and line.pin else line.text for line in lines]
        texts += [option.value for option in one.options if _kind(option) == "--editable"]
        found = read_requirements(texts, locate(one.name) if locate is not None else None)
        requires.update(dict.fromkeys(found.requires))
        sources.update(found.sources)
        left_out += found.left_out
    return ReadRequirements(
        requires=tuple(requires), sources=tuple(sources.items()), left_out=tuple(left_out)
    )


def _with_included(
    parsed: RequirementsFile,
    read: Callable[[str, str], tuple[str, str]] | None,
    above: tuple[str, ...],
    seen: set[tuple[str, str]],
) -> Iterator[tuple[RequirementsFile, tuple[str, ...]]]:
    """The file and those that it includes, each once, with the bounds of the `-c` files that it names."""
    bounds: list[str] = []
    kept: list[OptionLine] = []
    for option in parsed.options:
        kind = _kind(option)
        if kind not in ("--requirement", "--constraint") or "://" in option.value or read is None:
            kept.append(option)
            continue
        inner, text = _read_included(read, parsed, option, above)
        if (kind, inner) in seen:
            continue
        seen.add((kind, inner))
        if len(seen) > _MOST_FILES:
            message = f"more than {_MOST_FILES} files are included"
            raise UsageError(Problem(file=parsed.name, line=option.line, message=message))
        if kind == "--constraint":
            bounds += _bounds(parse_requirements_file(inner, text))
        else:
            yield from _with_included(
                parse_requirements_file(inner, text), read, (*above, inner), seen
            )
    yield replace(parsed, options=tuple(kept)), tuple(bounds)


def _read_included(
    read: Callable[[str, str], tuple[str, str]],
    parsed: RequirementsFile,
    option: OptionLine,
    above: tuple[str, ...],
) -> tuple[str, str]:
    try:
        inner, text = read(parsed.name, option.value)
    except UsageError as error:
        words = "; ".join(problem.message for problem in error.problems)
        message = f"{option.name} {option.value}: {words}"
        hint = "put the file there, or remove the line"
        raise UsageError(
            Problem(file=parsed.name, line=option.line, message=message, hint=hint)
        ) from None
    if inner in above:
        message = f"the file includes itself: {' → '.join((*above, inner))}"
        raise UsageError(
            Problem(file=parsed.name, line=option.line, message=message, hint="break the circle")
        )
    return inner, text


def _bounds(parsed: RequirementsFile) -> Iterator[str]:
    """The lines of a constraints file as a driver's constraints; UsageError names a line that cannot be one."""
    for line in parsed.requirements:
        try:
            parse_requirement(line.text)
        except TextError as error:
            problem = Problem(file=parsed.name, line=line.line, message=str(error), hint=error.hint)
            raise UsageError(problem) from None
        yield line.text


def _with_options(draft: Draft, options: Iterable[OptionLine]) -> Draft:
    """The draft with what options have a key for; the others are noted."""
    left_out: dict[str, None] = {}
    notes: list[str] = []
    sources: list[str] = []
    index_url = None
    for option in options:
        name = _kind(option)
        if name == "--no-binary":
            sources = _built(sources, option.value)
        elif name == "--index-url" and index_url is None and _is_plain_url(option.value):
            index_url = option.value
        elif name not in (*_ALWAYS, "--editable"):
            left_out[_left_out(option, name)] = None
    if ":all:" in sources:
        sources = []
        left_out["the option --no-binary :all:: name the packages in `force-sdist`"] = None
    if sources:
        notes.append(
            f"{', '.join(dict.fromkeys(sources))} is built from source, as the file says: "
            "that runs its code"
        )
    return replace(
        draft,
        force_sdist=tuple(dict.fromkeys(sources)),
        index_url=index_url,
        left_out=tuple(left_out),
        notes=tuple(notes),
    )


def _kind(option: OptionLine) -> str:
    return _SHORT.get(option.name, option.name)


def _built(sources: list[str], value: str) -> list[str]:
    """The packages that are built from source after another `--no-binary`; `:none:` ends those before it."""
    for part in re.split(r"[,\s]+", value):
        if part == ":none:":
            sources = []
        elif part == ":all:" or is_normalized_name(canonicalize_name(part)):
            sources = [*sources, part if part == ":all:" else canonicalize_name(part)]
    return sources


def _left_out(option: OptionLine, name: str) -> str:
    shown = (
        option.name if name in _PLACES or "://" in option.value else f"{option.name} {option.value}"
    )
    why = _WHY.get(name)
    if name == "--index-url":
        why = "set $ENVBUILD_INDEX_DEFAULT_URL, or put user and password into netrc"
    return f"the option {shown.strip()}" + (f": {why}" if why else "")


def _is_plain_url(text: str) -> bool:
    """Whether it is the address of an index without user and password."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return False


def _lost(lines: Iterable[RequirementLine]) -> Iterator[str]:
    """A line for each option of single requirements, with their packages."""
    found: dict[str, list[str]] = {}
    for line in lines:
        for option in line.options:
            found.setdefault(option, []).append(re.split(r"[\[=<>!~; ]", line.text, maxsplit=1)[0])
    for option, names in sorted(found.items()):
        yield f"{option} of {', '.join(dict.fromkeys(names))}"


def _first_pins(lines: Iterable[RequirementLine]) -> Iterator[FirstPin]:
    """One pin for each package: the first, with the hashes of every line of that version."""
    found: dict[str, FirstPin] = {}
    for line in lines:
        if line.pin is None:
            continue
        name, version, _ = line.pin
        pin = found.setdefault(name, FirstPin(name=name, version=version))
        if pin.version == version:
            found[name] = replace(pin, hashes=tuple(dict.fromkeys((*pin.hashes, *line.hashes))))
    yield from found.values()


def _open(text: str) -> str:
    """A pinned requirement without its version; extras and markers stay."""
    before, pinned, after = text.partition("==")
    return before.rstrip() + _PINNED.sub("", after.removeprefix("="), count=1) if pinned else text


def _read_list(name: str, text: str) -> Draft:
    """Parse the output of `pip list`: names and versions in columns."""
    rows = [line.split() for line in text.splitlines()[1:]]
    lines = parse_requirements_file(
        name, "\n".join("==".join(cells[:2]) for cells in rows if len(cells) > 1)
    ).requirements
    pins = tuple(_first_pins(lines))
    read = read_requirements(f"{pin.name}=={pin.version}" for pin in pins)
    said = (
        "`pip list` does not say which packages were requested: every package is required exactly"
    )
    return Draft(
        name=name, requires=read.requires, pins=pins, left_out=read.left_out, notes=(said,)
    )
