"""Put the envbuild and the uv of a release on a host that has Python alone: `python3 start.py SOURCE [DIR]`.

It is in every release with tools, imports nothing of envbuild, and needs no network.
SOURCE is the release's tar or folder, DIR the folder for the tools (`envbuild-tools`).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_OLDEST = (3, 11)
_TOOL = "application/vnd.envbuild.tool.v1+zip"
_SSHSIG = "application/vnd.envbuild.signature.v1.sshsig"
_REF_NAME = "org.opencontainers.image.ref.name"
_TITLE = "org.opencontainers.image.title"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST = 1 << 30
"""Bytes of one tool's files; the largest has 60 MB."""


def fail(message: str) -> NoReturn:
    """End with a message; nothing has been changed that a second run does not put right."""
    sys.exit(f"error: {message}")


class ReleasePlace:
    """A release in a tar or a folder."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._members: dict[str, tuple[int, int]] | None = None
        """Offset and size of each file in a tar; None for a folder."""

        if not os.path.isdir(path):  # noqa: PTH112
            try:
                with tarfile.open(path, "r:") as archive:
                    files = [one for one in archive if one.isreg()]
            except (OSError, tarfile.TarError) as error:
                fail(f"{path} is neither a folder nor a tar: {error}")
            self._members = {one.name: (one.offset_data, one.size) for one in files}

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        try:
            if self._members is None:
                with open(os.path.join(self._path, name), "rb") as stream:  # noqa: PTH118, PTH123
                    return stream.read()
            start, size = self._members[name]
            with open(self._path, "rb") as stream:  # noqa: PTH123
                stream.seek(start)
                return stream.read(size)
        except (KeyError, OSError) as error:
            fail(f"{self._path} has no {name}: {error}")

    def blob(self, digest: str) -> bytes:
        """A blob's bytes, compared with their digest."""
        if _DIGEST.fullmatch(digest) is None:
            fail(f"{digest[:80]!r} is not a digest")
        content = self.read(f"blobs/sha256/{digest[7:]}")
        if hashlib.sha256(content).hexdigest() != digest[7:]:
            fail(f"blobs/sha256/{digest[7:]} is damaged")
        return content


def main(argv: list[str]) -> int:
    """Unpack the tools, and say what to type next."""
    if sys.version_info < _OLDEST:
        fail(f"envbuild needs Python 3.11 or newer, and this is {sys.version.split()[0]}")
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("source", help="the release's tar or folder")
    options.add_argument("folder", nargs="?", default="envbuild-tools")
    options.add_argument(
        "--key", help="a public key of OpenSSH, which must have signed the release"
    )
    given = options.parse_args(argv)
    kind, _, path = given.source.rpartition(":")
    place = ReleasePlace(path if kind in ("tar", "dir") else given.source)
    digest, listed = find_release(place)
    if given.key is not None:
        check_signature(place, digest, listed, given.key)
    tools = [one for one in json.loads(place.blob(digest))["layers"] if one["mediaType"] == _TOOL]
    if not tools:
        fail("this release has no tools: publish it without --no-tools")
    check_python(tools)
    venv.create(given.folder, symlinks=True)
    for tool in tools:
        unpack(place.blob(tool["digest"]), os.path.abspath(given.folder))  # noqa: PTH100
    envbuild = write_command(os.path.abspath(given.folder))  # noqa: PTH100
    whole = os.path.abspath(path if kind in ("tar", "dir") else given.source)  # noqa: PTH100
    kind = "dir" if os.path.isdir(whole) else "tar"  # noqa: PTH112
    unsigned = "" if given.key is not None else " (no --key was given: no signature was checked)"
    print(f"envbuild is in {envbuild}{unsigned}")
    print(f"next: {envbuild} sync --from {kind}:{whole} --only-from")
    return 0


