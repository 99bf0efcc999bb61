"""The lines of a requirements file: requirements with their hashes and `# via` comments, and options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from envbuild.errors import Problem, UsageError
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_VIA = re.compile(r"\s*via\b(.*)", re.DOTALL)
_HASH = re.compile(r"\s--hash(?:=|\s+)(\S*)")
_SHA256 = re.compile(r"sha256:[0-9a-fA-F]{64}")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z0-9-]*)(?:\s*=\s*|\s+)?(.*)", re.DOTALL)
_OWN_OPTION = re.compile(r"\s(--[a-z][a-z-]*)(?:=|\s+)")
_DIRECT = re.compile(r"-r\s*\S.*|\S+ \([^()]+\)")
"""A `via` that is a file: `-r requirements.in`, or `NAME (pyproject.toml)` as for projects."""

_PIN = re.compile(
    r"(?P<name>(?>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?))\s*+(\[[^]]*\])?+\s*+"
    r"===?\s*+(?P<version>[A-Za-z0-9!+._-]+)\s*+(;(?P<marker>.*))?"
)


@value
class RequirementLine:
    """One requirement."""

    line: int
    """Where it begins, counted from 1."""

    text: str
    """Without hashes and comments."""

    hashes: tuple[str, ...]
    """The sha256 digests, 64 hex digits."""

    via: tuple[str, ...]
    """Who required it, as pip-compile and uv write it: packages, `-r FILE`, `NAME (FILE)`, `-c FILE`."""

    options: tuple[str, ...] = ()
    """The names of its other options, among them hashes of other kinds."""

    @property
    def is_direct(self) -> bool:
        """Whether a file required it, and not only other packages."""
        return any(_DIRECT.fullmatch(source) for source in self.via)

    @property
    def pin(self) -> tuple[str, str, str] | None:
        """Normalised name, exact version and marker; None if it is a range or no requirement."""
        match = _PIN.fullmatch(self.text)
        if match is None:
            return None
        return canonicalize_name(match["name"]), match["version"], (match["marker"] or "").strip()


@value
class OptionLine:
    """One option of the whole file, such as `--index-url URL`."""

    line: int
    name: str
    """With its hyphens, short names as they stand."""

    value: str
    """Empty without one."""


@value
class RequirementsFile:
    """A parsed file."""

    name: str
    """As the user named it."""

    requirements: tuple[RequirementLine, ...]
    options: tuple[OptionLine, ...]


def parse_requirements_file(name: str, text: str) -> RequirementsFile:
    """Read the lines; UsageError has every line that is cut off, and pins that contradict each other."""
    requirements: list[RequirementLine] = []
    options: list[OptionLine] = []
    problems: list[Problem] = []
    via: dict[int, list[str]] = {}
    for line, whole, comments in _logical_lines(text):
        content = whole.rstrip("\\ ")
        if content and whole.endswith("\\"):
            problems.append(_cut(name, line, "the file ends within a line"))
        if content.startswith("-"):
            options.append(_option(line, content))
        elif content:
            own, found = _requirement(line, content, name)
            problems += found
            requirements.append(own)
        if requirements and not content.startswith("-"):
            via.setdefault(len(requirements) - 1, []).extend(comments)
    lines = tuple(_with_via(one, via.get(at, [])) for at, one in enumerate(requirements))
    problems += _contradictions(name, lines)
    if problems:
        raise UsageError(problems)
    return RequirementsFile(name=name, requirements=lines, options=tuple(options))


def _option(line: int, content: str) -> OptionLine:
    match = _OPTION.fullmatch(content)
    name, text = (match[1], match[2].strip()) if match else (content.split(maxsplit=1)[0], "")
    return OptionLine(line=line, name=name, value=text.strip("\"'"))


def _logical_lines(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Each line's number, its text without comments, and its comments; continued lines are joined.

    Only comments that are indented or follow something belong to a requirement.
    """
    begin, parts, comments = 0, list[str](), list[str]()
    for number, raw in enumerate(text.splitlines(), start=1):
        comment = _COMMENT.search(raw)
        content = raw if comment is None else raw[: comment.start()]
        begin = begin or number
        if comment is not None:
            comments.append(comment[0] if comment.start() else "")
        if comment is None and content.rstrip().endswith("\\"):
            parts.append(content.rstrip()[:-1])
            continue
        yield begin, " ".join((*parts, content)).strip(), comments
        begin, parts, comments = 0, [], []
    if parts:
        yield begin, " ".join(parts).strip() + " \\", comments


def _requirement(line: int, content: str, file: str) -> tuple[RequirementLine, list[Problem]]:
    hashes = _HASH.findall(content)
    bare = _HASH.sub("", content)
    known = [digest for digest in hashes if _SHA256.fullmatch(digest)]
    problems = [
        _cut(file, line, f"the hash {digest[:80]!r} is not complete")
        for digest in hashes
        if ":" not in digest or (digest.startswith("sha256:") and digest not in known)
    ]
    others = {f"--hash={digest.partition(':')[0]}" for digest in hashes} - {"--hash=sha256"}
    named = _OWN_OPTION.findall(bare)
    text = bare[: match.start()] if (match := _OWN_OPTION.search(bare)) else bare
    if re.fullmatch(r"\S+\s*(==|>=|<=|~=|!=|<|>)", text.strip()):
        problems.append(_cut(file, line, f"{text.strip()[:80]!r} has no version"))
    found = RequirementLine(
        line=line,
        text=text.strip(),
        hashes=tuple(dict.fromkeys(digest.partition(":")[2].lower() for digest in known)),
        via=(),
        options=tuple(sorted({*others, *named})),
    )
    return found, problems


def _with_via(line: RequirementLine, comments: list[str]) -> RequirementLine:
    return replace(line, via=tuple(_sources(comments)))


def _sources(comments: list[str]) -> Iterator[str]:
    """Who is named by `# via one`, or by `# via` with a line `#   one` for each."""
    within = False
    for comment in comments:
        match = _VIA.fullmatch(comment.lstrip("#"))
        within = match is not None or (within and bool(comment))
        words = match[1] if match is not None else comment.lstrip("#")
        if within and words.strip():
            yield words.strip()


def _contradictions(file: str, lines: tuple[RequirementLine, ...]) -> Iterator[Problem]:
    """Pins of one package to two versions that apply at the same time."""
    seen: dict[tuple[str, str | None], dict[str, int]] = {}
    for one in lines:
        if one.pin is None:
            continue
        name, version, marker = one.pin
        # a pin without a marker meets all, another one those without and those with the same marker
        meets = ((name, ""), (name, marker)) if marker else ((name, None),)
        pins = (pin for key in meets for pin in seen.get(key, {}).items())
        other = next(((pinned, line) for pinned, line in pins if pinned != version), None)
        if other is not None:
            yield Problem(
                file=file,
                line=one.line,
                message=f"{name} is pinned to {version} here and to {other[0]} on line {other[1]}",
                hint="remove one of the lines, or compile the file again",
            )
        for key in ((name, None), (name, marker)):
            seen.setdefault(key, {}).setdefault(version, one.line)


def _cut(file: str, line: int, message: str) -> Problem:
    hint = "the file seems to be cut off: compile it again, or complete the line"
    return Problem(file=file, line=line, message=message, hint=hint)
