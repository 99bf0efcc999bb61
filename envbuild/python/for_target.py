"""A Python of this host that stands for the Pythons of a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.target.target import choose_interpreter

if TYPE_CHECKING:
    from envbuild.python.interpreters import Interpreters
    from envbuild.target.target import Host, Interpreter, Target


def python_for(target: Target, host: Host, interpreters: Interpreters) -> Interpreter | str:
    """The newest Python here of the target's version; if there is none, the reason.

    The host must run the target's wheels, so that markers and wheel tags are decided as there.
    HostError if Pythons cannot be looked for.
    """
    if not host.runs(target.platform):
        return f"this host is {host}"
    found = interpreters.discover()
    chosen = choose_interpreter(found, (target.python,), prefer_shareable=False)
    return chosen or f"there is no Python {target.python} here"
