"""`image`: container images of what is built, written without a container engine."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

from envbuild.release.compression import decompress
from tests.support.base_image import base_layer, write_base
from tests.support.images import Images, images
from tests.support.releases import fleet

__all__ = ["fleet", "images"]


def test_an_image_has_what_was_built_and_says_so(images: Images) -> None:
    """Every file of the environment at its path, the command, labels, and the bill of materials beside it."""
    built = images.build()
    done = images.image("gate", "--format", "json")
    assert done.code == 0, done
    manifest, config = images.layout()
    entries: dict[str, tarfile.TarInfo] = {}
    for layer in manifest["layers"][1:]:
        content = (images.store.parent / "image/blobs/sha256" / layer["digest"][7:]).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(decompress(content, most=1 << 24))) as archive:
            entries |= {f"/{one.name}": one for one in archive}
            assert {(one.uid, one.gid, one.mtime, one.uname) for one in archive} == {(0, 0, 0, "")}
    current = json.loads((images.store / "current/manifest.json").read_text())["drivers"]
    for driver in current.values():
        root = Path(driver["environment"])
        there = {str(path) for path in root.rglob("*")} | {str(root)}
        assert {path for path in entries if Path(path).is_relative_to(root)} == there
    assert config["config"]["Entrypoint"] == [current["web"]["binary"]]
    bins = [os.path.dirname(current[name]["binary"]) for name in ("web", "gate")]  # noqa: PTH120
    assert config["config"]["Env"] == ["LANG=C.UTF-8", f"PATH={':'.join(bins)}:/bin:/usr/bin"]
    labels = config["config"]["Labels"]
    for name in ("web", "gate"):
        assert labels[f"io.envbuild.{name}.key"] == current[name]["key"]
        assert labels[f"io.envbuild.{name}.lock"] == current[name]["lock"]
        assert labels[f"io.envbuild.{name}.content"] == built[name]
        assert manifest["annotations"][f"io.envbuild.{name}.key"] == current[name]["key"]
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"])
    check_bills(images, done.json["digest"])


def check_bills(images: Images, digest: str) -> None:
    """They lie under the tag that OCI's referrers have where a registry keeps no list of them."""
    blobs = images.store.parent / "image/blobs/sha256"
    index = json.loads((images.store.parent / "image/index.json").read_text())["manifests"]
    (listed,) = [
        one
        for one in index
        if one["annotations"]["org.opencontainers.image.ref.name"] == digest.replace(":", "-")
    ]
    components = {}
    for entry in json.loads((blobs / listed["digest"][7:]).read_text())["manifests"]:
        assert entry["artifactType"] == "application/vnd.cyclonedx+json"
        attached = json.loads((blobs / entry["digest"][7:]).read_text())
        assert attached["subject"]["digest"] == digest
        bill = json.loads((blobs / attached["layers"][0]["digest"][7:]).read_text())
        root = bill["metadata"]["component"]["name"]
        components[root] = {one["name"] for one in bill["components"]}
    assert components == {"web": {"web", "base"}, "gate": {"gate", "base"}}


def test_progress_is_shown_as_asked(images: Images) -> None:
    """As for every other command: its line at the end, or with `--quiet` nothing at all."""
    images.build()
    assert images.image().stderr.splitlines()[-1].startswith("1 done, ")
    done = images.image("--quiet", to="again")
    assert (done.code, done.stdout, done.stderr) == (0, "", ""), done


def test_what_cannot_be_made_is_refused_beforehand(images: Images) -> None:
    """Each with its key and a hint; nothing is written."""
    images.build()
    to = f"oci-layout:{images.store.parent / 'image'}"
    layer = base_layer({"lib64/ld-linux-x86-64.so.2": b""})
    digest = write_base(images.store.parent / "tall", (layer,) * 151)
    tall = f"oci-layout:{images.store.parent / 'tall'}@{digest}"
    cases = {
        ("image",): (2, "--to: name the destination"),
        ("image", "nobody", "--to", to): (1, "no driver 'nobody'"),
        ("image", "web", "--to", to): (5, "a Python of this host and not of the store"),
        ("image", "web", "--to", to, "--base", tall): (
            5,
            "151 layers, but an image has at most 100",
        ),
        ("image", "web", "--to", f"oci://h/r@{digest}"): (2, "names a digest"),
        ("image", "web", "--to", to, "--base", "oci://h/r:tag"): (2, "by its digest"),
        ("image", "web", "--to", f"oci-layout:{images.run.cwd}"): (2, "is not an OCI layout"),
    }
    for argv, (code, words) in cases.items():
        done = images.run(*argv)
        assert (done.code, words in done.stderr) == (code, True), done
    images.publish()
    done = images.run("image", "web", "--to", f"oci-layout:{images.place}", "--base", images.base)
    assert (done.code, "has a release of envbuild" in done.stderr) == (2, True), done
    (file,) = (images.store / "envs").glob("web-*/lib/python*/site-packages/base.py")
    file.chmod(0o644)
    file.write_text("VALUE = 2\n")
    done = images.image()
    assert (done.code, str(file) in done.stderr) == (5, True), done
    assert not (images.store.parent / "image").exists()
