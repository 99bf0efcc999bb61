"""Which torch backend a driver and its variants have, and which index that is."""

from __future__ import annotations

import pytest

from envbuild.declaration.index import bound_index, index_variable
from envbuild.declaration.toml.document import parse_declaration
from envbuild.declaration.torch_backend import backend_index_name, backend_of, served_indexes
from envbuild.lockfile.freshness import inputs_of


def backends(text: str, name: str = "asr") -> dict[str | None, str | None]:
    """Variant (None without variants) → backend, of a driver in a declaration."""
    declaration = parse_declaration(f"version = 1\n{text}", file="drivers.toml")
    driver = declaration.driver(name)
    assert driver is not None
    return {
        None if variant is None else variant.name: backend_of(driver, variant)
        for variant in driver.variants or (None,)
    }


@pytest.mark.parametrize(
    ("accelerator", "backend"),
    [
        ('{ cuda = ">=12.8" }', "cu128"),
        ('{ cuda = ">=13" }', "cu130"),
        ('{ cuda = ">=11.8,<13", compute = ">=8.0" }', "cu118"),
        ('{ cuda = "==12.6.*" }', "cu126"),
        ('{ cuda = "~=12.4" }', "cu124"),
        ('{ rocm = ">=6.4" }', "rocm6.4"),
        ('{ rocm = ">=7" }', "rocm7.0"),
        ('{ xpu = ">=1.3" }', "xpu"),
        ('{ cpu = { features = ["avx512f"] } }', "cpu"),
    ],
)
def test_auto_is_the_backend_of_the_accelerator(accelerator: str, backend: str) -> None:
    """What every host that the accelerator admits can run: the lowest version decides, not this host."""
    text = (
        f'[drivers.asr]\nrequires = ["torch"]\ntorch-backend = "auto"\naccelerator = {accelerator}'
    )
    assert backends(text) == {None: backend}


def test_auto_in_the_defaults_serves_each_driver_and_variant_by_its_own_accelerator() -> None:
    """Without an accelerator it is the CPU; a variant's own backend goes before, and `extends` inherits."""
    text = """
[defaults]
torch-backend = "auto"
[drivers.plain]
requires = ["torch"]
[drivers.asr]
requires = ["torch"]
[drivers.asr.variants.cuda]
accelerator = { cuda = ">=12.8" }
[drivers.asr.variants.rocm]
accelerator = { rocm = ">=7.0" }
torch-backend = "rocm6.4"
[drivers.asr.variants.cpu]
[drivers.tts]
extends = "asr"
[drivers.tts.variants.cuda]
torch-backend = "cu126"
"""
    assert backends(text, "plain") == {None: "cpu"}
    assert backends(text) == {"cuda": "cu128", "rocm": "rocm6.4", "cpu": "cpu"}
    assert backends(text, "tts") == {"cuda": "cu126", "rocm": "rocm6.4", "cpu": "cpu"}
    assert backends(text.replace('"auto"', '"cu130"')) == {
        "cuda": "cu130",
        "rocm": "rocm6.4",
        "cpu": "cu130",
    }


def test_a_backend_is_an_explicit_index_under_a_reserved_name() -> None:
    """torch and its packages come from there and from nowhere else, for this driver alone."""
    text = """version = 1
[[index]]
name = "own"
url = "https://packages.example.com/simple"
packages = ["acme-*"]
[drivers.asr]
requires = ["torch"]
torch-backend = "rocm6.4"
[drivers.web]
requires = ["fastapi"]
"""
    declaration = parse_declaration(text, file="drivers.toml")
    asr, web = declaration.drivers
    assert served_indexes(asr) == ("torch-rocm6-4",)
    assert served_indexes(web) == ()
    bindings = inputs_of(asr, declaration).indexes
    assert [name for name, _ in bindings] == ["own", "torch-rocm6-4"]
    for package in ("torch", "torchvision", "triton", "xformers"):
        assert bound_index(bindings, package) == "torch-rocm6-4"
    assert bound_index(bindings, "nvidia-cublas-cu12") == "default"
    assert [name for name, _ in inputs_of(web, declaration).indexes] == ["own"]
    assert index_variable(backend_index_name("rocm6.4")) == "ENVBUILD_INDEX_TORCH_ROCM6_4_URL"
