"""The contract with launchers: the manifest's JSON, its schema, and what is refused."""

from __future__ import annotations

import copy
import importlib.resources
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from envbuild.errors import HostError
from envbuild.store.manifest import Preferred, manifest_table, parse_manifest, render_manifest
from envbuild.value import replace
from tests.support.golden import assert_golden
from tests.support.values import digest, make_entry, make_manifest

SCHEMA: dict[str, Any] = json.loads(
    importlib.resources.files("envbuild").joinpath("manifest.schema.json").read_text("utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)

VLLM = make_entry(
    "vllm",
    "0.11.0",
    key=f"3f9a2c1b7d4e{digest('vllm')[12:]}",
    env=(("VLLM_LOGGING_LEVEL", "WARNING"),),
    packages=(("torch", "2.8.0"), ("transformers", "4.57.6"), ("vllm", "0.11.0")),
    size=9_876_543_210,
)
EMBEDDINGS = make_entry(
    "embeddings",
    commands=("uvicorn", "fastapi"),
    shims=(("uvicorn", "embeddings"), ("fastapi", "fastapi")),
)
MANIFEST = make_manifest(VLLM, EMBEDDINGS, generation=3)
TABLE: dict[str, Any] = json.loads(render_manifest(MANIFEST))


def test_the_manifest_reads_as_documented() -> None:
    """Launchers read this very text; a change of it is a change of the contract."""
    golden = Path(__file__).parents[2] / "golden" / "manifest.json"
    assert_golden(golden, render_manifest(MANIFEST))


def test_the_text_gives_the_value_back() -> None:
    """What one sync wrote is what the next one compares with."""
    assert parse_manifest(render_manifest(MANIFEST), file="x") == MANIFEST
    assert manifest_table(MANIFEST) == TABLE


def test_every_character_survives() -> None:
    """A declared value may hold anything; the file stays plain ASCII."""
    driver = replace(VLLM, env=(("A", 'ü→🙂\u2028"\n'),))
    text = render_manifest(make_manifest(driver))
    assert text.isascii()
    assert parse_manifest(text, file="x") == make_manifest(driver)


def test_the_drivers_keep_their_order() -> None:
    """The order decides whose shim has a name, so it is kept and not sorted."""
    assert [d.name for d in parse_manifest(render_manifest(MANIFEST), file="x").drivers] == [
        "vllm",
        "embeddings",
    ]


def test_a_driver_is_found_by_its_name() -> None:
    """`which` and `run` find what they are asked for, or nothing."""
    assert MANIFEST.driver("vllm") == VLLM
    assert MANIFEST.driver("vll") is None


def test_the_schema_is_a_schema() -> None:
    """What is shipped can be given to any validator of JSON Schema 2020-12."""
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "manifest",
    [
        MANIFEST,
        make_manifest(),
        make_manifest(replace(VLLM, env=(), packages=(), size=0)),
        replace(MANIFEST, declaration=None),
        make_manifest(replace(VLLM, preferred=Preferred(python="3.13", version="0.12.0"))),
        make_manifest(make_entry("x", "1!2.0rc1+cu128")),
    ],
)
def test_what_is_written_fits_the_schema(manifest: Any) -> None:
    """Every manifest that envbuild writes passes the schema that it ships."""
    assert list(VALIDATOR.iter_errors(json.loads(render_manifest(manifest)))) == []


def test_the_schema_knows_just_what_is_written() -> None:
    """No field is documented that is not there, and none is there that is not required."""
    driver = SCHEMA["$defs"]["driver"]
    assert list(SCHEMA["properties"]) == SCHEMA["required"] == list(TABLE)
    assert list(driver["properties"]) == driver["required"] == list(TABLE["drivers"]["vllm"])


WRONG: dict[str, tuple[str, Any]] = {
    "another format": ("version", 2),
    "no format": ("version", None),
    "a generation of nothing": ("generation", 0),
    "a local time": ("created", "2026-11-20T10:00:00+01:00"),
    "a digest without its kind": ("declaration", digest("x")),
    "a driver with a capital": ("drivers.Vllm", TABLE["drivers"]["vllm"]),
    "a short key": ("drivers.vllm.key", "3f9a2c1b7d4e"),
    "a relative path": ("drivers.vllm.binary", "bin/vllm"),
    "a command with a folder": ("drivers.vllm.commands", ["bin/vllm"]),
    "no command": ("drivers.vllm.commands", []),
    "a shim of nothing": ("drivers.vllm.shims", {"vllm": None}),
    "a value that is no text": ("drivers.vllm.env", {"A": 1}),
    "a size in words": ("drivers.vllm.size", "9 GB"),
    "a package's name that is not normal": ("drivers.vllm.packages", {"Torch_": "1"}),
    "a field of one's own": ("drivers.vllm.more", 1),
    "a field of one's own at the top": ("more", 1),
}


def changed(place: str, value: Any) -> dict[str, Any]:
    """The manifest's object with one value replaced or added."""
    table = copy.deepcopy(TABLE)
    *way, last = place.split(".")
    inner = table
    for step in way:
        inner = inner[step]
    inner[last] = value
    return table


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_the_schema_refuses_what_is_no_manifest(change: tuple[str, Any]) -> None:
    """A launcher's test against the schema notices what this envbuild would never write."""
    with pytest.raises(ValidationError):
        VALIDATOR.validate(changed(*change))


@pytest.mark.parametrize("field", TABLE)
def test_a_missing_field_is_refused(field: str) -> None:
    """No field is ever left out: neither schema nor reader guesses what it would have been."""
    table = {key: value for key, value in TABLE.items() if key != field}
    with pytest.raises(ValidationError):
        VALIDATOR.validate(table)
    with pytest.raises(HostError, match="damaged") as caught:
        parse_manifest(json.dumps(table), file="/s/current/manifest.json")
    assert caught.value.problems[0].file == "/s/current/manifest.json"


@pytest.mark.parametrize("field", TABLE["drivers"]["vllm"])
def test_a_drivers_missing_field_is_refused(field: str) -> None:
    """The same holds for every field of a driver."""
    table = copy.deepcopy(TABLE)
    del table["drivers"]["vllm"][field]
    with pytest.raises(ValidationError):
        VALIDATOR.validate(table)
    if field in ("shim", "variant"):  # nothing has it that was written before drivers had one
        (driver,) = parse_manifest(json.dumps(table), file="x").drivers[:1]
        assert getattr(driver, field) is None
        return
    with pytest.raises(HostError, match=f"it has no '{field}'"):
        parse_manifest(json.dumps(table), file="x")


@pytest.mark.parametrize("field", TABLE["drivers"]["vllm"])
@pytest.mark.parametrize("value", [None, 1.5, True, [1], {"a": 1}])
def test_a_field_of_another_kind_is_refused(field: str, value: Any) -> None:
    """A manifest that somebody edited never gets into the program as something else."""
    if field in ("preferred", "variant") and value is None:
        return  # the first choice of Python was there; a driver without variants
    with pytest.raises(HostError, match="damaged"):
        parse_manifest(json.dumps(changed(f"drivers.vllm.{field}", value)), file="x")


def test_a_newer_format_says_what_to_use() -> None:
    """An older envbuild on a newer one's store says so and touches nothing."""
    with pytest.raises(HostError) as caught:
        parse_manifest(json.dumps(changed("version", 2)), file="x")
    assert "format 2 is not known" in caught.value.problems[0].message
    assert caught.value.problems[0].hint == "use the envbuild that wrote it, or a newer one"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "1", '"x"', render_manifest(MANIFEST)[:-20], "\0", "[" * 100]
)
def test_what_is_no_manifest_is_refused(text: str) -> None:
    """A damaged file is a message with its name and exit code 5, not a traceback."""
    with pytest.raises(HostError, match="x: the manifest is damaged"):
        parse_manifest(text, file="x")
