"""An image's config: what it starts, with which variables and labels, and which layers it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envbuild.posix.clock import utc
from envbuild.release.oci import TITLE
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.image.base import BaseImage
    from envbuild.image.packing import PackedImageLayer

CONFIG = "application/vnd.oci.image.config.v1+json"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What runtimes search if an image does not say."""


@value
class ImageStart:
    """How the image's process starts."""

    entry_point: tuple[str, ...]
    bins: tuple[str, ...]
    """The folders with commands, absolute, which come first on `PATH`."""

    labels: tuple[tuple[str, str], ...]


def render_config(
    start: ImageStart,
    layers: Sequence[PackedImageLayer],
    base: BaseImage | None,
    *,
    architecture: str,
    time: int,
) -> bytes:
    """The config's bytes: the same for the same image. What the base says of users and volumes stays."""
    before: dict[str, Any] = base.config if base is not None else {}
    inherited: dict[str, Any] = before.get("config") or {}
    labels: dict[str, str] = {**(inherited.get("Labels") or {}), **dict(start.labels)}
    config = {
        **{
            name: inherited[name]
            for name in sorted(inherited)
            if name not in ("Cmd", "Healthcheck")
        },
        "Env": _variables(inherited.get("Env") or (), start.bins),
        "Entrypoint": list(start.entry_point),
        "Labels": labels,
    }
    created = utc(time)
    history = [
        {"created": created, "created_by": f"envbuild image: {layer.blob.annotation(TITLE)}"}
        for layer in layers
    ]
    table: dict[str, Any] = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        **{name: before[name] for name in ("variant", "os.version") if name in before},
        "config": config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [
                *(before.get("rootfs") or {}).get("diff_ids", ()),
                *(layer.diff_id for layer in layers),
            ],
        },
    }
    known = before.get("history") or []
    if base is None or _is_whole(known, len(base.layers)):
        table["history"] = [*known, *history]
    return json.dumps(table, separators=(",", ":")).encode("ascii")


def _variables(inherited: Sequence[str], bins: tuple[str, ...]) -> list[str]:
    path = next((one[5:] for one in inherited if one.startswith("PATH=")), _PATH)
    kept = [one for one in inherited if not one.startswith("PATH=")]
    return [*kept, f"PATH={':'.join((*bins, path))}"]


def _is_whole(history: Any, layers: int) -> bool:
    """Whether a history has an entry for each layer."""
    entries = history if isinstance(history, list) else []
    return sum(not one.get("empty_layer") for one in entries) == layers
