"""Signatures with real keys of OpenSSH."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.posix.process import SystemRunner
from envbuild.release.oci import parse_manifest, render_manifest
from envbuild.release.signature import sign, signature_blobs, why_untrusted
from envbuild.value import replace
from tests.support.values import digest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="NOT TESTED: this machine has no ssh-keygen"
)
DIGEST = f"sha256:{digest('manifest')}"


def new_key(folder: Path, name: str = "key") -> tuple[str, str]:
    """The path of a private key, and the line of the public one."""
    path = folder / name
    argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ops@example", "-f", str(path))
    subprocess.run(argv, check=True, capture_output=True)
    return str(path), path.with_suffix(".pub").read_text().strip()


def judged(signature: bytes | None, *keys: str, of: str = DIGEST) -> str | None:
    """Why it is not trusted."""
    return why_untrusted(of, signature, keys, SystemRunner(), os.environ)


def test_a_key_of_the_host_is_trusted_and_no_other(tmp_path: Path) -> None:
    """The signature counts for this manifest alone, and only from a key that the host names."""
    key, public = new_key(tmp_path)
    _, foreign = new_key(tmp_path, "foreign")
    signature = sign(DIGEST, key, SystemRunner(), os.environ)
    assert judged(signature, public) is None
    assert judged(signature, foreign, public) is None
    assert judged(signature, foreign) == "none of the keys that this host trusts has signed it"
    assert judged(signature, public, of=f"sha256:{digest('other')}") is not None
    assert judged(signature) == "none of the keys that this host trusts has signed it"
    assert judged(None, public) == "it is not signed"
    assert len(signature_blobs(signature)) == 2


def test_a_signature_for_something_else_does_not_count(tmp_path: Path) -> None:
    """A key that signs commits has not signed a release."""
    key, public = new_key(tmp_path)
    signature = parse_manifest(sign(DIGEST, key, SystemRunner(), os.environ))
    (tmp_path / "m").write_text(DIGEST)
    argv = ("ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", key, str(tmp_path / "m"))
    subprocess.run(argv, check=True, capture_output=True)
    false = replace(signature.layers[0], data=(tmp_path / "m.sig").read_bytes())
    assert judged(render_manifest(replace(signature, layers=(false,))), public) is not None


@pytest.mark.parametrize("damage", [b"", b"{}", b"[" * 100_000])
def test_a_damaged_signature_is_none(tmp_path: Path, damage: bytes) -> None:
    """Whatever lies under the tag, the host compiles for itself."""
    _, public = new_key(tmp_path)
    assert judged(damage, public) == "its signature cannot be read"


def test_a_key_that_cannot_sign_is_named(tmp_path: Path) -> None:
    """A missing file and a public key: exit code 2, with the program's own words."""
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(UsageError, match="cannot sign") as caught:
            sign(DIGEST, str(path), SystemRunner(), os.environ)
        assert caught.value.problems[0].key == "--sign"
