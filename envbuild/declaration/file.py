"""`drivers.toml` on the disk → Declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.toml.document import parse_declaration
from envbuild.errors import DeclarationError, HostError, Problem, UsageError
from envbuild.posix.input_file import MOST_DECLARATION, RefusedInputError, read_input

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.declaration.declaration import Declaration

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_declaration(path: Path) -> Declaration:
    """Read the declaration at a path; messages use the path as given.

    Relative folders of indexes start at the file's folder.
    UsageError if there is no such file, DeclarationError with every problem of its text,
    HostError if the host cannot read it.
    """
    text = read_declaration_text(path)
    return parse_declaration(text, file=str(path), folder=str(path.absolute().parent))


def read_declaration_text(path: Path) -> str:
    """The declaration's text, from any author; errors as in `read_declaration`."""
    content = _read(path)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DeclarationError(_not_utf_8(path, content, error)) from None


def _read(path: Path) -> bytes:
    try:
        return read_input(path, most=MOST_DECLARATION, within=path.parent)
    except RefusedInputError as error:
        raise DeclarationError(
            Problem(message=error.message, file=str(path), hint=error.hint)
        ) from None
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            Problem(
                message="there is no such file",
                file=str(path),
                hint="`envbuild init` writes a first one; `--file` names another file",
            )
        ) from None
    except IsADirectoryError:
        problem = Problem(
            message="this is a folder", file=str(path), hint="name the file in it with `--file`"
        )
        raise UsageError(problem) from None
    except OSError as error:
        problem = Problem(
            message=f"the declaration cannot be read: {error.strerror}",
            file=str(path),
            hint="make sure that this user can read the file and enter its folders",
        )
        raise HostError(problem) from None


def _not_utf_8(path: Path, content: bytes, error: UnicodeDecodeError) -> Problem:
    words = f"byte 0x{content[error.start]:02x} is not UTF-8"
    return Problem(
        message="the file is UTF-16, not UTF-8" if content.startswith(_UTF_16) else words,
        file=str(path),
        line=content.count(b"\n", 0, error.start) + 1,
        hint="save the file as UTF-8",
    )
