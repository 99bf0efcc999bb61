"""The front door: answers what needs no more than the manifest, before anything else is imported.

Only `os` and `sys` are imported here; what takes milliseconds to import is imported where it is used.
`None` always means: the whole command line has to look at it.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.text import Text

_TAKE_VALUE = ("--store", "--file", "--format", "--wait-lock")
_OWN = ("--python", "--env", "--stable", "--check", "--quick", "--keep")
"""Options of single verbs, left among their words."""


def answer(argv: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """The exit code of a command that could be answered at once; None where it could not."""
    options, words = split_arguments(argv)
    if not words or options is None or options.get("--format", "text") != "text":
        return None
    declaration = options.get("--file", "drivers.toml")
    own = (declaration, os.path.dirname(declaration) or ".")  # noqa: PTH120
    if words == ["lock", "--check"] or (words == ["lock"] and are_own(*own)):
        return _print_recalled(_recall_lock(declaration, environment))
    root = store_root(options, environment)
    if root is not None and words == ["sync"]:
        return _print_recalled(_recall_sync(root, declaration)) if are_own(root, *own) else None
    if root is not None and words == ["verify", "--quick"]:
        return _print_recalled(_verify_quickly(root))
    if root is not None and words[0] == "rollback" and are_own(root):
        return _print_recalled(_roll_back_quickly(root, words[1:]))
    if root is not None and words[0] in ("which", "run", "list"):
        return _from_manifest(root, words)
    return None


def split_arguments(argv: Sequence[str]) -> tuple[dict[str, str] | None, list[str]]:
    """The common options and the other words; options are None where argparse has to say something.

    What follows the driver of `run` is the driver's own, whatever it looks like.
    """
    options: dict[str, str] = {}
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if words[:1] == ["run"] and len(words) == 2:
            return options, [*words, word, *rest]
        name, equals, value = word.partition("=")
        if name in _TAKE_VALUE:
            value = value if equals else "".join(rest[:1])
            if not value or value.startswith("-"):
                return None, words
            options[name] = value
            rest = rest[not equals :]
        elif word.startswith("-") and word not in _OWN:
            return None, words
        else:
            words.append(word)
    return options, words


def store_root(options: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """The store's absolute path, as `Context.store` finds it; None where platformdirs has to be asked."""
    named = options.get("--store") or environment.get("ENVBUILD_STORE")
    if named:
        return os.path.abspath(os.path.expanduser(named))  # noqa: PTH100, PTH111  (pathlib takes 10 ms)
    return user_folder(environment, "XDG_DATA_HOME", "~/.local/share")


def user_folder(environment: Mapping[str, str], variable: str, default: str) -> str | None:
    """envbuild's folder below one of the user's, as platformdirs finds it on Linux; None elsewhere."""
    if sys.platform != "linux":
        return None
    named = environment.get(variable, "").strip()
    base = named if os.path.isabs(named) else os.path.expanduser(default)  # noqa: PTH111, PTH117
    return os.path.abspath(f"{base}/envbuild")  # noqa: PTH100


def are_own(*paths: str) -> bool:
    """Whether these are there and belong to this user or to root; whom else he trusts is looked at closely."""
    own = (0, os.geteuid())
    try:
        return all(os.lstat(path).st_uid in own and os.stat(path).st_uid in own for path in paths)  # noqa: PTH116
    except OSError:
        return False


def _recall_sync(root: str, declaration: str) -> Text | None:
    from envbuild.cli.stamp import synced

    return synced(root, declaration)


def _recall_lock(declaration: str, environment: Mapping[str, str]) -> Text | None:
    from envbuild.cli.stamp import locked

    cache = user_folder(environment, "XDG_CACHE_HOME", "~/.cache")
    return None if cache is None else locked(cache, declaration)


def _verify_quickly(root: str) -> Text | None:
    from envbuild.cli.quick_verify import verify_quickly

    return verify_quickly(root)


def _roll_back_quickly(root: str, operands: list[str]) -> Text | None:
    from envbuild.cli.quick_rollback import roll_back_quickly

    return roll_back_quickly(root, operands)


def _print_recalled(text: Text | None) -> int | None:
    return None if text is None else _print(text)


def _from_manifest(root: str, words: list[str]) -> int | None:
    from envbuild.cli.lean_json import read_json

    try:
        with open(f"{root}/current/manifest.json", encoding="utf-8") as stream:  # noqa: PTH123
            manifest = read_json(stream.read())
        if manifest["version"] != 1:
            return None
        if words[0] == "list":
            return _list(manifest) if len(words) == 1 else None
        driver = manifest["drivers"][words[1]]
        if words[0] == "which":
            return _which(driver, words[2:])
        return _run(driver, words[2:]) if are_own(root) else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # a damaged manifest is read again with care, which says what is wrong


def _list(manifest: Mapping[str, object]) -> int:
    from envbuild.report.list import render_list

    return _print(render_list(manifest))


def _which(driver: Mapping[str, str], flags: list[str]) -> int | None:
    fields = {"--python": "python", "--env": "environment", "--stable": "stable_binary"}
    if len(flags) > 1 or any(flag not in fields for flag in flags):
        return None
    from envbuild.report.list import render_which

    return _print(render_which(driver[fields[flags[0]] if flags else "binary"]))


def _run(driver: Mapping[str, str], rest: list[str]) -> int | None:
    binary = driver["binary"]
    arguments = rest[1:] if rest[:1] == ["--"] else rest
    os.execv(binary, [binary, *arguments])  # noqa: S606


def _print(text: Text) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0
