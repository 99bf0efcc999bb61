"""Which name each command gets, where several drivers want the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.store.shims import MovedShim, check_commands, moved_shims, name_shims
from envbuild.value import replace
from tests.support.values import make_declaration, make_driver, make_entry, make_manifest

if TYPE_CHECKING:
    from envbuild.store.manifest import Manifest

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
    "also where it has no such command": (
        {"asr": ("web",), "web": ("uvicorn",)},
        {"asr": ("asr",), "web": ("uvicorn",)},
    ),
    "whoever comes third": (
        {"a": ("x",), "b": ("x",), "c": ("x",)},
        {"a": ("x",), "b": ("b",), "c": ("c",)},
    ),
    "several clashes of one driver": (
        {"a": ("x", "y"), "b": ("x", "y")},
        {"a": ("x", "y"), "b": ("b", "b-y")},
    ),
    "a clash of a command that is not the binary": (
        {"a": ("y",), "b": ("x", "y")},
        {"a": ("y",), "b": ("x", "b-y")},
    ),
    "a driver whose name another's command has": (
        {"a": ("b", "x"), "b": ("x",)},
        {"a": ("a", "x"), "b": ("b",)},
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
    """Nobody's shim is overwritten, and who comes later is found under the driver's name; binaries come first."""
    commands, names = case
    found = name_shims(
        make_driver(name, binary=own[0], commands=own) for name, own in commands.items()
    )
    assert {driver: tuple(shim for _, shim in pairs) for driver, pairs in found.items()} == names
    for driver, pairs in found.items():
        assert tuple(command for command, _ in pairs) == commands[driver]


def fleet(*names: str) -> Manifest:
    """Drivers that all expose uvicorn, the first of which has its shim."""
    entries = (
        make_entry(name, commands=("uvicorn",), shims=(("uvicorn", name if i else "uvicorn"),))
        for i, name in enumerate(names)
    )
    return make_manifest(
        *(replace(one, binary=f"{one.environment}/bin/uvicorn") for one in entries)
    )


@pytest.mark.parametrize(
    ("before", "now", "moved"),
    [
        (("asr", "web"), ("web", "asr"), (MovedShim(shim="uvicorn", before="asr", now="web"),)),
        (("asr", "web"), ("web",), (MovedShim(shim="uvicorn", before="asr", now="web"),)),
        (("asr", "web"), ("asr", "tts"), ()),
        (("asr",), ("asr",), ()),
        (("asr",), (), ()),
        ((), ("asr",), ()),
    ],
)
def test_what_starts_another_driver_is_told(
    before: tuple[str, ...], now: tuple[str, ...], moved: tuple[MovedShim, ...]
) -> None:
    """A shim that changed hands; not what came, nor what went with its driver."""
    assert moved_shims(fleet(*before), fleet(*now)) == moved


def test_a_shim_that_its_driver_lost_is_told() -> None:
    """Whoever starts it finds nothing there."""
    manifest = fleet("asr")
    without = make_manifest(replace(manifest.drivers[0], commands=("serve",), shims=()))
    assert moved_shims(manifest, without) == (MovedShim(shim="uvicorn", before="asr", now=None),)
    assert moved_shims(None, manifest) == ()


def test_every_driver_can_be_told_apart_by_its_own_name() -> None:
    """A clash is a note where the shim's name is foreseeable, else an error."""
    named = (
        make_driver("a", binary="x", commands=("x", "b-x")),
        make_driver("b", binary="b", commands=("b", "x")),
        make_driver("c", binary="x"),
        make_driver("d", binary="c"),
    )
    found = check_commands(make_declaration(*named))
    assert [(str(one.code), one.message) for one in found] == [
        ("command-clash", "the command x is that of a, and b's is called b-x-2"),
        ("command-shared", "the command x is that of a, and c's is called c"),
        ("command-shared", "the command c is that of c, and d's is called d"),
    ]
