"""What a driver exposes, the probes that must succeed before envbuild switches to it, and the variables it sets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.declaration.placeholders import PLACEHOLDERS, unknown_placeholder
from envbuild.declaration.toml.table import NumberReader, Place, TextError, kind, list_of, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.declaration.driver import Driver
    from envbuild.declaration.toml.table import Reader


MODULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
COMMAND_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_INTERPRETER = re.compile(r"python(\d+(\.\d+)?)?")
_EXAMPLE = 'probe = [["vllm", "--version"]]'
_START = 'command = ["python", "-m", "sglang.launch_server"]'
_MODULE_WORDS = 3
"""`python -m MODULE`."""


def command_name(written: str) -> str:
    """The name of a command that a package installs."""
    if not COMMAND_NAME.fullmatch(written):
        hint = "letters, digits and `._+-`, beginning with a letter or a digit"
        if "/" in written:
            hint = f"just the name, such as '{written.rstrip('/').rsplit('/', 1)[-1] or 'vllm'}'"
        elif " " in written.strip():
            hint = "just the name; arguments go where the driver is started"
        raise TextError(f"{written!r} is not the name of a command", hint=hint)
    if _INTERPRETER.fullmatch(written):
        raise TextError(
            f"{written!r} cannot be exposed: a link to the interpreter loses the environment",
            hint="name a command that a package installs; `envbuild which DRIVER --python` "
            "tells the interpreter's own path",
        )
    return written


def _word(written: str) -> str:
    if "\0" in written:
        raise TextError("an argument cannot hold a NUL character")
    return written


def module_name(written: str) -> str:
    """The name of a module, dots included."""
    if not MODULE_NAME.fullmatch(written):
        hint = "write it as after `import`, such as 'vllm' or 'vllm.entrypoints'"
        raise TextError(f"{written!r} is not the name of a module", hint=hint)
    return written


_read_words: Reader[tuple[str, ...]] = list_of(text(_word), filled=True)


def read_argv(value: object, place: Place, *, example: str = _EXAMPLE) -> tuple[str, ...] | None:
    """Read a command with its arguments."""
    if isinstance(value, str):
        hint = f"write the command and its arguments apart: {example}"
        place.wrong("must be a list of words, not a string", hint=hint)
        return None
    words = _read_words(value, place)
    if words is None:
        return None
    if COMMAND_NAME.fullmatch(words[0]):
        return words
    hint = "just its name: it is looked for in the environment's bin/, never elsewhere"
    place.at(0).wrong(f"{words[0]!r} is not the name of a command", hint=hint)
    return None


def read_command(value: object, place: Place) -> tuple[str, ...] | None:
    """Read what starts a driver: `["python", "-m", "MODULE", …]`, or a package's command with its arguments."""
    words = read_argv(value, place, example=_START)
    if words is None or not _INTERPRETER.fullmatch(words[0]):
        return words
    if words[0] != "python" or words[1:2] != ("-m",) or len(words) < _MODULE_WORDS:
        hint = f'write {_START}, or `module = "sglang.launch_server"`'
        place.wrong("the environment's Python runs a module here, and nothing else", hint=hint)
        return None
    module = text(module_name)(words[2], place.at(2))
    return None if module is None else words


def read_module(value: object, place: Place) -> tuple[str, ...] | None:
    """Read the name of a module, as the command that runs it."""
    hint = f"with arguments it is {_START}"
    module = text(module_name, hint=hint)(value, place)
    return None if module is None else ("python", "-m", module)


read_seconds = NumberReader(
    most=24 * 60 * 60, what="a number of seconds", unit=" seconds", hint="such as 60"
)
"""A probe takes at most a day."""


_FOLDER = re.compile(r"[A-Za-z0-9._+/-]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""The name of an environment variable."""

_EARLY = re.compile(r"PYTHON.*|(LD|DYLD|MALLOC)_.*|GLIBC_TUNABLES|TZ|LC_ALL")
"""Variables that the interpreter, the loader and the C library read before the activation can set them."""


def read_env(value: object, place: Place) -> tuple[tuple[str, str], ...] | None:
    """A reader of `{ NAME = "value" }`, in name order."""
    if not isinstance(value, dict):
        place.wrong(
            f"must be a table, not {kind(value)}", hint='write it like env = { NAME = "value" }'
        )
        return None
    read = (_read_variable(name, inner, place.at(name)) for name, inner in value.items())
    return tuple(sorted(pair for pair in read if pair is not None))


def _read_variable(name: str, value: object, place: Place) -> tuple[str, str] | None:
    problem = _problem_with(name)
    if problem is not None:
        place.wrong(str(problem), hint=problem.hint)
        return None
    content = text(_content)(value, place)
    return None if content is None else (name, content)


def _problem_with(name: str) -> TextError | None:
    if not VARIABLE.fullmatch(name):
        return TextError(
            f"{name!r} is not the name of an environment variable",
            hint="letters, digits and underscores, not beginning with a digit",
        )
    if name == "PATH":
        return TextError(
            "`PATH` is not for `env`: the activation puts the environment's own bin first on it",
            hint="set the rest where the driver is started, such as Environment= of its unit",
        )
    return None


def _content(value: str) -> str:
    if "\0" in value:
        raise TextError("an environment variable cannot hold a NUL character")
    name = unknown_placeholder(value)
    if name is not None:
        known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
        raise TextError(
            f"{{{name}}} is not a place that envbuild knows",
            hint=f"known: {known}; write {{{{{name}}}}} for the characters themselves",
        )
    return value


def early_variables(env: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The variables that only work if they are set before the interpreter starts."""
    return tuple(name for name, _ in env if _EARLY.fullmatch(name))


def starts_own_command(driver: Driver) -> bool:
    """Whether all that a driver exposes is the command that envbuild writes, which can set every variable."""
    return bool(driver.command) and driver.commands == (driver.name,)


def note_early(place: Place, key: str, driver: str) -> None:
    """Note a variable, or a key, that a package's own command would get too late."""
    place.wrong(
        f"`{key}` would come too late for {driver}: "
        "it only works before Python starts, and a package's own command is started directly",
        hint="declare `module` or `command`, without further `commands`; "
        "or set it where the driver is started, such as Environment= of its unit",
    )


def library_folder(written: str) -> str:
    """A folder below site-packages, such as `nvidia/cudnn/lib`."""
    parts = written.split("/")
    if not _FOLDER.fullmatch(written) or not all(parts) or {".", ".."} & set(parts):
        raise TextError(
            f"{written!r} is not a folder below site-packages",
            hint="write it like 'nvidia/cudnn/lib': letters, digits and `._+-` between slashes",
        )
    return written