def find_release(place: ReleasePlace) -> tuple[str, dict[str, str]]:
    """The digest of the release's manifest, and that of each tag."""
    try:
        entries = json.loads(place.read("index.json"))["manifests"]
        listed = {str(one["annotations"][_REF_NAME]): str(one["digest"]) for one in entries}
    except (ValueError, KeyError, TypeError):
        fail("its index.json is damaged")
    named = {name: found for name, found in listed.items() if not name.startswith("sha256-")}
    if "latest" in named:
        return named["latest"], listed
    if len(named) != 1:
        fail(f"there are {len(named)} releases, and none has the tag latest")
    return next(iter(named.values())), listed


def check_signature(place: ReleasePlace, digest: str, listed: dict[str, str], key: str) -> None:
    """End unless the key has signed the release."""
    tag = f"{digest.replace(':', '-')}.sig"
    if tag not in listed:
        fail("the release is not signed")
    layers = json.loads(place.blob(listed[tag]))["layers"]
    signature = next((one.get("data", "") for one in layers if one["mediaType"] == _SSHSIG), "")
    with tempfile.TemporaryDirectory() as folder:
        allowed, given = (os.path.join(folder, name) for name in ("keys", "sig"))  # noqa: PTH118
        with open(allowed, "w", encoding="utf-8") as stream:  # noqa: PTH123
            stream.write(f'publisher namespaces="envbuild-release" {key.strip()}\n')
        with open(given, "wb") as binary:  # noqa: PTH123
            binary.write(base64.b64decode(signature))
        words = ("-I", "publisher", "-n", "envbuild-release", "-s", given)
        argv = ("ssh-keygen", "-Y", "verify", "-f", allowed, *words)
        try:
            done = subprocess.run(argv, input=digest.encode(), capture_output=True, check=False)
        except OSError as error:
            fail(f"ssh-keygen, which checks signatures, cannot be started: {error}")
    if done.returncode != 0:
        fail("the key that was given has not signed this release")


def check_python(tools: list[dict[str, Any]]) -> None:
    """End if a tool is for another Python."""
    for tool in tools:
        name = str(tool["annotations"][_TITLE])
        tags = name[: -len(".whl")].split("-")[-3]
        own = f"cp{sys.version_info[0]}{sys.version_info[1]}"
        if not {"py3", own, "py2.py3"} & {tags, *tags.split(".")} and "-abi3-" not in name:
            wanted = ".".join((tags[2:3], tags[3:]))
            fail(
                f"the tools of this release are for Python {wanted}, and this is {own[2]}.{own[3:]}"
            )


def unpack(wheel: bytes, folder: str) -> None:
    """Put a wheel's files where they belong."""
    places = sysconfig.get_paths("venv", vars={"base": folder, "platbase": folder})
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        if sum(one.file_size for one in archive.infolist()) > _MOST:
            fail("a tool is too large")
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            first, _, rest = entry.filename.partition("/")
            root, path = places["purelib"], entry.filename
            if first.endswith(".data"):
                kind, _, path = rest.partition("/")
                root = {"scripts": places["scripts"], "data": folder}.get(kind, places["purelib"])
            if path.startswith("/") or ".." in path.split("/") or "\\" in path:
                fail(f"a tool has a file {path[:80]!r}")
            target = os.path.join(root, path)  # noqa: PTH118
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
            with open(target, "wb") as stream:  # noqa: PTH123
                stream.write(archive.read(entry))
            mode = entry.external_attr >> 16 & stat.S_IXUSR
            os.chmod(target, 0o755 if mode else 0o644)  # noqa: PTH101


def write_command(folder: str) -> str:
    """Write `bin/envbuild`; its path."""
    path = os.path.join(folder, "bin", "envbuild")  # noqa: PTH118
    python = os.path.join(folder, "bin", "python")  # noqa: PTH118
    text = f"#!/bin/sh\nexec '{python}' -I -m envbuild \"$@\"\n"
    with open(path, "w", encoding="utf-8") as stream:  # noqa: PTH123
        stream.write(text)
    os.chmod(path, 0o755)  # noqa: PTH101, S103
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
