"""The verbs that deal with launchers and with the declaration's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.cli.edit_verbs import add, edit, import_, remove
from envbuild.cli.export_verb import export
from envbuild.cli.probe_verb import probe
from envbuild.cli.show_verb import show

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from envbuild.cli.context import Context
    from envbuild.report.outcome import Outcome

FLEET_VERBS: dict[str, Callable[[Context, Namespace], Outcome]] = {
    "export": export,
    "import": import_,
    "add": add,
    "remove": remove,
    "edit": edit,
    "show": show,
    "probe": probe,
}
