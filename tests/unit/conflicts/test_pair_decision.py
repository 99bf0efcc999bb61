"""Variants of one name are compared with one another, and with nothing that is locked for other variants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.commands.conflicts import ConflictsResult
from envbuild.conflicts.conflict import Compatible
from envbuild.conflicts.matrix import find_splits
from envbuild.conflicts.pair_decision import Fleet
from envbuild.declaration.driver import DeclaredRequirement, Variant
from envbuild.lockfile.freshness import inputs_of
from envbuild.report.conflicts import conflicts_table, render_conflicts
from envbuild.target.target import parse_target
from envbuild.value import replace
from tests.support.values import make_declaration, make_driver, make_lockfile, make_package

if TYPE_CHECKING:
    from envbuild.conflicts.conflict import Pair
    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.lockfile import Lockfile

CUDA, ROCM, CPU = (
    parse_target(f"3.12-x86_64-manylinux_2_28@{variant}") for variant in ("cuda", "rocm", "cpu")
)
PLAIN = parse_target("3.12-x86_64-manylinux_2_28")


def driver(name: str, *variants: str, **requires: str) -> Driver:
    """A driver that requires torch, with variants; each may have a requirement on torch of its own."""
    return make_driver(
        name,
        "torch",
        variants=tuple(
            Variant(name=variant, line=3, requires=_requires(requires.get(variant)))
            for variant in variants
        ),
    )


def _requires(text: str | None) -> tuple[DeclaredRequirement, ...]:
    return () if text is None else (DeclaredRequirement(text=text, name="torch", line=4),)


def locked(of: Driver, **torch: str) -> Lockfile:
    """Its lockfile, with torch's version for each variant."""
    targets = {name: parse_target(f"3.12-x86_64-manylinux_2_28@{name}") for name in torch}
    packages = (make_package("torch", torch[name], targets=(targets[name],)) for name in torch)
    return make_lockfile(of, *packages, targets=tuple(targets.values()))


def decide(*lockfiles: tuple[Driver, Lockfile]) -> tuple[Pair, str, dict[str, Any]]:
    """The answer about the first two, as text and as JSON too."""
    declaration = make_declaration(*(one for one, _ in lockfiles))
    fleet = Fleet((lockfile for _, lockfile in lockfiles), declaration)
    (first, _), (second, _) = lockfiles[:2]
    pair = fleet.decide(first.name, second.name, explain=True)
    result = ConflictsResult(
        file="drivers.toml",
        drivers=(first.name, second.name),
        pairs=(pair,),
        explained=True,
        splits=find_splits(fleet, (pair,)),
        groups=None,
        solved=None,
        stale=(),
    )
    return pair, str(render_conflicts(result)), conflicts_table(result)


def both(name: str, *variants: str, **torch: str) -> tuple[Driver, Lockfile]:
    """A driver whose variants take any torch, and its lockfile."""
    made = driver(name, *variants)
    return made, locked(made, **torch)


def test_each_variant_has_an_answer_of_its_own_with_its_name() -> None:
    """One conflict in one variant is no conflict in the other; text and JSON say which one it is."""
    asr = driver("asr", "cuda", "cpu", cuda="torch==2.9")
    tts = driver("tts", "cuda", "cpu", cuda="torch==2.8")
    pair, text, table = decide(
        (asr, locked(asr, cuda="2.9", cpu="2.9")), (tts, locked(tts, cuda="2.8", cpu="2.8"))
    )
    assert [outcome.variant for outcome in pair.outcomes] == ["cuda", "cpu"]
    assert not pair.compatible
    assert len(pair.conflicts) == 1
    assert (
        "asr × tts: conflict on x86_64-manylinux_2_28, variant cuda, Python 3.12\n  torch\n" in text
    )
    assert "asr × tts: compatible on x86_64-manylinux_2_28, variant cpu, Python 3.12" in text
    outcomes = table["pairs"][0]["outcomes"]
    assert [(one["variant"], one["compatible"]) for one in outcomes] == [
        ("cuda", False),
        ("cpu", True),
    ]


def test_compatible_variants_with_other_pins_are_told_apart() -> None:
    """The pins of one variant are not those of another."""
    asr = both("asr", "cuda", "cpu", cuda="2.9+cu130", cpu="2.9+cpu")
    tts = both("tts", "cuda", "cpu", cuda="2.8+cu130", cpu="2.9+cpu")
    _, text, _ = decide(asr, tts)
    assert text.splitlines() == [
        "asr × tts: compatible for variant cuda with torch 2.9+cu130 (tts has 2.8+cu130)",
        "asr × tts: compatible for variant cpu, as locked",
    ]


def test_what_is_locked_for_another_variant_is_no_choice() -> None:
    """torch 2.7 would satisfy both on a CPU, but it is locked for CUDA alone: it may be another index's."""
    asr = driver("asr", "cuda", "cpu", cpu="torch>=2.7,<2.9")
    tts = driver("tts", "cuda", "cpu", cpu="torch<2.8")
    pair, _, _ = decide(
        (asr, locked(asr, cuda="2.7", cpu="2.8")), (tts, locked(tts, cuda="2.7", cpu="2.6"))
    )
    fits = {one.variant: isinstance(one.answer, Compatible) for one in pair.outcomes}
    assert fits == {"cuda": True, "cpu": False}


def test_a_driver_without_variants_is_compared_with_each() -> None:
    """It runs on the hosts of all of them."""
    asr = both("asr", "cuda", "cpu", cuda="2.9", cpu="2.9")
    web = make_driver("web", "torch==2.8")
    plain = make_lockfile(web, make_package("torch", "2.8", targets=(PLAIN,)))
    pair, text, _ = decide(asr, (web, plain))
    assert [outcome.variant for outcome in pair.outcomes] == ["cuda", "cpu"]
    assert pair.compatible
    assert "compatible with torch 2.8 (asr has 2.9)" in text


def test_drivers_that_share_no_variant_conflict_for_that_reason() -> None:
    """Not for their Pythons, which are the same."""
    asr = both("asr", "cuda", cuda="2.9")
    tts = both("tts", "rocm", "cpu", rocm="2.9", cpu="2.9")
    pair, text, table = decide(asr, tts)
    assert not pair.compatible
    assert text.splitlines() == [
        "asr × tts: conflict",
        "  variant",
        "    asr (drivers.toml:1) → variant cuda",
        "    tts (drivers.toml:1) → variant rocm, cpu",
    ]
    (outcome,) = table["pairs"][0]["outcomes"]
    assert outcome["platform"] is None
    assert outcome["packages"] == ["variant"]
    assert table["splits"] == []


def test_a_changed_requirement_of_any_variant_is_foreseen() -> None:
    """What the lockfile cannot satisfy in the last variant is found too."""
    before = driver("asr", "cuda", "cpu")
    after = driver("asr", "cuda", "cpu", cpu="torch<2")
    declaration = make_declaration(after)
    changed = replace(locked(before, cuda="2.9", cpu="2.9"), inputs=inputs_of(after, declaration))
    (clash,) = Fleet([changed], declaration).prove_alone("asr")
    assert clash.package == "torch"
    assert Fleet([locked(before, cuda="2.9", cpu="2.9")], declaration).prove_alone("asr") == ()
