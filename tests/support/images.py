"""A fleet of which container images are made, and a base for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.base_image import base_layer, write_base
from tests.support.releases import Fleet, fleet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Result

__all__ = ["fleet"]


class Images(Fleet):
    """A host with `web` and `gate`, and a base that claims to have its Python."""

    base: str

    def image(self, *arguments: str, to: str = "image") -> Result:
        """Make an image of `web` upon the base."""
        options = ("--base", self.base, "--to", f"oci-layout:{self.store.parent / to}")
        return self.run("image", "web", *arguments, *options)

    def layout(self, to: str = "image") -> tuple[dict[str, Any], dict[str, Any]]:
        """The manifest and the config in a folder."""
        blobs = self.store.parent / to / "blobs/sha256"
        index = json.loads((self.store.parent / to / "index.json").read_text())
        named = {
            one["annotations"]["org.opencontainers.image.ref.name"]: one["digest"][7:]
            for one in index["manifests"]
        }
        manifest = json.loads((blobs / named["latest"]).read_text())
        return manifest, json.loads((blobs / manifest["config"]["digest"][7:]).read_text())


@pytest.fixture
def images(fleet: Fleet, python: Path) -> Images:
    """The fleet, and a base of one layer."""
    made = Images(fleet.run, fleet.index, fleet.store, fleet.python)
    real = str(python.resolve())
    layer = base_layer({"lib64/ld-linux-x86-64.so.2": b"", real.lstrip("/"): b"python"})
    digest = write_base(fleet.store.parent / "base", (layer,))
    made.base = f"oci-layout:{fleet.store.parent / 'base'}@{digest}"
    return made
