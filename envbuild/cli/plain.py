"""The plain spellings of `lock`, of `sync` and of the verbs that look after a store, read without argparse.

It takes longer to import and to fill than most of these verbs take.
`None` always means: argparse has to look at it, and says what there is to say.
"""

from __future__ import annotations

from envbuild.cli.quick import split_arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
else:
    from types import SimpleNamespace as Namespace


def read_plainly(argv: Sequence[str]) -> Namespace | None:
    """The arguments of such a verb, as argparse would give them; None where it has to."""
    options, words = split_arguments(argv)
    format_ = "text" if options is None else options.get("--format", "text")
    own = _own_arguments(words)
    if options is None or own is None or format_ not in ("text", "json"):
        return None
    if "--wait-lock" in options:
        return None
    return Namespace(
        command=words[0],
        file=options.get("--file", "drivers.toml"),
        store=options.get("--store"),
        format=format_,
        wait_lock=None,
        trust_owner=False,
        **own,
    )


def _own_arguments(words: list[str]) -> dict[str, object] | None:
    match words:
        case ["history" | "ps"]:
            return {}
        case ["rollback"]:
            return {"generation": None}
        case ["rollback", number] if _is_number(number):
            return {"generation": int(number)}
        case [("verify" | "lock" | "sync") as verb, *drivers] if _are_operands(drivers):
            return {"drivers": drivers, **_unflagged(verb)}
        case ["verify", "--quick", *drivers] if _are_operands(drivers):
            return {"drivers": drivers, **_unflagged("verify"), "quick": True}
        case ["lock", "--check", *drivers] if _are_operands(drivers):
            return {"drivers": drivers, **_unflagged("lock"), "check": True}
        case ["gc"]:
            return _gc_arguments(keep=3)
        case ["gc", "--keep", number] if _is_number(number):
            return _gc_arguments(keep=int(number))
    return None


def _gc_arguments(*, keep: int) -> dict[str, object]:
    return {"keep": keep, "older_than": None, "dry_run": False, "cache": False, "wait": False}


def _unflagged(verb: str) -> dict[str, object]:
    """What a verb that takes drivers gets where nothing else is said."""
    if verb == "verify":
        return {"quick": False, "repair": False}
    if verb == "lock":
        unset = {"check": False, "upgrade": False, "keep_going": False}
        return {**unset, "upgrade_package": [], "jobs": None}
    return {"dry_run": False, "offline": False, "keep_going": False, "jobs": None}


def _are_operands(words: list[str]) -> bool:
    return not any(word.startswith("-") for word in words)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) >= 1
