"""The key: what it covers, what it leaves out, and that it never drifts."""

from __future__ import annotations

from typing import Any

import pytest

from envbuild.environment.activation import render_activation
from envbuild.environment.derivation import (
    LAYOUT,
    Derivation,
    InheritedDistribution,
    compute_key,
    environment_name,
)
from envbuild.lockfile.lockfile import ChosenFile
from envbuild.value import field_names, replace
from tests.support.values import PYTHON, digest, make_derivation


def chosen(name: str, content: str) -> ChosenFile:
    """A wheel of this content."""
    return ChosenFile(
        package=name.partition("-")[0],
        version=name.split("-")[1],
        index="default",
        file=name,
        sha256=digest(content),
        size=1,
    )


DERIVATION = Derivation(
    driver="vllm",
    version="0.11.0",
    target="3.12-x86_64-manylinux_2_28",
    python=PYTHON.path,
    python_version=PYTHON.version,
    cache_tag=PYTHON.cache_tag,
    env=(("VLLM_LOGGING_LEVEL", "WARNING"),),
    bytecode=True,
    files=(
        chosen("torch-2.8.0-cp312-cp312-manylinux_2_28_x86_64.whl", "torch"),
        chosen("vllm-0.11.0-cp38-abi3-manylinux1_x86_64.whl", "vllm"),
    ),
)

DIFFERENT: dict[str, Any] = {
    "driver": "vllm2",
    "files": DERIVATION.files[:1],
    "python": "/usr/local/bin/python3.12",
    "python_version": "3.12.2",
    "cache_tag": "cpython-312d",
    "env": (),
    "bytecode": False,
    "command": ("vllm", "serve"),
    "library_path": ("nvidia/cudnn/lib",),
    "prepare": (("prisma", "generate"),),
    "inherited": (
        InheritedDistribution("torch", "2.5.0", "/h/torch-2.5.0.dist-info", digest("r")),
    ),
}
"""What decides an environment's files: each with another value."""

NAMES: dict[str, Any] = {
    "version": "0.11.1",
    "target": "3.12-aarch64-manylinux_2_28",
    "prepare_network": True,
}
"""What only the environment's name carries, and what the files say already."""

GOLDEN = {
    2: "1a6611e626a6346e0c83548c783a26004e65da0d0f2b1e85f43b9bab4348e86b",
    3: "acf6d30ec0fc9882a47efbd78383f924d73ff781d8b5360836a086239ad2439f",
    4: "eeef37940c115082570ab14edbae3ae52fc2f73862296061bbb133dd59c4ccbe",
    5: "98eb1ddff50116d85d13e2c1d912cb7f4b9e22160fbcaedbda311d3483c7dc39",
    6: "ca6f9884bee81562aee1184eca43325222ecd5bd6b7010a6003168b901d0db88",
    7: "6499c60472a3133d373e1856f308402cd22adfdb2cb38a5fd189d616f35e5d68",
}
"""The key of `DERIVATION` by the layout's version: every environment on every host hangs on it."""


def test_the_key_is_what_it_was() -> None:
    """A new envbuild finds the environments that an older one built.

    Where this fails, either mend the code or raise LAYOUT and add a line to GOLDEN.
    """
    assert compute_key(DERIVATION) == GOLDEN[LAYOUT]


ACTIVATION = {
    2: "c7014479c875f583b0c44e2333a05a0cd102fe78b527806e81a6c2eab4dde2ab",
    3: "c7014479c875f583b0c44e2333a05a0cd102fe78b527806e81a6c2eab4dde2ab",
    4: "b19ac0292ba071d26460598660c4351de015cdc805228fb6e233c64fe83af27b",
    5: "c648857f026504d0bd6d1664722e2d0d5c7754d4354aad5babade5426d65370e",
    6: "a9a59b2c5abf195ac8b56c7b6f256fe9431b2b86857e2a6701e884096b5835d0",
    7: "a9a59b2c5abf195ac8b56c7b6f256fe9431b2b86857e2a6701e884096b5835d0",
}
"""sha256 of the activation by the layout's version: its text is content that the key stands for."""


def test_the_activation_is_what_the_layout_says() -> None:
    """Another activation is another content of every environment, so it comes with another LAYOUT."""
    made = replace(make_derivation(), env=(("A", "1"),))
    assert digest(render_activation(made, "/s/envs/x")) == ACTIVATION[LAYOUT]


@pytest.mark.parametrize("field", field_names(Derivation))
def test_every_field_is_decided_on(field: str) -> None:
    """Two environments that differ in anything that decides their content never share a path."""
    other = {**DIFFERENT, **NAMES}[field]
    key = compute_key(replace(DERIVATION, **{field: other}))
    assert (key != compute_key(DERIVATION)) == (field in DIFFERENT)


def test_the_network_counts_where_something_could_use_it() -> None:
    """What a step writes may depend on it."""
    one = replace(DERIVATION, prepare=(("prisma", "generate"),))
    assert compute_key(one) != compute_key(replace(one, prepare_network=True))
    assert compute_key(DERIVATION) == compute_key(replace(DERIVATION, prepare_network=True))


def test_one_files_hash_is_enough() -> None:
    """The same file names with one other content are another environment."""
    first, *rest = DERIVATION.files
    other = replace(DERIVATION, files=(replace(first, sha256=digest("changed")), *rest))
    assert compute_key(other) != compute_key(DERIVATION)


def test_names_and_values_cannot_run_into_one_another() -> None:
    """No two different inputs look alike when they are put together."""
    one = replace(DERIVATION, env=(("A", "1,B"), ("C", "2")))
    two = replace(DERIVATION, env=(("A", "1"), ("B,C", "2")))
    assert compute_key(one) != compute_key(two)


def test_the_path_carries_version_and_short_key() -> None:
    """Who reads a path in a unit or a trace knows the driver, its version and the exact content."""
    key = "3f9a2c1b7d4e" + "0" * 52
    assert environment_name("vllm", "0.11.0", key) == "vllm-0.11.0-3f9a2c1b7d4e"


def test_an_epoch_makes_no_odd_path() -> None:
    """An epoch's `!` would have to be escaped in shells and units."""
    assert environment_name("x", "1!2.0+cu128", "a" * 64) == "x-1-2.0+cu128-aaaaaaaaaaaa"
