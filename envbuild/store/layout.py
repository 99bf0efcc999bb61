"""The content of a generation's folder, worked out from its manifest."""

from __future__ import annotations

from posixpath import basename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.store.manifest import Manifest


def generation_links(manifest: Manifest) -> dict[str, str]:
    """Every link of the generation by its path in the folder, with its target.

    `vllm` → `../../envs/vllm-…`; the shims lie in `bin/`.
    """
    links = {}
    for driver in manifest.drivers:
        name = basename(driver.environment)
        links[driver.name] = f"../../envs/{name}"
        for command, shim in driver.all_shims:
            links[f"bin/{shim}"] = f"../../../envs/{name}/bin/{command}"
    return links
