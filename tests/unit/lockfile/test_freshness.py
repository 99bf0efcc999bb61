"""Whether a lockfile answers its declaration: every difference counts, and says itself."""

from __future__ import annotations

from typing import Any

import pytest

from envbuild.declaration.index import Index
from envbuild.declaration.source import LockedSource
from envbuild.lockfile.freshness import in_effect, input_reasons, inputs_of, stale_reasons
from envbuild.lockfile.lockfile import Inputs, LockedBuild, LockedVariant
from envbuild.value import field_names, replace
from tests.support.values import (
    LINUX,
    make_declaration,
    make_driver,
    make_file,
    make_lockfile,
    make_package,
)

INPUTS = Inputs(
    requires=("vllm==0.11.*", "transformers<5"),
    constraints=("urllib3>=2",),
    overrides=(),
    python=("3.12", "3.11"),
    platforms=("x86_64-manylinux_2_28",),
    exclude_newer="2026-11-01",
    exclude_newer_packages=(("acme", None),),
    allow_sdist=(),
    version_of="vllm",
    indexes=(("internal", ("acme-*",)),),
)

CHANGES: dict[str, tuple[Any, str]] = {
    "requires": (
        ("vllm==0.12.*", "transformers<5"),
        "requires: vllm==0.12.* is new|requires: vllm==0.11.* is gone",
    ),
    "constraints": ((), "constraints: urllib3>=2 is gone"),
    "overrides": (("torch==2.8",), "overrides: torch==2.8 is new"),
    "python": (("3.11", "3.12"), "python: the order changed"),
    "platforms": (
        ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28"),
        "platforms: aarch64-manylinux_2_28 is new",
    ),
    "exclude_newer": (None, "exclude-newer: 2026-11-01 became nothing"),
    "exclude_newer_packages": (
        (("acme", "7 days"),),
        "exclude-newer-packages: acme = 7 days is new|exclude-newer-packages: acme = false is gone",
    ),
    "allow_sdist": (("docopt",), "allow-sdist: docopt is new"),
    "version_of": ("torch", "version-of: vllm became torch"),
    "variants": (
        (LockedVariant(name="cpu", requires=("vllm",), indexes=()),),
        "variants: cpu is new",
    ),
    "sources": (
        (LockedSource(package="torch", origin="url:1", variant="cpu"),),
        "sources: torch/@cpu is new",
    ),
    "indexes": ((), "the packages that indexes are bound to changed"),
}


def test_the_same_inputs_are_fresh() -> None:
    """A lockfile is resolved anew only where something was changed."""
    assert input_reasons(INPUTS, replace(INPUTS)) == ()


def any_change(field: str) -> tuple[Any, str]:
    """Another value of a key that is a text or a list of texts, and the reason for it."""
    key, before = field.replace("_", "-"), getattr(INPUTS, field)
    if isinstance(before, tuple):
        return ((*before, "other"), f"{key}: other is new")
    return ("other", f"{key}: {before or 'nothing'} became other")


@pytest.mark.parametrize("field", field_names(Inputs))
def test_every_input_counts_and_says_itself(field: str) -> None:
    """Whatever decides a lockfile makes it stale, with a reason in the declaration's own words."""
    changed, reasons = CHANGES.get(field) or any_change(field)
    found = input_reasons(INPUTS, replace(INPUTS, **{field: changed}))
    assert found == tuple(reasons.split("|"))


def test_all_reasons_are_given_at_once() -> None:
    """Who changed three things reads of all three."""
    wanted = replace(INPUTS, version_of="torch", overrides=("a",), constraints=())
    found = input_reasons(INPUTS, wanted)
    assert len(found) == 3


def test_another_address_of_a_source_is_a_change() -> None:
    """The lockfile has only its digest, so the reason names the package alone."""
    before, after = (
        replace(INPUTS, sources=(LockedSource(package="torch", origin=f"url:{digit}"),))
        for digit in "12"
    )
    reasons = ("sources: torch is declared differently",)
    assert input_reasons(before, after) == reasons


def test_a_line_that_stands_twice_is_a_change() -> None:
    """No difference goes without a reason, not even one that changes nothing."""
    wanted = replace(INPUTS, constraints=("urllib3>=2", "urllib3>=2"))
    assert input_reasons(INPUTS, wanted)


def test_a_driver_is_judged_by_its_own_declaration() -> None:
    """What another driver asks for, and what only the host needs to know, leaves a lockfile fresh."""
    driver = make_driver("asr", "faster-whisper", "fastapi")
    lockfile = make_lockfile(driver)
    other = make_driver("vllm", "vllm==0.12.0")
    changed = replace(
        driver, env=(("A", "1"),), binary="uvicorn", commands=("uvicorn",), enabled=False, line=99
    )
    assert stale_reasons(lockfile, changed, make_declaration(other, changed)) == ()


def test_where_an_index_lives_is_no_input() -> None:
    """An index that moves, or a default index of one's own, makes no lockfile stale."""
    driver = make_driver("asr")
    bound = Index(
        name="internal", url="https://a.example.com", path=None, packages=("acme-*",), line=1
    )
    default = Index(name="default", url="https://b.example.com", path=None, packages=(), line=5)
    before = inputs_of(driver, make_declaration(driver, indexes=(bound,)))
    moved = replace(bound, url=None, path="/srv/wheels", line=7)
    after = inputs_of(driver, make_declaration(driver, indexes=(moved, default)))
    assert input_reasons(before, after) == ()


def test_inputs_keep_the_declarations_order() -> None:
    """The order of Pythons is a preference, so it is kept as declared."""
    driver = make_driver("asr", "b", "a>=1", python=("3.12", "3.11"))
    found = inputs_of(driver, make_declaration(driver))
    assert (found.requires, found.python) == (("b", "a>=1"), ("3.12", "3.11"))


@pytest.mark.parametrize(
    ("package", "why"),
    [("vllm", True), ("numpy", True), ("ninja", True), ("urllib3", True), ("unheard-of", False)],
)
def test_a_source_concerns_who_has_its_package(package: str, *, why: bool) -> None:
    """A source in `[sources]` makes those lockfiles stale that have, build with, or name its package."""
    ninja = make_file("ninja", targets=(LINUX,))
    build = LockedBuild(
        package="vllm", version="1.0", targets=(LINUX,), requires=("ninja",), files=(ninja,)
    )
    driver = make_driver("vllm", "vllm", constraints=("urllib3>=2",))
    packages = (make_package("vllm"), make_package("numpy"))
    lockfile = replace(make_lockfile(driver, *packages), builds=(build,))
    source = LockedSource(package=package, origin=f"git:{'1' * 64}")
    wanted = replace(lockfile.inputs, sources=(source,))
    judged = input_reasons(lockfile.inputs, in_effect(lockfile, wanted))
    assert judged == ((f"sources: {package} is new",) if why else ())
    later = replace(lockfile, inputs=wanted)
    gone = input_reasons(wanted, in_effect(later, replace(wanted, sources=())))
    assert bool(gone) is why
