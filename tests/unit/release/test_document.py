"""`release.json`: what it says, and what of a stranger's is refused."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import jsonschema
import pytest

from envbuild.errors import IndexFailureError
from envbuild.release.document import (
    LeftOut,
    Release,
    ReleasedEnvironment,
    parse_release,
    render_release,
)
from tests.support.values import digest

ENVIRONMENT = ReleasedEnvironment(
    driver="vllm",
    version="0.11.0",
    target="3.12-x86_64-manylinux_2_28@cu13",
    key=digest("key"),
    environment="vllm-0.11.0-3f9a2c1b7d4e",
    store="/srv/envbuild",
    python="/usr/bin/python3.12",
    python_version="3.12.1",
    cache_tag="cpython-312",
    content=f"sha256:{digest('content')}",
)
RELEASE = Release(
    sequence=3,
    previous=f"sha256:{digest('previous')}",
    created="2026-11-20T10:00:00Z",
    expires="2026-12-20T10:00:00Z",
    envbuild="0.1.0",
    uv="0.13.9",
    declaration='version = 1\n# "ü"\n',
    lockfiles=(("vllm", "lock\n"),),
    targets=(("vllm", ("3.12-x86_64-manylinux_2_28@cu13",)),),
    environments=(ENVIRONMENT,),
    left_out=(LeftOut(driver="vllm", what="x-1.0.tar.gz", reason="it is a source"),),
)
CONTENT = render_release(RELEASE)
SCHEMA = json.loads(
    importlib.resources.files("envbuild").joinpath("release.schema.json").read_text("utf-8")
)


def test_the_bytes_give_the_value_back() -> None:
    """Publisher and host mean the same, and the same release has the same bytes."""
    assert parse_release(CONTENT, place="dir:/r") == RELEASE
    assert render_release(parse_release(CONTENT, place="x")) == CONTENT


def test_it_is_as_the_schema_says() -> None:
    """Other tools can rely on the schema, which knows every field."""
    jsonschema.validate(json.loads(CONTENT), SCHEMA)
    assert set(SCHEMA["properties"]) == set(json.loads(CONTENT))
    assert set(SCHEMA["$defs"]["environment"]["properties"]) == set(
        json.loads(CONTENT)["environments"][0]
    )


def test_a_newer_format_is_named() -> None:
    """A host that is behind is told to upgrade, and reads nothing into it."""
    newer = json.dumps({**json.loads(CONTENT), "version": 2}).encode()
    with pytest.raises(IndexFailureError, match="format 2 is newer") as caught:
        parse_release(newer, place="oci://r/f:x")
    assert caught.value.problems[0].hint == "upgrade envbuild on this host"
    assert caught.value.problems[0].file == "oci://r/f:x"


def changed(**fields: Any) -> bytes:
    """The release with other fields; without those that are `...`."""
    table = {**json.loads(CONTENT), **fields}
    return json.dumps({k: v for k, v in table.items() if v is not ...}).encode()


def other(**fields: Any) -> bytes:
    """The release with another environment."""
    return changed(environments=[{**json.loads(CONTENT)["environments"][0], **fields}])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"[" * 100_000,
        CONTENT[:-9],
        changed(version="1"),
        changed(sequence=0),
        changed(sequence=True),
        changed(sequence=1 << 60),
        changed(previous="sha256:0"),
        changed(created="yesterday"),
        changed(expires=...),
        changed(lockfiles={"../vllm": "x"}),
        changed(lockfiles={"vllm": 1}),
        changed(lockfiles=[]),
        changed(targets={"vllm": "3.12"}),
        changed(environments={}),
        changed(left_out=[{"driver": "vllm"}]),
        other(driver="../../etc"),
        other(key="0"),
        other(content="md5:0"),
        other(store=None),
    ],
)
def test_damage_is_named(content: bytes) -> None:
    """What a hostile place sends is refused with exit code 4, and no field becomes a path."""
    with pytest.raises(IndexFailureError, match="the release is damaged"):
        parse_release(content, place="x")
