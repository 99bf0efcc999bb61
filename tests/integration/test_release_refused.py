"""Releases that a host refuses, or that lack something: what is taken in their place, and what is said."""

from __future__ import annotations

import io
import json
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.release.compression import compress, decompress
from envbuild.release.layout import LayoutFolder
from envbuild.release.oci import CONFIG, descriptor_of, parse_manifest, render_manifest
from envbuild.value import replace
from tests.support.command_line import NOWHERE
from tests.support.folders import remove_tree
from tests.support.releases import Fleet, fleet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["fleet"]


def test_an_expired_release_is_refused(fleet: Fleet) -> None:
    """What nobody has published anew for too long is not followed, unless somebody says so."""
    fleet.build()
    fleet.publish("--expires", "1s")
    fleet.move_on()
    time.sleep(1.1)
    refused = fleet.follow()
    assert refused.code == 1, refused
    assert "release 1 expired at" in refused.stderr
    assert fleet.current == 0
    taken = fleet.follow("--allow-older")
    assert taken.code == 0, taken
    assert fleet.current == 1


def wheel_blob(place: Path, name: str) -> Path:
    """The blob of a wheel in a release's folder."""
    for manifest in (place / "blobs/sha256").iterdir():
        if manifest.read_bytes()[:1] != b"{":
            continue
        for layer in json.loads(manifest.read_bytes()).get("layers", ()):
            if layer["annotations"]["org.opencontainers.image.title"].startswith(name):
                return place / "blobs/sha256" / str(layer["digest"]).removeprefix("sha256:")
    raise AssertionError(name)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_a_damaged_blob_is_asked_of_the_next(fleet: Fleet, damage: str) -> None:
    """One source with a wrong blob costs a message; alone, and without an index, it costs the sync and nothing else."""
    built = fleet.build()
    fleet.publish()
    second = fleet.store.parent / "second"
    shutil.copytree(fleet.place, second)
    blob = wheel_blob(fleet.place, "base-")
    content = blob.read_bytes()
    blob.unlink()
    if damage == "flipped":
        blob.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    elif damage == "truncated":
        blob.write_bytes(content[:50])
    fleet.move_on()
    alone = fleet.follow("--only-from")
    assert alone.code == 4, alone
    assert "no source has base-1.0-py3-none-any.whl of release 1" in alone.stderr
    assert fleet.current == 0
    done = fleet.follow("--from", f"dir:{second}", "--only-from")
    assert done.code == 0, done
    assert fleet.digests() == built


def test_what_no_source_gives_comes_from_the_index(fleet: Fleet) -> None:
    """A source is never the only way, unless somebody says so; the message says what was missing."""
    built = fleet.build()
    fleet.publish()
    wheel_blob(fleet.place, "base-").unlink()
    fleet.move_on()
    done = fleet.run("sync", "--from", fleet.source)
    assert done.code == 0, done
    assert "the index is used instead" in done.stderr
    assert fleet.digests() == built


def test_a_host_with_lockfiles_goes_on_without_a_release(fleet: Fleet) -> None:
    """Where no source gives one, its own lockfiles and the index are the last source; unless it is told not to."""
    built = fleet.build()
    remove_tree(fleet.store)
    refused = fleet.run("sync", "--from", fleet.source, "--only-from")
    assert refused.code == 4, refused
    done = fleet.run("sync", "--from", fleet.source)
    assert done.code == 0, done
    assert f"warning: {fleet.source}: gives no release" in done.stderr
    assert "own lockfiles are used" in done.stderr
    assert fleet.digests() == built
    (fleet.run.cwd / "locks/web.toml").unlink()
    alone = fleet.run("sync", "--from", fleet.source)
    assert alone.code == 4, alone


def test_another_content_is_not_switched_to(fleet: Fleet) -> None:
    """An environment that came out otherwise than released stays out of the generation: exit 4, by its name."""
    fleet.build()
    fleet.publish()
    release = fleet.store.parent / "false"
    shutil.copytree(fleet.place, release)
    rewrite(release, lambda text: text.replace('"content": "sha256:', '"content": "sha512:', 1))
    fleet.move_on()
    assert fleet.follow().code == 0
    damaged = fleet.run("sync", "--from", f"dir:{release}")
    assert damaged.code == 4
    assert "the release is damaged" in damaged.stderr

    def other(text: str) -> str:
        start = text.index('"content": "sha256:') + len('"content": "sha256:')
        return text[:start] + "0" * 64 + text[start + 64 :]

    shutil.rmtree(release)
    shutil.copytree(fleet.place, release)
    rewrite(release, other)
    fleet.move_on()
    done = fleet.run("sync", "--from", f"dir:{release}")
    assert done.code == 4, done
    assert "[not-as-released]" in done.stderr
    assert fleet.current == 0


