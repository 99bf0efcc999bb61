"""podman's quadlet: a container that sees the environment read-only, at its own path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envbuild.launchers.export import ARGUMENTS, IMAGE, PORT, ExportFormat
from envbuild.launchers.fleet import (
    PRIVATE,
    ExportedFile,
    check_path,
    header,
    join,
    mounts,
    python_notes,
    require_image,
)
from envbuild.launchers.formats.systemd import environment_file, order, quote
from envbuild.launchers.startup import START_LIMIT, earlier, health_check

if TYPE_CHECKING:
    from envbuild.declaration.driver import Launch
    from envbuild.launchers.export import Export, ExportRequest
    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet


def render_quadlet(export: Export, *, format_: str = "quadlet") -> tuple[ExportedFile, ...]:
    """A `.container` file a driver."""
    request = export.request
    image = require_image(request.options.get(IMAGE.name), format_)
    waits = earlier(export.fleet)
    return tuple(
        _container(export.fleet, one, image, request, format_, waits.get(one.entry.name, ()))
        for one in export.fleet.subjects
    )


def _container(
    fleet: BuiltFleet,
    subject: BuiltDriver,
    image: str,
    request: ExportRequest,
    format_: str,
    earlier: tuple[str, ...],
) -> ExportedFile:
    name = subject.entry.name
    binary = check_path(subject.binary(stable=fleet.stable), format_)
    launch = subject.launch(request.arguments, request.port)
    words = " ".join(map(quote, launch.arguments))
    lines = [
        f"# {header(format_)}",
        *(f"# {note}" for note in python_notes(subject)),
        "[Unit]",
        f"Description={name} {subject.entry.version}, as envbuild built it",
        *order(launch, earlier),
        "StartLimitIntervalSec=300",
        "StartLimitBurst=5",
        "",
        "[Container]",
        f"Image={image}",
        f"ContainerName={name}",
        "# Console scripts name their interpreter by its whole path, so paths are the host's.",
        *(f"Volume={check_path(path, format_)}:{path}:ro" for path in mounts(fleet, subject)),
        *_devices(subject),
        "PodmanArgs=--entrypoint=",
        f"Exec={binary} {words}".rstrip(),
        *environment_file(launch),
        *([f"PublishPort=127.0.0.1:{launch.port}:{launch.port}"] if launch.port else []),
        *_health(f"{subject.bin_folder(stable=fleet.stable)}/python", launch),
        "NoNewPrivileges=true",
        "",
        "[Service]",
        "Restart=on-failure",
        "RestartSec=5",
        *([f"TimeoutStartSec={START_LIMIT}"] if launch.health_path else []),
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return ExportedFile(name=f"{name}.container", text=join(lines), mode=PRIVATE)


FORMAT = ExportFormat(
    name="quadlet",
    files="`DRIVER.container`",
    taken_by="podman's generator (podman ≥ 4.4)",
    render=render_quadlet,
    options=(ARGUMENTS, IMAGE, PORT),
    needs_declaration=True,
)


def _health(python: str, launch: Launch) -> list[str]:
    """How podman asks whether it is well; only then is its start over."""
    check = health_check(python, launch)
    if not check:
        return []
    # As a list: the generator takes quotes from the ends of a value, and no shell is needed.
    words = json.dumps(check).replace("%", "%%")
    asked = ("HealthInterval=10s", f"HealthStartPeriod={START_LIMIT}", "Notify=healthy")
    return [f"HealthCmd={words}", *asked]


def _devices(subject: BuiltDriver) -> list[str]:
    """The GPU that a container gets."""
    kind = subject.accelerator
    return [f"AddDevice={kind.cdi_device}"] if kind is not None and kind.cdi_device else []
