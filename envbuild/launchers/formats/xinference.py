"""Xinference: a whole worker environment, or exact pins for one model's own environment."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.launchers.export import ExportFormat, Option
from envbuild.launchers.fleet import PROGRAM, ExportedFile, check_path, header, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.launchers.export import Export
    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet

WORKER = "xinference-worker"


def render_xinference(fleet: BuiltFleet, *, wheels: str | None) -> tuple[ExportedFile, ...]:
    """The worker's start script if the environment has a worker, else the pins of a model's launch.

    `wheels` is the folder of wheels that Xinference installs from.
    """
    return tuple(
        _worker(subject, stable=fleet.stable)
        if WORKER in subject.bin_commands
        else _launch(subject, wheels)
        for subject in fleet.subjects
    )


def pins(subject: BuiltDriver) -> Iterator[str]:
    """Every installed package as `name==version`."""
    return (f"{name}=={version}" for name, version in subject.entry.packages)


def _worker(subject: BuiltDriver, *, stable: bool) -> ExportedFile:
    worker = check_path(f"{subject.bin_folder(stable=stable)}/{WORKER}", "xinference")
    python = check_path(subject.entry.python, "xinference")
    lines = [
        "#!/bin/sh",
        f"# {header('xinference')}",
        "# Starts a worker whose models run in its own environment, which Xinference leaves alone.",
        "# A worker that runs already takes it over with",
        f'#   POST /v1/workers/ADDRESS/relaunch {{"python_executable": "{python}"}}',
        "XINFERENCE_ENABLE_VIRTUAL_ENV=0 \\",
        f'    exec {worker} "$@"',
    ]
    name = f"{subject.entry.name}-worker"
    return ExportedFile(name=name, text=join(lines), mode=PROGRAM)


def _launch(subject: BuiltDriver, wheels: str | None) -> ExportedFile:
    name = subject.entry.name
    options = ["--enable-virtual-env"]
    options += [f"-vp {shlex.quote(pin)}" for pin in pins(subject)]
    lines = [
        "#!/bin/sh",
        f"# {header('xinference')}",
        f"# Launches a model whose own environment has the versions that {name} locks:",
        f"#   ./{name}-launch --model-name … --model-engine …",
        "# It also has what the model itself requires, and Xinference makes it on the worker's",
        "# own Python: packages that are not listed here are imported from the worker's.",
    ]
    if wheels is not None:
        check_path(wheels, "xinference")
        options.append(f"--virtual-env-find-link {wheels}")
        lines += [
            "# The worker takes wheels from this folder where it is started with",
            f"#   XINFERENCE_VIRTUAL_ENV_FIND_LINKS_ALLOWED_ROOTS={wheels}",
        ]
    lines += _refuse_other_python(subject.entry.python_version)
    lines.append('exec xinference launch "$@" \\')
    lines += [f"    {option} \\" for option in options[:-1]]
    lines.append(f"    {options[-1]}")
    return ExportedFile(name=f"{name}-launch", text=join(lines), mode=PROGRAM)


def _refuse_other_python(version: str) -> list[str]:
    """Lines that end the script if the worker's Python is not the one that the versions are locked for."""
    minor = ".".join(version.split(".")[:2])
    return [
        "# The worker's Python is in the folder of xinference; XINFERENCE_PYTHON names another one.",
        'python="${XINFERENCE_PYTHON:-$(dirname "$(command -v xinference)")/python}"',
        """found="$("$python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')" || exit 5""",
        f'if [ "$found" != {minor} ]; then',
        f'    echo "these versions are for Python {minor}, but the worker\'s $python is $found" >&2',
        "    exit 5",
        "fi",
    ]


_WHEELS = Option(name="wheels", metavar="DIR", help="the folder that Xinference installs from")


def _render(export: Export) -> tuple[ExportedFile, ...]:
    given = export.request.options.get(_WHEELS.name)
    wheels = Path(given) if given is not None else None
    if wheels is not None and not wheels.is_dir():
        raise UsageError(Problem(key="--wheels", message=f"{wheels} is not a folder"))
    return render_xinference(export.fleet, wheels=str(wheels.absolute()) if wheels else None)


FORMAT = ExportFormat(
    name="xinference",
    files="`DRIVER-worker`, or `DRIVER-launch`",
    taken_by="Xinference's command line, its merging of packages, xoscar's virtualenv manager",
    render=_render,
    options=(_WHEELS,),
)
