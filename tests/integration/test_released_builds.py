"""A host without a compiler takes the wheel that the publisher built; without a signature it builds for itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.support.built_sources import builds, declared, told
from tests.support.command_line import NOWHERE
from tests.support.folders import remove_tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

__all__ = ["declared", "told"]


def test_a_built_wheel_comes_with_a_trusted_signature_alone(
    declared: CommandLine, told: Path, store: Path, scratch: Path
) -> None:
    """Signed: nothing is built and all is equal; not trusted: refused with a message, and built here."""
    key = scratch / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
    declared("lock", check=True)
    declared("sync", check=True)
    built, before = declared.content_digests(), len(builds(told))
    source = f"dir:{scratch}/release"
    declared("publish", "--no-tools", source, "--sign", str(key), check=True)
    remove_tree(store)
    shutil.rmtree(declared.cwd / "locks")
    (declared.cwd / "drivers.toml").unlink()
    store.mkdir()
    trust = json.dumps(key.with_suffix(".pub").read_text().strip())
    (store / "settings.toml").write_text(f'build = "never"\n[trust]\nkeys = [{trust}]\n')
    env = {"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}
    done = declared("sync", "--from", source, "--only-from", env=env)
    assert done.code == 0, done
    assert declared.content_digests() == built
    assert len(builds(told)) == before
    remove_tree(store)
    done = declared("sync", "--from", source)
    assert "wheels of sources are refused" in done.stderr, done
    assert len(builds(told)) > before
