"""The files and folders of a store: what each is for."""

from __future__ import annotations

CONTENTS = (
    (
        "envbuild-store.json",
        "the marker, with the store's format; a folder without it is not a store",
    ),
    ("settings.toml", "[the host's settings](#settings-of-a-store), if there are any"),
    ("current", "the link to the current generation; the only thing that a switch changes"),
    ("generations/N/manifest.json", "[the manifest](json.md#the-manifest) of generation N"),
    ("generations/N/bin/SHIM", "a link to a command of a driver's environment"),
    ("generations/N/DRIVER", "the link to a driver's environment"),
    (
        "generations/.last",
        "the highest number of a removed generation; numbers are never used again",
    ),
    ("records/N.json", "[the generation record](#generation-records-what-was-built)"),
    ("envs/NAME/", "an environment: `DRIVER-VERSION-` and 12 digits of its key"),
    ("receipts/NAME.json", "its receipt: every file, and what it was built from"),
    ("receipts/NAME.stat", "[the record of `verify --quick`](#the-record-of-verify-quick)"),
    ("roots/DIGEST.json", "[an export](#exported-files) whose files name exact paths"),
    (
        "moved-from.json",
        "[the store that this one is moved from](#moving-a-store), until that is gone",
    ),
    ("pythons/", "Pythons that envbuild has installed"),
    ("releases/PLACE/", "what a followed release declares and locks"),
    ("locks/", "[locks](#locks-who-waits-for-whom) of commands that change the store"),
    ("temp/", "environments that are being built; private"),
    ("trash/", "what gc has renamed and is still deleting; private"),
    ("trash.json", "how much the last deletion freed"),
    ("cache/", "what can be made again; private"),
    ("cache/uv/", "uv's own cache"),
    ("cache/wheels/SHA256/", "[unpacked wheels](#the-wheel-cache), by the wheel's sha256"),
    ("cache/bytecode/INTERPRETER/SHA256/", "their compiled modules"),
    ("cache/built/KEY/", "[wheels that were built here](#built-wheels), by the key of the build"),
    (
        "cache/children/DIGEST/",
        "[lockfiles of `run --with` and `try`](#environments-beside-the-current-ones)",
    ),
    ("cache/logs/", "the output of the last build of each source"),
    ("cache/prepare/", "the output of `prepare` commands"),
    ("cache/probes/", "the output of probes, and how the last ones ended"),
    ("cache/verified.json", "when all files were last verified, and what was found"),
    ("cache/interpreters.json", "facts about the host's Pythons"),
    (
        "cache/router",
        "the secret part of the addresses of the [router](architecture.md#the-words); also `cache/router-DIGEST`",
    ),
    ("cache/stamp", "what a sync compares with to see that it has nothing to do"),
    ("cache/followed", "which release is followed, and `cache/followed-stamp` for it"),
    ("cache/blobs/DIGEST", "parts of releases that were fetched"),
    (
        "cache/publish/",
        "parts of releases that are being written; `packed.json` and others remember them",
    ),
    ("cache/images/", "layers of images that are being written"),
)
"""Each path and what it is for, as Markdown of docs/store.md, whose table is made from these rows.

A path that ends with `/` is a folder whose content is its own affair; words in capitals stand for names.
"""

OWN_NAMES = tuple(dict.fromkeys(path.partition("/")[0] for path, _ in CONTENTS))
"""Everything that envbuild makes at the top of a store."""