def rewrite(place: Path, change: Callable[[str], str]) -> None:
    """Change the `release.json` of a folder as its owner could: with right digests everywhere."""
    folder = LayoutFolder(path=place)
    content = folder.manifest()
    assert content is not None
    manifest = parse_manifest(content)
    old = b"".join(folder.read(manifest.config, 0))
    text = decompress(old, most=1 << 24).decode()
    new = compress(change(text).encode())
    config = descriptor_of(CONFIG, new, manifest.config.annotations)
    folder.put(config, lambda: io.BytesIO(new))
    folder.finish(((None, render_manifest(replace(manifest, config=config))),))


def test_a_release_for_another_path_says_which_it_has(fleet: Fleet) -> None:
    """`--rebuild` builds it from the same wheels, at the path that this host has."""
    fleet.build()
    fleet.publish()
    fleet.move_on()
    env = {"ENVBUILD_STORE": f"{fleet.store}2", "ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}
    refused = fleet.run("sync", "--from", fleet.source, env=env)
    assert refused.code == 5, refused
    assert f"in the store {fleet.store}, not {fleet.store}2" in refused.stderr
    assert "--rebuild" in refused.stderr
    done = fleet.run("sync", "--from", fleet.source, "--rebuild", "--only-from", env=env)
    assert done.code == 0, done


def test_a_declaration_of_the_host_must_agree(fleet: Fleet) -> None:
    """What is declared here and released otherwise is refused; what agrees is followed."""
    built = fleet.build()
    fleet.publish()
    declaration = (fleet.run.cwd / "drivers.toml").read_text()
    fleet.move_on()
    fleet.run.declare(declaration)
    assert fleet.follow("--only-from").code == 0
    assert fleet.digests() == built
    fleet.move_on()
    fleet.run.declare(declaration.replace("[drivers.web]", '[drivers.web]\nenv = { A = "1" }'))
    refused = fleet.follow()
    assert refused.code == 5, refused
    assert "from a declaration that differs from this host's" in refused.stderr
    fleet.run.declare(declaration.replace("web==1.0", "web==1.1"))
    stale = fleet.follow()
    assert stale.code == 1, stale
    assert "does not agree" in stale.stderr
    assert fleet.current == 0


BAD = {
    "a digest for a tag": (("publish", "oci://r.example/x@sha256:00"), 2, "names a digest"),
    "a web root to write to": (("publish", "https://r.example/x"), 2, "can only be read"),
    "no kind": (("publish", "/srv/release"), 2, "does not say what kind"),
    "no such driver": (("publish", "dir:r", "nobody"), 2, "there is no driver 'nobody'"),
    "no such target": (("publish", "dir:r", "--target", "3.1-x"), 2, "no lockfile has a target"),
    "no age": (("publish", "dir:r", "--expires", "soon"), 2, "must be a duration"),
    "no key": (("publish", "dir:r", "--sign", "/no/key"), 2, "cannot sign"),
    "a folder of others": (("publish", "dir:."), 2, "has other files"),
    "no source": (("sync", "--only-from"), 2, "requires the source of a release"),
    "nothing there": (
        ("sync", "--from", "dir:/no/release", "--only-from"),
        4,
        "nothing has been published",
    ),
    "build alone": (("sync", "--from", "dir:/r", "--build"), 2, "--build: requires --fetch"),
    "no folder": (("fetch",), 2, "name the folder"),
}


def test_bad_input(fleet: Fleet) -> None:
    """One clear message with a documented exit code, and nothing is lost."""
    fleet.build()
    for case, (argv, code, words) in BAD.items():
        done = fleet.run(*argv)
        assert done.code == code, (case, done)
        assert words in done.stderr, (case, done)
        assert "Traceback" not in done.stderr
    assert fleet.current == 1


def test_a_wrong_source_in_the_settings_is_named(fleet: Fleet) -> None:
    """The settings' own source is followed without an option, and an address that is none is refused."""
    built = fleet.build()
    fleet.publish()
    fleet.move_on()
    fleet.store.mkdir()
    (fleet.store / "settings.toml").write_text('[[source]]\nrelease = "nonsense"\n')
    assert fleet.run("sync").code == 2
    (fleet.store / "settings.toml").write_text(f'[[source]]\nrelease = "{fleet.source}"\n')
    done = fleet.run("sync", "--only-from")
    assert done.code == 0, done
    assert fleet.digests() == built
