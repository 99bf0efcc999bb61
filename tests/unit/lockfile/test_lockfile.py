"""What a lockfile says of variants, and which of them a host gets."""

from __future__ import annotations

import pytest

from envbuild.conflicts.meeting import meet
from envbuild.conflicts.rules import agreement
from envbuild.declaration.declaration import Agree
from envbuild.declaration.driver import Variant
from envbuild.declaration.index import Index
from envbuild.digest import sha256_hex
from envbuild.errors import LockfileError
from envbuild.lockfile.canonical_toml import read_canonical
from envbuild.lockfile.freshness import input_reasons, inputs_of
from envbuild.lockfile.host_check import choose_variant
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.text import render_lockfile
from envbuild.target.accelerator import Accelerator
from envbuild.target.host_facts import parse_host_words
from envbuild.target.target import parse_target
from envbuild.value import replace
from tests.support.values import (
    LINUX,
    MAC,
    make_declaration,
    make_driver,
    make_lockfile,
    make_package,
)

CUDA = Variant(name="cuda", line=3, accelerator=Accelerator(kind="cuda", versions=">=12.0"))
CPU = Variant(name="cpu", line=5, indexes=("torch-cpu",))
INDEX = Index(
    name="torch-cpu",
    url="https://packages.example.com/cpu",
    path=None,
    packages=("torch",),
    line=1,
    explicit=True,
)
DRIVER = make_driver("asr", "torch", variants=(CUDA, CPU))
ON_CUDA, ON_CPU = (replace(LINUX, variant=name) for name in ("cuda", "cpu"))
LOCKFILE = make_lockfile(
    DRIVER,
    make_package("torch", "2.9.0+cpu", targets=(ON_CPU,), index="torch-cpu"),
    make_package("torch", "2.9.0+cu130", targets=(ON_CUDA,)),
    targets=(ON_CUDA, ON_CPU),
    inputs=inputs_of(DRIVER, make_declaration(DRIVER, indexes=(INDEX,))),
)


def test_a_target_names_its_variant() -> None:
    """What stands in lockfiles and in keys: a variant behind an `@`, nothing for a driver without one."""
    assert str(ON_CUDA) == "3.12-x86_64-manylinux_2_28@cuda"
    assert parse_target(str(ON_CUDA)) == ON_CUDA
    assert str(LINUX) == "3.12-x86_64-manylinux_2_28"
    for text in ("@", "@CUDA", "@-x", "@a b", f"@{'x' * 41}"):
        with pytest.raises(ValueError, match="a variant's name"):
            parse_target(f"{LINUX}{text}")


def test_the_text_keeps_variants() -> None:
    """Each with its requirements and indexes; both readers agree."""
    text = render_lockfile(LOCKFILE)
    assert (
        '[[variant]]\nname = "cpu"\nrequires = ["torch"]\nindexes."torch-cpu" = ["torch"]\n' in text
    )
    assert parse_lockfile(text, file="x") == LOCKFILE
    assert read_canonical(text) is not None
    assert "[[variant]]" not in render_lockfile(make_lockfile(make_driver("asr", "torch")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "cuda"', 'name = "rocm"'),
        ('name = "cuda"', 'name = "../x"'),
        ('requires = ["torch"]\n\n[[variant]]', 'requires = ["-r x"]\n\n[[variant]]'),
        ('indexes."torch-cpu" = ["torch"]', 'indexes."torch-cpu" = ["https://x"]'),
    ],
)
def test_a_lockfile_whose_variants_are_wrong_is_refused(old: str, new: str) -> None:
    """A right digest does not make a name, a requirement or a pattern right."""
    text = render_lockfile(LOCKFILE)
    assert old in text
    lines = text.replace(old, new, 1).splitlines(keepends=True)
    rest = "".join(line for line in lines if not line.startswith("digest = "))
    digest = f'digest = "sha256:{sha256_hex(rest.encode())}"\n'
    with pytest.raises(LockfileError):
        parse_lockfile("".join((*lines[:2], digest, *lines[3:])), file="x")


def test_requirements_and_indexes_are_those_of_the_variant() -> None:
    """A variant's own requirement stands in for the driver's on the same package; its index serves it alone."""
    own = replace(CPU, requires=make_driver("x", "torch<2.9", "onnx").requires)
    driver = replace(DRIVER, variants=(CUDA, own))
    inputs = inputs_of(driver, make_declaration(driver, indexes=(INDEX,)))
    assert inputs.requires_on(ON_CPU) == ("torch<2.9", "onnx")
    assert inputs.requires_on(ON_CUDA) == ("torch",)
    assert inputs.indexes_on(ON_CPU) == (("torch-cpu", ("torch",)),)
    assert inputs.indexes_on(ON_CUDA) == ()


def test_the_order_of_variants_and_what_they_ask_of_hosts() -> None:
    """The order makes a lockfile stale, as it is that of its targets; an accelerator does not."""
    declaration = make_declaration(DRIVER, indexes=(INDEX,))
    turned = replace(DRIVER, variants=(CPU, CUDA))
    reasons = input_reasons(LOCKFILE.inputs, inputs_of(turned, declaration))
    assert reasons == ("variants: the order changed",)
    newer = replace(CUDA, accelerator=Accelerator(kind="cuda", versions=">=13.0"))
    changed = replace(DRIVER, variants=(newer, CPU))
    assert inputs_of(changed, declaration) == LOCKFILE.inputs


@pytest.mark.parametrize(
    ("host", "variant", "reason"),
    [
        ("cuda=13.0", "cuda", None),
        ("cuda=11.8", "cpu", "it needs CUDA >=12.0; the NVIDIA driver here goes up to CUDA 11.8"),
        (
            "cuda=12.8",
            "cpu",
            "which is built for CUDA 13.0; the NVIDIA driver goes up to CUDA 12.8",
        ),
        ("cpu", "cpu", "it needs CUDA >=12.0; `--host` names none"),
    ],
)
def test_the_first_variant_that_a_host_can_run(host: str, variant: str, reason: str | None) -> None:
    """What the accelerator admits and the locked wheels do not is passed over, too."""
    choice = choose_variant(DRIVER, LOCKFILE, parse_host_words(host))
    assert choice.variant == variant
    assert (reason or "") in choice.reasons
    assert bool(choice.passed_over) is (reason is not None)


def test_variants_meet_their_like() -> None:
    """Those of one name; a driver without variants meets each of the other's; the platform counts as ever."""
    met = meet(ON_CUDA, ON_CUDA)
    assert met is not None
    assert met.target == ON_CUDA
    assert meet(ON_CUDA, ON_CPU) is None
    mixed = meet(LINUX, ON_CPU)
    assert mixed is not None
    assert mixed.target == ON_CPU
    assert meet(MAC, ON_CPU) is None


def test_packages_agree_within_a_variant() -> None:
    """One version a variant is agreement; another driver's other version of the same variant is none."""
    rule = Agree(packages=("torch",), drivers=("asr", "tts"), line=9)
    assert agreement(rule, "torch", {"asr": LOCKFILE}) == ()
    other = replace(
        LOCKFILE, driver="tts", packages=(make_package("torch", "2.8.0", targets=(ON_CUDA,)),)
    )
    assert agreement(rule, "torch", {"asr": LOCKFILE, "tts": other}) == ("2.9.0", "2.8.0")
    plain = make_lockfile(make_driver("tts", "torch"), make_package("torch", "2.8.0"))
    found = agreement(rule, "torch", {"asr": LOCKFILE, "tts": plain})
    assert set(found) == {"2.9.0", "2.8.0"}
