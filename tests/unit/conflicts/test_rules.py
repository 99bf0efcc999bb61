"""Rules across drivers with variants."""

from __future__ import annotations

from envbuild.conflicts.rules import agreement, check_rules, coexist_problems
from envbuild.declaration.declaration import Agree, Coexist
from tests.support.values import make_declaration, make_driver, make_lockfile, make_package
from tests.unit.conflicts.test_pair_decision import PLAIN, both

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
