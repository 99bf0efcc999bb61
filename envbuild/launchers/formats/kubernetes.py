"""Kubernetes: a Pod template whose container sees the environment read-only, at its own path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envbuild.launchers.export import ARGUMENTS, IMAGE, PORT, ExportFormat
from envbuild.launchers.fleet import (
    ExportedFile,
    check_path,
    check_printable,
    header,
    join,
    mounts,
    python_notes,
    require_image,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.driver import Launch
    from envbuild.launchers.export import Export, ExportRequest
    from envbuild.launchers.fleet import BuiltDriver, BuiltFleet

_LONGEST_WAIT = 60
"""How often the start is checked, every ten seconds: loading a model takes minutes."""


def render_kubernetes(export: Export) -> tuple[ExportedFile, ...]:
    """A `PodTemplate` for each driver, for nodes that have the store."""
    image = require_image(export.request.options.get(IMAGE.name), "kubernetes")
    fleet, files = export.fleet, []
    for subject in fleet.subjects:
        notes = (header("kubernetes"), *python_notes(subject), *_notes(subject))
        template = pod_template(subject.entry.name, _spec(fleet, subject, image, export.request))
        lines = [*(f"# {note}" for note in notes), *yaml_lines(template)]
        files.append(ExportedFile(name=f"{subject.entry.name}.yaml", text=join(lines)))
    return tuple(files)


def pod_template(name: str, spec: dict[str, object]) -> dict[str, object]:
    """The `PodTemplate` of a driver."""
    labels = labels_of(name)
    return {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": name, "labels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }


def labels_of(name: str) -> dict[str, str]:
    """The labels of what runs under a name."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "envbuild"}


def _spec(
    fleet: BuiltFleet, subject: BuiltDriver, image: str, request: ExportRequest
) -> dict[str, object]:
    paths = [check_path(path, "kubernetes") for path in mounts(fleet, subject)]
    return {
        "containers": [service_container(fleet, subject, image, request, paths)],
        "volumes": [
            {"name": _volume(number), "hostPath": {"path": path, "type": "Directory"}}
            for number, path in enumerate(paths)
        ],
    }


def service_container(
    fleet: BuiltFleet, subject: BuiltDriver, image: str, request: ExportRequest, paths: list[str]
) -> dict[str, object]:
    """The container that runs the driver; it sees these folders of the host at their own paths."""
    container: dict[str, object] = {
        "name": subject.entry.name,
        "image": image,
        "command": [check_path(subject.binary(stable=fleet.stable), "kubernetes")],
    }
    launch = subject.launch(request.arguments, request.port)
    if launch.arguments:
        container["args"] = [_argument(word) for word in launch.arguments]
    container["volumeMounts"] = [
        {"name": _volume(number), "mountPath": path, "readOnly": True}
        for number, path in enumerate(paths)
    ]
    kind = subject.accelerator
    if kind is not None and kind.kubernetes_resource is not None:
        container["resources"] = {"limits": {kind.kubernetes_resource: 1}}
    container["securityContext"] = {"allowPrivilegeEscalation": False}
    return container | _probes(launch)


def _probes(launch: Launch) -> dict[str, object]:
    """Whether its health path answers, else whether the port accepts connections."""
    if launch.port is None:
        return {}
    asked: dict[str, object] = {"tcpSocket": {"port": "service"}}
    if launch.health_path is not None:
        asked = {"httpGet": {"path": launch.health_path, "port": "service"}}
    probe = {**asked, "periodSeconds": 10}
    return {
        "ports": [{"name": "service", "containerPort": launch.port}],
        "startupProbe": {**probe, "failureThreshold": _LONGEST_WAIT},
        "readinessProbe": probe,
        "livenessProbe": {**probe, "failureThreshold": 3},
    }


def _notes(subject: BuiltDriver) -> Iterator[str]:
    """What the declaration says and a Pod cannot do."""
    launch = subject.launch(None, None)
    if launch.environment_file is not None:
        yield f"environment-file is not used: make a Secret of {launch.environment_file}, and add envFrom"
    if launch.after:
        yield f"after is not used ({', '.join(launch.after)}): Kubernetes starts all, and restarts what fails"


def _volume(number: int) -> str:
    return "environment" if number == 0 else "python"


def _argument(word: str) -> str:
    """The word itself: `$(NAME)` in it is escaped."""
    return check_printable(word, "the argument", "kubernetes").replace("$(", "$$(")


def yaml_lines(value: object, indent: int = 0) -> Iterator[str]:
    """Mappings, lists and scalars as YAML; every string in JSON's quotes, which YAML reads alike."""
    pad = "  " * indent
    assert isinstance(value, dict)
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            yield f"{pad}{key}:"
            yield from yaml_lines(inner, indent + 1)
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            yield f"{pad}{key}:"
            yield from (line for item in inner for line in _item(item, indent + 1))
        else:
            yield f"{pad}{key}: {json.dumps(inner)}"


def _item(value: object, indent: int) -> Iterator[str]:
    lines = list(yaml_lines(value, indent + 1))
    pad = "  " * indent
    yield f"{pad}- {lines[0].strip()}"
    yield from lines[1:]


FORMAT = ExportFormat(
    name="kubernetes",
    files="`DRIVER.yaml`, a `PodTemplate`",
    taken_by="`kubernetes-validate --strict`",
    render=render_kubernetes,
    options=(ARGUMENTS, IMAGE, PORT),
    needs_declaration=True,
)
