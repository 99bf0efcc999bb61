"""`doctor`."""

from __future__ import annotations

from envbuild.cli.options import Arguments, Parameter, Verb
from envbuild.report.outcome import Outcome, outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.cli.context import Context

_DECLARATION = "drivers.toml"
"""Where the declaration is unless the user names another file."""


@Verb(
    "doctor",
    Parameter(
        "--unit",
        "FILE",
        "also say what each ExecStart of these unit files would start",
        count="+",
        repeats=True,
        default=(),
    ),
    trusts=("store",),
)
def doctor(context: Context, arguments: Arguments) -> Outcome:
    """Look for problems on this host."""
    from envbuild.commands.doctor import Doctor, check_units
    from envbuild.report.doctor import doctor_table, render_doctor
    from envbuild.store.guard import require_store
    from envbuild.target.host import probe_host

    require_store(context.store.root)
    manifest = context.store.require_current()
    files = (file for group in arguments.unit for file in group)
    units = check_units(context.store, manifest, tuple(files))
    declared = context.declaration_path.exists() or arguments.file != _DECLARATION
    result = Doctor(
        store=context.store,
        manifest=manifest,
        host=probe_host(context.runner, context.environment),
        runner=context.runner,
        environment=context.environment,
        declaration=context.declaration if declared else None,
        lock_folder=context.lock_folder,
    ).examine(units)
    return outcome_of(result, render_doctor, doctor_table, code=result.exit_code)
