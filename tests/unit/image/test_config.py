"""An image's config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from envbuild.image.base import BaseImage
from envbuild.image.config import ImageStart, render_config
from envbuild.image.packing import PackedImageLayer
from envbuild.image.paths import ImagePaths
from envbuild.release.oci import TITLE, Descriptor

BLOB = Descriptor(
    media_type="x", digest=f"sha256:{'1' * 64}", size=1, annotations=((TITLE, "numpy"),)
)
LAYER = PackedImageLayer(blob=BLOB, diff_id=f"sha256:{'2' * 64}", path=Path("/x"))
START = ImageStart(entry_point=("/env/bin/web",), bins=("/env/bin",), labels=(("a", "b"),))


def base_of(**config: object) -> BaseImage:
    """A base with one layer and a config."""
    return BaseImage(
        name="b", digest=BLOB.digest, config=config, layers=(BLOB,), paths=ImagePaths()
    )


def config_upon(base: BaseImage | None) -> dict[str, Any]:
    """The rendered config as a table."""
    content = render_config(START, (LAYER,), base, architecture="arm64", time=86400)
    assert content == render_config(START, (LAYER,), base, architecture="arm64", time=86400)
    table: dict[str, Any] = json.loads(content)
    return table


def test_an_image_without_a_base() -> None:
    """It starts the command, finds the others, and says what it is."""
    table = config_upon(None)
    assert (table["os"], table["architecture"]) == ("linux", "arm64")
    assert table["created"] == "1970-01-02T00:00:00Z"
    assert table["config"]["Entrypoint"] == ["/env/bin/web"]
    assert table["config"]["Env"][0].startswith("PATH=/env/bin:/usr/local/sbin:")
    assert table["config"]["Labels"] == {"a": "b"}
    assert table["rootfs"]["diff_ids"] == [LAYER.diff_id]
    assert [one["created_by"] for one in table["history"]] == ["envbuild image: numpy"]


def test_what_a_base_says_stays() -> None:
    """Users, variables, labels and history; not what it starts."""
    table = config_upon(
        base_of(
            config={
                "Env": ["A=1", "PATH=/usr/bin"],
                "User": "7",
                "Cmd": ["sh"],
                "Labels": {"a": "old", "c": "d"},
            },
            rootfs={"type": "layers", "diff_ids": ["sha256:old"]},
            history=[{"created_by": "x"}, {"created_by": "y", "empty_layer": True}],
        )
    )
    assert table["config"]["Env"] == ["A=1", "PATH=/env/bin:/usr/bin"]
    assert table["config"]["User"] == "7"
    assert "Cmd" not in table["config"]
    assert table["config"]["Labels"] == {"a": "b", "c": "d"}
    assert table["rootfs"]["diff_ids"] == ["sha256:old", LAYER.diff_id]
    assert len(table["history"]) == 3


def test_a_history_that_does_not_fit_is_left_out() -> None:
    """Tools refuse an image whose history has other layers than it has."""
    table = config_upon(base_of(rootfs={"diff_ids": ["sha256:old"]}, history=[]))
    assert "history" not in table
