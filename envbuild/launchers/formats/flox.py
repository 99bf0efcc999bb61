"""flox: the activation fragment that puts environments first on PATH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.launchers.export import ExportFormat
from envbuild.launchers.fleet import ExportedFile, check_path, header, join

if TYPE_CHECKING:
    from envbuild.launchers.fleet import BuiltFleet


def render_flox(fleet: BuiltFleet) -> tuple[ExportedFile, ...]:
    """The `[hook]` of a flox manifest.

    `vllm-serve` takes `vllm` from PATH; its env-files expand no variables, so a hook has to do it.
    """
    folders = [
        check_path(subject.bin_folder(stable=fleet.stable), "flox") for subject in fleet.subjects
    ]
    lines = [
        f"# {header('flox')}",
        "[hook]",
        "on-activate = '''",
        f'  export PATH="{":".join(folders)}:$PATH"',
        "'''",
    ]
    return (ExportedFile(name="flox-hook.toml", text=join(lines)),)


FORMAT = ExportFormat(
    name="flox",
    files="`flox-hook.toml`",
    taken_by="`sh`",
    render=lambda export: render_flox(export.fleet),
)
