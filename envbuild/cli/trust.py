"""Which verbs act on what a store or a declaration says, so that it matters whose these are.

The others read: what they find is printed and never obeyed,
so that a checkout in CI may belong to whom it likes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from envbuild.cli.context import Context

READING = frozenset(
    {
        *("init", "show", "check", "conflicts", "diff", "why", "tree", "export"),
        *("list", "which", "history", "ps"),
    }
)
"""What of them asks an index asks for trust then: it would send credentials where the declaration says."""

IN_STORE = frozenset({"run", "gc", "rollback", "doctor"})
"""Verbs that need no declaration, or only compare with it."""

ON_DECLARATION = frozenset({"lock", "add", "remove", "edit", "import"})
"""Verbs that need no store."""


def require_trust(context: Context, arguments: Namespace) -> None:
    """Refuse to act in the store, or with the declaration, of somebody who is not trusted.

    A verb that is in no list acts on both. Errors as in `Trust`.
    """
    verb = arguments.command
    if verb in READING or _only_looks(arguments):
        return
    if verb not in ON_DECLARATION:
        context.require_trusted_store()
    if verb not in IN_STORE:
        context.require_trusted_declaration()


def _only_looks(arguments: Namespace) -> bool:
    if arguments.command == "lock":
        return bool(arguments.check)
    return arguments.command == "verify" and not arguments.repair
