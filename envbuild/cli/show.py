"""`show`."""

from __future__ import annotations

from contextlib import suppress

from envbuild.cli.options import Arguments, Verb, drivers
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context
    from envbuild.lockfile.lockfile import Lockfile


@Verb("show", drivers("only these (default: all)"), trusts=())
def show(context: Context, arguments: Arguments) -> Outcome:
    """Print what applies to a driver, and where each line comes from."""
    from envbuild.commands.show import show as command
    from envbuild.declaration.file import read_declaration_text
    from envbuild.lockfile.provided_commands import settle_all
    from envbuild.report.show import render_show, show_table

    result = command(
        settle_all(context.declaration_here, _readable_lockfiles(context)),
        arguments.drivers,
        read_declaration_text(context.declaration_path),
        context.host_tables,
    )
    return outcome_of(result, render_show, show_table)


def _readable_lockfiles(context: Context) -> dict[str, Lockfile]:
    """The lockfiles that can be read, by driver."""
    from envbuild.errors import LockfileError

    found: dict[str, Lockfile] = {}
    for driver in context.declaration.drivers:
        with suppress(LockfileError):
            stored = context.lock_folder.read(driver.name)
            if stored is not None:
                found[driver.name] = stored.lockfile
    return found
