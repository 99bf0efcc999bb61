"""A host without a compiler takes the wheel that a host with one has built."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.fleet.registries import need
from tests.support.built_sources import builds, declare, told
from tests.support.command_line import NOWHERE
from tests.support.folders import remove_tree
from tests.support.sources import MAKER, MadeSource
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["told"]

COMPILES = """
import subprocess
_build = build_wheel

def build_wheel(*given):
    subprocess.run(["cc", "-shared", "-x", "c", "/dev/null", "-o", "fast.so"], check=True)
    return _build(*given)
"""
COMPILERS = ("cc", "gcc", "c99", "c++", "g++", "clang", "tcc", "x86_64-linux-gnu-gcc")


def test_a_host_without_compiler(
    run_envbuild: CommandLine,
    index: IndexServer,
    told: Path,
    store: Path,
    scratch: Path,
    python_version: str,
) -> None:
    """Where the build fails for want of `cc`, the signed wheel of another host gives the same environment."""
    need("cc")
    index.add(Wheel(name="maker", files={"maker.py": f"VERSION = '1.0'\n{MAKER}{COMPILES}"}))
    index.add(MadeSource(name="svc", requires=("dep",)), Wheel(name="dep"))
    run, key, source = run_envbuild, scratch / "key", f"dir:{scratch}/release"
    declare(run, told, python_version)
    run("lock", check=True)
    run("sync", check=True)
    built, before = run.content_digests(), len(builds(told))
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
    run("publish", "--no-tools", source, "--sign", str(key), check=True)

    programs = scratch / "programs"
    programs.mkdir()
    for name in ("ssh-keygen", "unshare", "mount", "sh"):
        (programs / name).symlink_to(need(name))
    host = {"PATH": str(programs)}
    assert [name for name in COMPILERS if shutil.which(name, path=host["PATH"])] == []
    remove_tree(store)
    failed = run("sync", "--from", source, env=host)
    assert failed.code != 0, failed
    assert "No such file or directory: 'cc'" in failed.stderr, failed

    remove_tree(store)
    store.mkdir()
    trust = json.dumps(key.with_suffix(".pub").read_text().strip())
    (store / "settings.toml").write_text(f"[trust]\nkeys = [{trust}]\n")
    host["ENVBUILD_INDEX_DEFAULT_URL"] = NOWHERE
    done = run("sync", "--from", source, "--only-from", env=host)
    assert done.code == 0, done
    assert run.content_digests() == built
    assert len(builds(told)) == before
