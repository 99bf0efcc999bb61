"""Which name each command gets, where several drivers want the same one."""

from __future__ import annotations

import pytest

from envbuild.store.shims import name_shims

CASES: dict[str, tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]] = {
    "a command goes by its name": ({"gateway": ("litellm",)}, {"gateway": ("litellm",)}),
    "the first driver has the name": (
        {"asr": ("uvicorn",), "embeddings": ("uvicorn",)},
        {"asr": ("uvicorn",), "embeddings": ("embeddings",)},
    ),
    "a driver's own name is its own": (
        {"asr": ("vllm",), "vllm": ("vllm",)},
        {"asr": ("asr",), "vllm": ("vllm",)},
    ),
    "whoever comes third": (
        {"a": ("x",), "b": ("x",), "c": ("x",)},
        {"a": ("x",), "b": ("b",), "c": ("c",)},
    ),
    "several clashes of one driver": (
        {"a": ("x", "y"), "b": ("x", "y")},
        {"a": ("x", "y"), "b": ("b", "b-y")},
    ),
    "a driver whose name another's command has": (
        {"a": ("b", "x"), "b": ("x",)},
        {"a": ("b", "x"), "b": ("b-x",)},
    ),
    "its own name is kept for its own command": (
        {"a": ("x",), "b": ("x", "b")},
        {"a": ("x",), "b": ("b-x", "b")},
    ),
    "a command that is called like a way out": (
        {"a": ("x", "b-x"), "b": ("x", "b")},
        {"a": ("x", "b-x"), "b": ("b-x-2", "b")},
    ),
    "no driver": ({}, {}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_shims_are_named(
    case: tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]],
) -> None:
    """Nobody's shim is overwritten, and who comes later is found under the driver's name."""
    commands, names = case
    found = name_shims(commands)
    assert {driver: tuple(shim for _, shim in pairs) for driver, pairs in found.items()} == names
    for driver, pairs in found.items():
        assert tuple(command for command, _ in pairs) == commands[driver]
