"""The verbs, each with its place in `envbuild.cli`; a module is imported when its verb is asked for."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.options import Verb

_PLACES = {
    "init": "init.init",
    "lock": "lock.lock",
    "sync": "sync.sync",
    "list": "current.list_",
    "which": "current.which",
    "run": "current.run",
    "conflicts": "conflicts.conflicts",
    "why": "why.why",
    "tree": "why.tree",
    "diff": "diff.diff",
    "check": "check.check",
    "history": "history.history",
    "rollback": "rollback.rollback",
    "verify": "verify.verify",
    "gc": "gc.gc",
    "ps": "ps.ps",
    "doctor": "doctor.doctor",
    "export": "export.export",
    "import": "edit.import_",
    "add": "edit.add",
    "remove": "edit.remove",
    "edit": "edit.edit",
    "show": "show.show",
    "probe": "probe.probe",
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
