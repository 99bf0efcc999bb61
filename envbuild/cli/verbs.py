"""The verbs, each with the module of `envbuild.cli` that has its table; imported one by one."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.options import Verb

_MODULES = {
    "init": "init",
    "lock": "lock",
    "sync": "sync",
    "list": "current",
    "which": "current",
    "run": "current",
    "conflicts": "conflicts",
    "why": "why",
    "tree": "why",
    "diff": "diff",
    "check": "check",
    "history": "history",
    "rollback": "rollback",
    "verify": "verify",
    "gc": "gc",
    "ps": "ps",
    "doctor": "doctor",
    "export": "export",
    "import": "edit",
    "add": "edit",
    "remove": "edit",
    "edit": "edit",
    "show": "show",
    "probe": "probe",
}

VERB_NAMES = tuple(_MODULES)
"""In the order of help."""


def find_verb(name: str) -> Verb | None:
    """The verb of that name, or None."""
    module = _MODULES.get(name)
    if module is None:
        return None
    path = f"envbuild.cli.{module}"
    __import__(path)  # `importlib` would be one import more
    verbs: tuple[Verb, ...] = sys.modules[path].VERBS
    return next(verb for verb in verbs if verb.name == name)
