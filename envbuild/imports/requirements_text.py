"""`requirements.in` and `requirements.txt`, and the output of `pip list` and `pip freeze`."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from envbuild.imports.draft import Draft, read_requirements
from envbuild.lockfile.first_pins import FirstPin

_HASH = re.compile(r"\s--hash[= ]sha256:([0-9a-f]{64})")
_OTHER_HASH = re.compile(r"\s--hash[= ]\S+")
_COMMENT = re.compile(r"(^|\s)#.*$")
_PIN = re.compile(
    r"(?P<name>(?>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?))\s*+(\[[^]]*\])?+\s*+"
    r"==\s*+(?P<version>[A-Za-z0-9!+._-]+)"
)
_PINNED = re.compile(r"\A\s*[A-Za-z0-9!+._-]+")
_LIST_HEAD = re.compile(r"Package\s+Version\b")
_SOURCE = re.compile(r"#\s+(via\s+)?-r\s+\S+")
"""The comment of pip-compile and uv on a package that was requested directly."""

_NO_RANGES = (
    "the file has exact versions and no ranges: the first lock keeps these versions; "
    "write ranges yourself"
)


def read_requirements_text(name: str, text: str) -> Draft:
    """A requirements file → a driver; hashed pins become first pins.

    If a compiled file says which packages were requested, only those become requirements.
    """
    if _LIST_HEAD.match(text):
        return _read_list(name, text)
    lines, options = _logical_lines(text)
    asked = [line for line, direct in lines if direct] or [line for line, _ in lines]
    pins = tuple(pin for pin in (_pin(line) for line, _ in lines) if pin is not None)
    compiled = any(pin.hashes for pin in pins) or len(asked) < len(lines)
    plain = [_without_hashes(line) for line in asked]
    requires, notes = read_requirements(map(_open, plain) if compiled else plain)
    if compiled:
        notes += (_NO_RANGES,)
    return Draft(
        name=name,
        requires=requires,
        pins=pins if compiled else (),
        notes=(*(f"left out the option {option}" for option in options), *notes),
    )


def _logical_lines(text: str) -> tuple[list[tuple[str, bool]], list[str]]:
    """Requirements, each with whether it was requested directly, and the other options."""
    lines: list[tuple[str, bool]] = []
    options: list[str] = []
    for raw in re.sub(r"\\\r?\n", " ", text).splitlines():
        if _SOURCE.search(raw) and raw.lstrip().startswith("#") and lines:
            lines[-1] = (lines[-1][0], True)
        line = _COMMENT.sub("", raw).strip()
        if line.startswith("-"):
            options.append(line if "://" not in line else re.split(r"[\s=]", line)[0])
        elif line:
            lines.append((line, bool(_SOURCE.search(raw))))
    return lines, options


def _without_hashes(line: str) -> str:
    return _OTHER_HASH.sub("", line).strip()


def _pin(line: str) -> FirstPin | None:
    match = _PIN.match(line)
    if match is None:
        return None
    return FirstPin(
        name=canonicalize_name(match["name"]),
        version=match["version"],
        hashes=tuple(dict.fromkeys(_HASH.findall(line))),
    )


def _open(line: str) -> str:
    """A pinned requirement without its version; extras and markers stay."""
    before, pinned, after = line.partition("==")
    return before.rstrip() + _PINNED.sub("", after, count=1) if pinned else line


def _read_list(name: str, text: str) -> Draft:
    """Parse the output of `pip list`: names and versions in columns."""
    rows = [line.split() for line in text.splitlines()[1:]]
    found = (_pin("==".join(cells[:2])) for cells in rows)
    pins = [pin for pin in found if pin is not None]
    requires, notes = read_requirements(f"{pin.name}=={pin.version}" for pin in pins)
    said = (
        "`pip list` does not say which packages were requested: every package is required exactly"
    )
    return Draft(name=name, requires=requires, pins=tuple(pins), notes=(*notes, said))
