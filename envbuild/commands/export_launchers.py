"""Each launcher's format: which values of the request it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.launchers.env import render_env
from envbuild.launchers.files import read_text
from envbuild.launchers.flox import render_flox
from envbuild.launchers.gpumod import render_gpumod
from envbuild.launchers.kubernetes import render_kubernetes
from envbuild.launchers.local_studio import render_local_studio
from envbuild.launchers.quadlet import render_quadlet
from envbuild.launchers.systemd import render_systemd
from envbuild.launchers.xinference import render_xinference

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.commands.export_request import ExportRequest
    from envbuild.launchers.fleet import ExportedFile, Fleet

Files = tuple["ExportedFile", ...]


def _env(fleet: Fleet, _: ExportRequest) -> Files:
    return render_env(fleet)


def _systemd(fleet: Fleet, request: ExportRequest) -> Files:
    return render_systemd(fleet, arguments=request.arguments, unit=_unit(fleet, request))


def _gpumod(fleet: Fleet, request: ExportRequest) -> Files:
    return render_gpumod(fleet, arguments=request.arguments, unit=_unit(fleet, request))


def _xinference(fleet: Fleet, request: ExportRequest) -> Files:
    wheels = request.wheels
    if wheels is not None and not wheels.is_dir():
        raise UsageError(Problem(key="--wheels", message=f"{wheels} is no folder"))
    return render_xinference(fleet, wheels=str(wheels.absolute()) if wheels else None)


def _local_studio(fleet: Fleet, request: ExportRequest) -> Files:
    folder = request.out or next((file.parent for file in request.check), None)
    lies_in = str(folder.absolute()) if folder is not None else None
    return render_local_studio(fleet, envbuild=request.envbuild, folder=lies_in)


def _container(fleet: Fleet, request: ExportRequest) -> Files:
    return render_quadlet(fleet, request.start, format_=request.format)


def _flox(fleet: Fleet, _: ExportRequest) -> Files:
    return render_flox(fleet)


def _kubernetes(fleet: Fleet, request: ExportRequest) -> Files:
    return render_kubernetes(fleet, request.start)


def _unit(fleet: Fleet, request: ExportRequest) -> tuple[str, str] | None:
    """The unit that a drop-in is for; UsageError where it is not clear which driver it starts."""
    if request.unit is None:
        return None
    if len(fleet.subjects) != 1:
        message = "--unit is for one driver, which has to be named"
        raise UsageError(Problem(key="--unit", message=message))
    return request.unit.name, read_text(request.unit)


LAUNCHERS: dict[str, Callable[[Fleet, ExportRequest], Files]] = {
    "env": _env,
    "systemd": _systemd,
    "gpumod": _gpumod,
    "xinference": _xinference,
    "local-studio": _local_studio,
    "llmhop": _container,
    "quadlet": _container,
    "flox": _flox,
    "kubernetes": _kubernetes,
}
"""Every format that is made from the manifest."""
