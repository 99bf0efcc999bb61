"""Kubernetes: a DaemonSet that fills nodes from a release, and Pods that fill a volume, or mount an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.launchers.export import ARGUMENTS, FROM, IMAGE, PORT, ExportFormat, Option
from envbuild.launchers.files import native_file
from envbuild.launchers.fleet import (
    ExportedFile,
    check_path,
    header,
    join,
    python_notes,
    require_image,
)
from envbuild.launchers.formats.kubernetes import (
    labels_of,
    pod_template,
    service_container,
    yaml_lines,
)
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.launchers.export import Export
    from envbuild.launchers.fleet import BuiltDriver

_NAME = "envbuild-fill"
_VOLUME = "environment"
_LOGIN = "/etc/envbuild/registry"
_FILLED = Option(
    name="environment-image",
    metavar="IMAGE",
    help="mount what `envbuild image` wrote, in place of filling a volume",
)
_LOOP = (
    "trap 'exit 0' TERM; while :; do envbuild sync; "
    'sleep $((600 + $(echo "$NODE" | cksum | cut -d " " -f 1) % 600)) & wait $!; done'
)
"""Follows the tag every ten to twenty minutes: each node has its own interval, which stays."""


def render_kubernetes_fleet(export: Export) -> tuple[ExportedFile, ...]:
    """The DaemonSet, and for each driver a `PodTemplate` that needs no node with a store.

    HostError if an image is to be mounted and a driver has native code, which `noexec` does not let start.
    """
    filled = export.request.options.get(_FILLED.name)
    templates = [_template(export, subject, filled) for subject in export.fleet.subjects]
    return (_file(_NAME, _daemon_set(export)), *templates)


def _file(name: str, value: dict[str, object], *notes: str) -> ExportedFile:
    head = [f"# {header('kubernetes-fleet')}", *(f"# {note}" for note in notes)]
    return ExportedFile(name=f"{name}.yaml", text=join([*head, *yaml_lines(value)]))


def _image(export: Export) -> str:
    return require_image(export.request.options.get(IMAGE.name), "kubernetes-fleet")


def _daemon_set(export: Export) -> dict[str, object]:
    labels = labels_of(_NAME)
    store = check_path(export.store, "kubernetes-fleet")
    container = _filler(export, ["/bin/sh", "-ec", _LOOP])
    node = {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    container["env"] = [*_environment(export), node]
    is_filled = {"exec": {"command": ["/bin/sh", "-c", f"test -e {store}/current"]}}
    container["readinessProbe"] = is_filled | {"periodSeconds": 10}
    volume = {"name": _VOLUME, "hostPath": {"path": store, "type": "DirectoryOrCreate"}}
    spec = _spec({"containers": [container]}, volume)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": _NAME, "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": _NAME}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _spec(containers: Mapping[str, object], volume: Mapping[str, object]) -> dict[str, object]:
    login = {
        "secretName": "envbuild-registry",
        "optional": True,
        "items": [{"key": ".dockerconfigjson", "path": "config.json"}],
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        **containers,
        "volumes": [
            volume,
            {"name": "registry", "secret": login},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def _environment(export: Export) -> list[dict[str, object]]:
    return [
        {"name": "ENVBUILD_STORE", "value": export.store},
        {"name": "ENVBUILD_FROM", "value": export.request.source},
        {"name": "DOCKER_CONFIG", "value": _LOGIN},
        {"name": "HOME", "value": "/tmp"},  # noqa: S108 - a volume of the Pod's own
    ]


def _filler(export: Export, command: list[str]) -> dict[str, object]:
    """A container that writes into the volume, as root and with nothing else that root may do."""
    return {
        "name": "fill",
        "image": _image(export),
        "command": command,
        "workingDir": "/tmp",  # noqa: S108 - a volume of the Pod's own
        "env": _environment(export),
        "volumeMounts": [
            {"name": _VOLUME, "mountPath": export.store},
            {"name": "registry", "mountPath": _LOGIN, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the same
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}},
        "securityContext": {
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _template(export: Export, subject: BuiltDriver, filled: str | None) -> ExportedFile:
    name = subject.entry.name
    spec = _filling(export, subject) if filled is None else _mounting(export, subject, filled)
    return _file(name, pod_template(name, spec), *python_notes(subject))


def _filling(export: Export, subject: BuiltDriver) -> dict[str, object]:
    """A Pod whose init container fills a volume that goes with the Pod."""
    request = export.request
    init = _filler(export, ["envbuild", "sync", subject.entry.name])
    service = service_container(export.fleet, subject, _image(export), request, [export.store])
    containers: dict[str, object] = {"initContainers": [init], "containers": [service]}
    return _spec(containers, {"name": _VOLUME, "emptyDir": {}})


def _mounting(export: Export, subject: BuiltDriver, filled: str) -> dict[str, object]:
    """A Pod that mounts an image; Kubernetes mounts it read-only and `noexec`."""
    _refuse_programs(export, subject)
    entry, store = subject.entry, export.store
    fleet = replace(export.fleet, stable=False)
    service = service_container(fleet, subject, _image(export), export.request, [store])
    mount = {"name": _VOLUME, "mountPath": store, "subPath": store[1:], "readOnly": True}
    service["command"] = [check_path(entry.python, "kubernetes-fleet"), entry.binary]
    service["volumeMounts"] = [mount]
    reference = require_image(filled, "kubernetes-fleet")
    image = {"reference": reference, "pullPolicy": "IfNotPresent"}
    return {"containers": [service], "volumes": [{"name": _VOLUME, "image": image}]}


def _refuse_programs(export: Export, subject: BuiltDriver) -> None:
    """HostError if the driver has something that must be mapped or started from the volume."""
    entry = subject.entry
    inner = subject.base_python if subject.base_python.startswith(f"{export.store}/") else None
    found = inner or native_file(entry.environment, entry.binary)
    if found is not None:
        message = f"{entry.name} cannot start from an image volume, which Kubernetes mounts noexec: {found}"
        hint = f"leave out --{_FILLED.name}: an init container then fills a volume, which may start programs"
        raise HostError(Problem(key=f"--{_FILLED.name}", message=message, hint=hint))


FORMAT = ExportFormat(
    name="kubernetes-fleet",
    files="`envbuild-fill.yaml`, a `DaemonSet`; `DRIVER.yaml`, a `PodTemplate`",
    taken_by="`kubernetes-validate --strict`",
    render=render_kubernetes_fleet,
    options=(ARGUMENTS, FROM, IMAGE, PORT, _FILLED),
    stable=True,
    needs_declaration=True,
)
