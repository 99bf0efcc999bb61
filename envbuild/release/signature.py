"""Signatures of releases: OpenSSH's `sshsig`, made and checked by `ssh-keygen -Y`.

What is signed is the digest of the release's manifest, which covers every blob.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem, UsageError
from envbuild.posix.process import Command, find_program, scrubbed_environment
from envbuild.release.oci import (
    EMPTY,
    SIGNATURE,
    SSHSIG,
    TITLE,
    Descriptor,
    OciManifest,
    parse_manifest,
    render_manifest,
)
from envbuild.release.oci import descriptor_of as described
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.posix.process import Completed, Runner

NAMESPACE = "envbuild-release"
"""So that a signature that the key gave for something else does not count."""

_IDENTITY = "publisher"
_NOTHING = b"{}"
_MOST = 1 << 16
_TIMEOUT = 120.0
"""Seconds: a key in hardware asks its owner to touch it."""


def sign(digest: str, key: str, runner: Runner, environ: Mapping[str, str]) -> bytes:
    """The manifest of a signature over a manifest's digest; UsageError if the key cannot sign."""
    with tempfile.TemporaryDirectory(prefix="envbuild-sign-") as folder:
        message = Path(folder, "digest")
        message.write_text(digest, encoding="ascii")
        argv = ("-q", "-Y", "sign", "-n", NAMESPACE, "-f", os.path.abspath(key), str(message))  # noqa: PTH100
        done = _run(argv, None, runner, environ)
        if done.code != 0:
            raise UsageError(
                Problem(
                    key="--sign",
                    message=f"{key} cannot sign",
                    detail=done.stderr.strip() or None,
                    hint="name a private key that ssh-keygen can use, "
                    "such as one of `ssh-keygen -t ed25519 -f KEY`; "
                    "one with a passphrase must be in the ssh-agent",
                )
            )
        return _signature_manifest(Path(folder, "digest.sig").read_bytes())


def _signature_manifest(signature: bytes) -> bytes:
    """The artifact under the signature's tag; the signature itself is in its manifest too."""
    layer = described(SSHSIG, signature, ((TITLE, "release.sig"),))
    return render_manifest(
        OciManifest(
            artifact_type=SIGNATURE,
            config=replace(described(EMPTY, _NOTHING), data=_NOTHING),
            layers=(replace(layer, data=signature),),
        )
    )


def signature_blobs(manifest: bytes) -> tuple[tuple[Descriptor, bytes], ...]:
    """The blobs that a registry requires for a signature's manifest."""
    parsed = parse_manifest(manifest)
    return tuple((one, one.data) for one in (parsed.config, *parsed.layers) if one.data is not None)


def why_untrusted(
    digest: str,
    manifest: bytes | None,
    keys: Iterable[str],
    runner: Runner,
    environ: Mapping[str, str],
) -> str | None:
    """Why the signature in a manifest does not make a release trusted; None if a key of this host made it."""
    if manifest is None:
        return "it is not signed"
    try:
        signature = next(
            (one.data for one in parse_manifest(manifest).layers if one.media_type == SSHSIG), None
        )
    except ValueError:
        signature = None
    if signature is None or len(signature) > _MOST:
        return "its signature cannot be read"
    with tempfile.TemporaryDirectory(prefix="envbuild-verify-") as folder:
        allowed, given, message = (Path(folder, name) for name in ("keys", "sig", "digest"))
        lines = (f'{_IDENTITY} namespaces="{NAMESPACE}" {key.strip()}\n' for key in keys)
        allowed.write_text("".join(lines), encoding="utf-8")
        given.write_bytes(signature)
        message.write_text(digest, encoding="ascii")
        argv = ("-Y", "verify", "-f", str(allowed), "-I", _IDENTITY, "-n", NAMESPACE)
        try:
            done = _run((*argv, "-s", str(given)), str(message), runner, environ)
        except HostError:
            return "this host has no ssh-keygen to check its signature with"
    return None if done.code == 0 else "none of the keys that this host trusts has signed it"


def _run(
    argv: tuple[str, ...], read: str | None, runner: Runner, environ: Mapping[str, str]
) -> Completed:
    """Run `ssh-keygen`; HostError if this host has none."""
    program = find_program("ssh-keygen", environ.get("PATH", os.defpath))
    if program is None:
        message = "this host has no ssh-keygen, which signs releases and checks signatures"
        raise HostError(Problem(message=message, hint="install OpenSSH's client"))
    return runner.run(
        Command(
            argv=(program, *argv),
            env=scrubbed_environment(environ),
            cwd="/",
            timeout=_TIMEOUT,
            read=read,
        )
    )
