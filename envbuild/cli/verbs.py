"""The verbs, each with its place in `envbuild.cli`; a module is imported when its verb is asked for."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.options import Verb

_PLACES = {
    "init": "declaration.init",
    "lock": "lock.lock",
    "sync": "sync.sync",
    "list": "current.list_",
    "which": "current.which",
    "run": "current.run",
    "conflicts": "lockfiles.conflicts",
    "why": "lockfiles.why",
    "tree": "lockfiles.tree",
    "diff": "lockfiles.diff",
    "check": "check.check",
    "history": "store.history",
    "rollback": "store.rollback",
    "verify": "verify.verify",
    "gc": "store.gc",
    "ps": "store.ps",
    "doctor": "verify.doctor",
    "export": "export.export",
    "import": "declaration.import_",
    "add": "declaration.add",
    "remove": "declaration.remove",
    "edit": "declaration.edit",
    "show": "declaration.show",
    "probe": "current.probe",
}

VERB_NAMES = tuple(_PLACES)
"""In the order of help."""


def find_verb(name: str) -> Verb | None:
    """The verb of that name, or None."""
    place = _PLACES.get(name)
    if place is None:
        return None
    module, _, function = f"envbuild.cli.{place}".rpartition(".")
    __import__(module)  # `importlib` would be one import more
    verb: Verb = getattr(sys.modules[module], function)
    return verb
