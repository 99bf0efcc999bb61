"""The repository's own fleet: its real conflicts, told offline from the committed lockfiles."""

from __future__ import annotations

import re

import pytest

from envbuild.commands.conflicts import conflicts
from envbuild.conflicts.conflict import render_cause
from envbuild.declaration.file import read_declaration
from envbuild.lockfile.folder import LockFolder
from envbuild.lockfile.host_check import choose_variant, parse_host
from tests.support.command_line import ROOT


@pytest.fixture(scope="module")
def told() -> dict[str, list[list[str]]]:
    """For each pair the chains of every clash; none where it is compatible."""
    declaration = read_declaration(ROOT / "drivers.toml")
    result = conflicts(declaration, LockFolder(path=ROOT / "locks", shown="locks"), ())
    return {
        f"{pair.first} × {pair.second}": [
            [render_cause(cause, "drivers.toml") for cause in clash.causes]
            for conflict in pair.conflicts
            for clash in conflict.clashes
        ]
        for pair in result.pairs
    }


def _without_lines(chains: list[str]) -> list[str]:
    """Chains without the numbers of lines, which move with every edit of the declaration."""
    return [re.sub(r":\d+", "", chain) for chain in chains]


@pytest.mark.parametrize(
    ("pair", "clash"),
    [
        (
            "vllm × sglang",
            [
                "vllm (drivers.toml) → xgrammar ==0.1.25",
                "sglang (drivers.toml) → xgrammar ==0.1.32",
            ],
        ),
        (
            "vllm × image-gen",
            [
                "vllm (drivers.toml) → huggingface-hub <1.0",
                "image-gen (drivers.toml) → huggingface-hub >=1",
            ],
        ),
        (
            "vllm × image-gen",
            [
                "vllm (drivers.toml) → transformers <5.0,>=4.55.2",
                "image-gen (drivers.toml) → transformers >=5",
            ],
        ),
    ],
)
def test_the_real_conflicts_are_told_with_both_chains(
    told: dict[str, list[list[str]]], pair: str, clash: list[str]
) -> None:
    """What truly conflicts among real drivers is found, and each chain begins at the driver's own line."""
    assert clash in [_without_lines(chains) for chains in told[pair]]


@pytest.mark.parametrize(
    ("host", "variant", "cublas"),
    [("cuda=12.8", "cuda12", True), ("cuda=13.0", "cuda12", True), ("cuda=11.8", "cpu", False)],
)
def test_the_speech_server_has_a_variant_for_each_host(
    host: str, variant: str, *, cublas: bool
) -> None:
    """One lockfile: NVIDIA's library for hosts whose driver runs it, and nothing of it for the others."""
    declaration = read_declaration(ROOT / "drivers.toml")
    driver, stored = (
        declaration.driver("asr"),
        LockFolder(path=ROOT / "locks", shown="locks").read("asr"),
    )
    assert driver is not None
    assert stored is not None
    lockfile = stored.lockfile
    assert choose_variant(driver, lockfile, parse_host(host)).variant == variant
    for target in lockfile.targets:
        if target.variant == variant and target.platform.sys_platform == "linux":
            names = {package.name for package in lockfile.packages_for(target)}
            assert ("nvidia-cublas-cu12" in names) is cublas
            assert {"faster-whisper", "onnxruntime"} <= names


def test_light_drivers_could_share(told: dict[str, list[list[str]]]) -> None:
    """The speech and the embedding server need no interpreter each for their packages' sake."""
    assert told["asr × embeddings"] == []
