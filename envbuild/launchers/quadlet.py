"""podman's quadlet: a container that sees the environment read-only, at its own path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.launchers.env import join
from envbuild.launchers.fleet import (
    PRIVATE,
    ExportedFile,
    check_path,
    header,
    mounts,
    python_note,
    require_image,
)
from envbuild.launchers.systemd import quote

if TYPE_CHECKING:
    from envbuild.launchers.fleet import Fleet, Start, Subject


def render_quadlet(
    fleet: Fleet, start: Start, *, format_: str = "quadlet"
) -> tuple[ExportedFile, ...]:
    """A `.container` file a driver."""
    image = require_image(start.image, format_)
    return tuple(_container(fleet, subject, image, start, format_) for subject in fleet.subjects)


def _container(
    fleet: Fleet, subject: Subject, image: str, start: Start, format_: str
) -> ExportedFile:
    name = subject.entry.name
    binary = check_path(subject.binary(stable=fleet.stable), format_)
    note = python_note(subject)
    words = " ".join(map(quote, start.arguments))
    lines = [
        f"# {header(format_)}",
        *([f"# {note}"] if note else []),
        "[Unit]",
        f"Description={name} {subject.entry.version}, as envbuild built it",
        "StartLimitIntervalSec=300",
        "StartLimitBurst=5",
        "",
        "[Container]",
        f"Image={image}",
        f"ContainerName={name}",
        "# Console scripts name their interpreter by its whole path, so paths are the host's.",
        *(f"Volume={check_path(path, format_)}:{path}:ro" for path in mounts(fleet, subject)),
        *(["AddDevice=nvidia.com/gpu=all"] if subject.needs_gpu else []),
        "PodmanArgs=--entrypoint=",
        f"Exec={binary} {words}".rstrip(),
        *([f"PublishPort=127.0.0.1:{start.port}:{start.port}"] if start.port else []),
        "NoNewPrivileges=true",
        "",
        "[Service]",
        "Restart=on-failure",
        "RestartSec=5",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return ExportedFile(name=f"{name}.container", text=join(lines), mode=PRIVATE)
