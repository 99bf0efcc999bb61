"""Read a store's files, and JSON, without importing `json`.

Importing the regular expressions of `json` takes longer than most verbs.
This uses the parser of `json`; on an interpreter without it, `json` is imported.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, TextIO

MOST_BYTES = 64 << 20
"""The largest file that is read; a receipt of 50,000 files has about ten megabytes."""

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KIND, _ORDINARY = 0o170000, 0o100000  # as in `stat`, which takes longer to import
_EINVAL, _EFBIG = 22, 27  # as in `errno`


class _Rules:
    """The settings of `json.loads` without arguments, as the parser reads them."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012  (read by the parser written in Python alone)


def read_json(text: str) -> Any:
    """The value of a JSON object's text; ValueError as `json.loads` raises it."""
    try:
        from _json import make_scanner

        value, end = make_scanner(_Rules)(text, 0)  # type: ignore[arg-type] # it asks for no more
    except (ImportError, AttributeError, TypeError, ValueError, StopIteration):
        end = -1
    if end < 0 or text[end:].strip():
        from json import loads

        return loads(text)
    return value


def open_ordinary(file: Path | str, *, most: int = MOST_BYTES) -> int:
    """Open an ordinary file of at most `most` bytes for reading; OSError for anything else.

    The owner of a store may be another user: a pipe in it would block, and a device may never end.
    """
    descriptor = os.open(file, _FLAGS)
    status = os.fstat(descriptor)
    if status.st_mode & _KIND == _ORDINARY and status.st_size <= most:
        return descriptor
    os.close(descriptor)
    if status.st_mode & _KIND == _ORDINARY:
        raise OSError(_EFBIG, f"it is larger than {most >> 20} MiB", str(file))
    raise OSError(_EINVAL, "it is not an ordinary file", str(file))


def open_text(file: Path | str) -> TextIO:
    """An ordinary file's text; invalid UTF-8 becomes surrogate escapes. OSError as in `open_ordinary`."""
    return os.fdopen(open_ordinary(file), encoding="utf-8", errors="surrogateescape")


def read_ordinary(file: Path | str) -> bytes:
    """The content of an ordinary file; OSError as in `open_ordinary`."""
    with os.fdopen(open_ordinary(file), "rb") as stream:
        return stream.read(os.fstat(stream.fileno()).st_size)


def as_text(found: object) -> str:
    """A text of a parsed document; TypeError for anything else, as for the others below."""
    if not isinstance(found, str):
        raise TypeError(f"{found!r:.80} is not a text")
    return found


def as_list(found: object) -> list[Any]:
    """A list."""
    if not isinstance(found, list):
        raise TypeError(f"{found!r:.80} is not a list")
    return found


def as_table(found: object) -> dict[str, Any]:
    """An object."""
    if not isinstance(found, dict):
        raise TypeError(f"{found!r:.80} is not an object")
    return found


def as_number(found: object) -> int:
    """A whole number; true and false are none."""
    if type(found) is not int:
        raise TypeError(f"{found!r:.80} is not a number")
    return found
