"""Which wheel a target takes, on the names that real packages have."""

from __future__ import annotations

from itertools import pairwise

import pytest
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

from envbuild.target.target import parse_target
from envbuild.target.wheel_choice import best_wheel, parse_wheel_name

OFFERED = {
    "numpy": [
        "numpy-2.3.4-cp311-cp311-macosx_10_9_x86_64.whl",
        "numpy-2.3.4-cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl",
        "numpy-2.3.4-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "numpy-2.3.4-cp312-cp312-macosx_10_13_x86_64.whl",
        "numpy-2.3.4-cp312-cp312-macosx_11_0_arm64.whl",
        "numpy-2.3.4-cp312-cp312-macosx_14_0_arm64.whl",
        "numpy-2.3.4-cp312-cp312-macosx_14_0_x86_64.whl",
        "numpy-2.3.4-cp312-cp312-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl",
        "numpy-2.3.4-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "numpy-2.3.4-cp312-cp312-musllinux_1_2_x86_64.whl",
        "numpy-2.3.4-cp312-cp312-win_amd64.whl",
        "numpy-2.3.4-cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        "numpy-2.3.4-cp313-cp313t-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    ],
    "torch": [
        "torch-2.8.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "torch-2.8.0-cp312-cp312-manylinux_2_28_aarch64.whl",
        "torch-2.8.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "torch-2.8.0-cp312-none-macosx_11_0_arm64.whl",
        "torch-2.8.0-cp313-cp313-manylinux_2_28_x86_64.whl",
        "torch-2.8.0-cp313-cp313t-manylinux_2_28_x86_64.whl",
    ],
    "vllm": ["vllm-0.11.0-cp38-abi3-manylinux1_x86_64.whl"],
    "cryptography": [
        "cryptography-46.0.3-cp311-abi3-macosx_10_9_universal2.whl",
        "cryptography-46.0.3-cp311-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64.whl",
        "cryptography-46.0.3-cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "cryptography-46.0.3-cp311-abi3-manylinux_2_28_x86_64.whl",
        "cryptography-46.0.3-cp311-abi3-manylinux_2_34_x86_64.whl",
        "cryptography-46.0.3-cp311-abi3-musllinux_1_2_x86_64.whl",
        "cryptography-46.0.3-cp38-abi3-manylinux_2_28_x86_64.whl",
    ],
    "safetensors": [
        "safetensors-0.6.2-cp38-abi3-macosx_10_12_x86_64.whl",
        "safetensors-0.6.2-cp38-abi3-macosx_11_0_arm64.whl",
        "safetensors-0.6.2-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "safetensors-0.6.2-cp38-abi3-win_amd64.whl",
    ],
    "ruff": [
        "ruff-0.14.5-py3-none-linux_armv6l.whl",
        "ruff-0.14.5-py3-none-macosx_10_12_x86_64.whl",
        "ruff-0.14.5-py3-none-macosx_11_0_arm64.whl",
        "ruff-0.14.5-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
        "ruff-0.14.5-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "ruff-0.14.5-py3-none-musllinux_1_2_x86_64.whl",
    ],
    "pure": ["pure-1.0-py2.py3-none-any.whl"],
    "markupsafe": [
        "markupsafe-3.0.3-py3-none-any.whl",
        "markupsafe-3.0.3-cp312-cp312-macosx_10_13_universal2.whl",
        "markupsafe-3.0.3-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    ],
    "built": [
        "built-1.0-1-py3-none-any.whl",
        "built-1.0-10-py3-none-any.whl",
        "built-1.0-2local-py3-none-any.whl",
        "built-1.0-py3-none-any.whl",
    ],
    "anyabi": ["anyabi-1.0-cp312-none-any.whl", "anyabi-1.0-py3-none-any.whl"],
    "oldpy": ["oldpy-1.0-py3-none-any.whl", "oldpy-1.0-py310-none-any.whl"],
    "local": ["local-1.0-cp312-cp312-linux_x86_64.whl", "local-1.0-py3-none-any.whl"],
}
"""What an index lists of a package, as far as it tells targets apart."""

CHOSEN = {
    ("numpy", "3.12-x86_64-manylinux_2_28"): "cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
    ("numpy", "3.12-x86_64-manylinux_2_17"): None,
    ("numpy", "3.12-aarch64-manylinux_2_28"): "cp312-manylinux_2_27_aarch64.manylinux_2_28_aarch64",
    ("numpy", "3.12-arm64-macosx_14_0"): "cp312-macosx_14_0_arm64",
    ("numpy", "3.12-arm64-macosx_13_0"): "cp312-macosx_11_0_arm64",
    ("numpy", "3.12-x86_64-musllinux_1_2"): "cp312-musllinux_1_2_x86_64",
    ("numpy", "3.12-x86_64-musllinux_1_1"): None,
    ("numpy", "3.13-x86_64-manylinux_2_28"): "cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64",
    ("numpy", "3.14-x86_64-manylinux_2_28"): None,
    ("torch", "3.12.4-x86_64-manylinux_2_28"): "cp312-manylinux_2_28_x86_64",
    ("torch", "3.12-arm64-macosx_14_0"): "none-macosx_11_0_arm64",
    ("vllm", "3.12-x86_64-manylinux_2_28"): "abi3-manylinux1_x86_64",
    ("vllm", "3.12-aarch64-manylinux_2_28"): None,
    ("cryptography", "3.12-x86_64-manylinux_2_28"): "cp311-abi3-manylinux_2_28_x86_64",
    ("cryptography", "3.10-x86_64-manylinux_2_28"): "cp38-abi3-manylinux_2_28_x86_64",
    ("cryptography", "3.12-x86_64-manylinux_2_36"): "cp311-abi3-manylinux_2_34_x86_64",
    ("cryptography", "3.12-arm64-macosx_14_0"): "abi3-macosx_10_9_universal2",
    ("cryptography", "3.12-x86_64-macosx_10_15"): "abi3-macosx_10_9_universal2",
    ("safetensors", "3.13-x86_64-manylinux_2_28"): "manylinux_2_17_x86_64.manylinux2014_x86_64",
    ("ruff", "3.12-aarch64-manylinux_2_28"): "manylinux_2_17_aarch64.manylinux2014_aarch64",
    ("ruff", "3.12-x86_64-musllinux_1_2"): "musllinux_1_2_x86_64",
    ("pure", "3.13-aarch64-musllinux_1_1"): "py2.py3-none-any",
    ("markupsafe", "3.12-arm64-macosx_14_0"): "cp312-macosx_10_13_universal2",
    ("markupsafe", "3.13-x86_64-manylinux_2_28"): "py3-none-any",
    ("built", "3.12-x86_64-manylinux_2_28"): "1.0-10-py3-none-any",
    ("anyabi", "3.12-x86_64-manylinux_2_28"): "cp312-none-any",
    ("oldpy", "3.12-x86_64-manylinux_2_28"): "py3-none-any",
    ("local", "3.12-x86_64-manylinux_2_28"): "linux_x86_64",
}
"""What an installer takes there; None where nothing fits."""


@pytest.mark.parametrize(("package", "target"), CHOSEN)
def test_the_wheel_that_fits_best_is_chosen(package: str, target: str) -> None:
    """The newest interface that the target has wins, as with every installer."""
    expected = CHOSEN[package, target]
    found = best_wheel(OFFERED[package], parse_target(target))
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.endswith(f"{expected}.whl")


@pytest.mark.parametrize("target", sorted({target for _, target in CHOSEN}))
@pytest.mark.parametrize("package", OFFERED)
def test_the_order_of_the_names_does_not_matter(package: str, target: str) -> None:
    """An index may list its files in any order, and the lockfile stays the same."""
    names, wanted = OFFERED[package], parse_target(target)
    assert best_wheel(names, wanted) == best_wheel(reversed(names), wanted)


@pytest.mark.parametrize(
    "name",
    ["pure-1.0.tar.gz", "pure-1.0.whl", "pure-1.0-py3-none.whl", "pure-x!-py3-none-any.whl", ""],
)
def test_what_is_no_wheels_name_fits_nothing(name: str) -> None:
    """A file that was named badly years ago does not keep a package from being locked."""
    target = parse_target("3.12-x86_64-manylinux_2_28")
    assert best_wheel([name], target) is None
    assert best_wheel([name, "pure-1.0-py3-none-any.whl"], target) == "pure-1.0-py3-none-any.whl"


def test_nothing_offered_is_nothing_chosen() -> None:
    """A release without files has no wheel."""
    assert best_wheel([], parse_target("3.12-x86_64-manylinux_2_28")) is None


@pytest.mark.parametrize("target", ["3.12-arm64-macosx_14_0", "3.9-x86_64-macosx_13_0"])
def test_macos_is_ordered_as_packaging_orders_it(target: str) -> None:
    """For every pair of tags that fit, the choice is packaging's own."""
    wanted = parse_target(target)
    minor = int(wanted.python.split(".")[1])
    on = list(mac_platforms((wanted.platform.major, wanted.platform.minor), wanted.platform.arch))
    ordered = [
        *cpython_tags((3, minor), abis=[f"cp3{minor}"], platforms=on),
        *compatible_tags((3, minor), interpreter=f"cp3{minor}", platforms=on),
    ]
    names = [f"x-1.0-{tag}.whl" for tag in dict.fromkeys(ordered)][::97]
    for better, worse in pairwise(names):
        assert parse_wheel_filename(better)
        assert best_wheel([worse, better], wanted) == better


def test_repeated_underscores_in_a_name_are_read_past() -> None:
    """What old build tools called a wheel fits as if it were called as the specification says."""
    name = "my__pkg-1.0-py3-none-any.whl"
    assert best_wheel([name], parse_target("3.12-x86_64-manylinux_2_28")) == name
    assert parse_wheel_name(name)[0] == "my-pkg"
