"""Rules across drivers with variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.conflicts.rules import agreement, check_rules, coexist_problems
from envbuild.declaration.declaration import Agree, Coexist
from envbuild.value import replace
from tests.support.values import digest, make_declaration, make_driver, make_lockfile, make_package
from tests.unit.conflicts.test_pair_decision import PLAIN, both

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import LockedPackage

AGREE = Agree(packages=("torch",), drivers=("asr", "tts"), line=9)


def test_agree_compares_variants_of_one_name() -> None:
    """torch differs from variant to variant; the finding names the variant where two drivers differ."""
    asr, first = both("asr", "cuda", "cpu", cuda="2.9+cu130", cpu="2.9+cpu")
    tts, second = both("tts", "cuda", "cpu", cuda="2.9+cu130", cpu="2.8+cpu")
    declaration = make_declaration(asr, tts, agree=(AGREE,))
    lockfiles = {"asr": first, "tts": second}
    assert check_rules(declaration, {"asr": first, "tts": first}, "locks") == ()
    found = check_rules(declaration, lockfiles, "locks")
    assert [finding.subject for finding in found] == ["asr", "tts"]
    assert found[0].message == (
        "torch must be the same version everywhere (drivers.toml:9), "
        "but is not for variant cpu: asr 2.9+cpu, tts 2.8+cpu"
    )
    assert agreement(AGREE, "torch", lockfiles) == ("2.9", "2.8")


def test_agree_compares_a_driver_without_variants_with_each() -> None:
    """It is on the hosts of all of them; without variants the exact versions are tried."""
    asr, first = both("asr", "cuda", "cpu", cuda="2.9", cpu="2.8")
    web = make_driver("tts", "torch")
    second = make_lockfile(web, make_package("torch", "2.9", targets=(PLAIN,)))
    declaration = make_declaration(asr, web, agree=(AGREE,))
    found = check_rules(declaration, {"asr": first, "tts": second}, "locks")
    assert {one.message.partition("not ")[2] for one in found} == {
        "for variant cpu: asr 2.8, tts 2.9"
    }
    plain = make_lockfile(
        make_driver("asr", "torch"), make_package("torch", "2.8+cpu", targets=(PLAIN,))
    )
    assert agreement(AGREE, "torch", {"asr": plain, "tts": second}) == ("2.9", "2.8+cpu")


def test_coexist_names_what_two_drivers_do_not_share() -> None:
    """Drivers without a common variant are on no host together."""
    asr, first = both("asr", "cuda", cuda="2.9")
    tts, second = both("tts", "cpu", cpu="2.9")
    rule = Coexist(drivers=("asr", "tts"), line=8)
    declaration = make_declaration(asr, tts, coexist=(rule,))
    (problem,) = coexist_problems(declaration, {"asr": first, "tts": second})
    assert problem.message == "asr and tts must coexist and share no variant"
    assert problem.hint is not None
    assert "variants" in problem.hint


def _from(origin: str, *files: str, version: str = "1.0") -> LockedPackage:
    """torch from a source or an index, with these files' contents."""
    package = make_package("torch", version, targets=(PLAIN,), index=origin)
    return replace(
        package, files=tuple(replace(package.files[0], sha256=digest(one)) for one in files)
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (_from("git:a", "x"), _from("git:a", "y"), False),
        (_from("git:a", "x"), _from("git:b", "x"), True),
        (_from("git:a", "x"), _from("path:b", "y"), False),
        (_from("path:a", "x"), _from("torch-cpu", "x"), False),
        (_from("url:a", "x"), _from("url:b", "y"), False),
        (_from("url:a", "x", "y"), _from("url:a", "z"), True),
        (_from("url:a", "x", "y"), _from("url:b", "y"), True),
        (_from("default", "x"), _from("torch-cpu", "y"), True),
        (_from("default", "x"), _from("host:"), True),
        (_from("default", "x"), _from("default", "x", version="2.0"), False),
    ],
)
def test_one_version_of_two_sources_is_not_one(
    one: LockedPackage, other: LockedPackage, *, same: bool
) -> None:
    """The content decides where a source says where a package comes from; else the version alone."""
    asr, tts = make_driver("asr", "torch"), make_driver("tts", "torch")
    declaration = make_declaration(
        asr, tts, agree=(AGREE,), coexist=(Coexist(drivers=("asr", "tts"), line=8),)
    )
    lockfiles = {"asr": make_lockfile(asr, one), "tts": make_lockfile(tts, other)}
    found = check_rules(declaration, lockfiles, "locks")
    assert bool(found) is not same
    assert bool(agreement(AGREE, "torch", lockfiles)) is not same
