"""What a sync would do, for every way in which a host can differ from what is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.store.manifest import Preferred
from envbuild.store.plan import Plan, Skip, Wanted, plan_sync, want
from envbuild.target.target import parse_target
from envbuild.value import replace
from tests.support.values import (
    ARM,
    LINUX,
    PYTHON,
    STORE,
    make_declaration,
    make_driver,
    make_entry,
    make_file,
    make_lockfile,
    make_manifest,
    make_package,
    make_wanted,
)

if TYPE_CHECKING:
    from envbuild.store.manifest import Manifest, ManifestDriver

ASR, GATEWAY = make_wanted(make_driver("asr")), make_wanted(make_driver("gateway"))
DECLARED = make_declaration().digest


def entry_of(wanted: Wanted) -> ManifestDriver:
    """The manifest's entry after a wanted driver was built."""
    environment = f"{STORE}/envs/{wanted.environment}"
    return make_entry(
        wanted.driver.name,
        wanted.version,
        key=wanted.key,
        lock=wanted.lock,
        environment=environment,
        binary=f"{environment}/bin/{wanted.driver.binary}",
        commands=wanted.driver.commands,
    )


def plan(
    *wanted: Wanted,
    current: Manifest | None,
    named: bool = False,
    valid: tuple[Wanted, ...] | None = None,
    declaration: str = DECLARED,
) -> Plan:
    """The plan for wanted drivers, whose environments are all valid unless said otherwise."""
    return plan_sync(
        wanted=wanted,
        skips=(),
        named=named,
        declaration=declaration,
        current=current,
        valid={item.environment for item in (wanted if valid is None else valid)},
    )


BOTH = make_manifest(entry_of(ASR), entry_of(GATEWAY))


def test_a_host_that_has_it_all_has_nothing_to_do() -> None:
    """A second sync is empty: nothing is built, nothing is switched."""
    found = plan(ASR, GATEWAY, current=BOTH)
    assert found.is_empty
    assert (found.builds, found.switch, found.kept, found.dropped) == ((), False, (), ())


def test_a_first_sync_builds_and_switches() -> None:
    """On an empty store everything is built, and there is no driver to keep or to drop."""
    found = plan(ASR, GATEWAY, current=None, valid=())
    assert found.builds == (ASR, GATEWAY)
    assert found.switch
    assert (found.kept, found.dropped) == ((), ())
    assert found.declaration == DECLARED


def test_a_host_that_gets_no_driver_still_gets_a_generation() -> None:
    """Where every driver is skipped, `current` says so instead of not being there."""
    skip = Skip(driver="vllm", reason="it needs CUDA")
    found = plan_sync(
        wanted=(), skips=(skip,), named=False, declaration=DECLARED, current=None, valid=()
    )
    assert found.switch
    assert found.skips == (skip,)


def test_an_environment_that_is_valid_is_not_built_again() -> None:
    """What another sync or an earlier generation built is used as it is."""
    found = plan(ASR, GATEWAY, current=None, valid=(GATEWAY,))
    assert found.builds == (ASR,)


def test_an_environment_whose_receipt_is_gone_is_built_again() -> None:
    """A current driver whose environment is no longer valid is something to do, without a switch."""
    found = plan(ASR, GATEWAY, current=BOTH, valid=(GATEWAY,))
    assert found.builds == (ASR,)
    assert not found.switch
    assert not found.is_empty


def test_without_names_the_generation_becomes_what_is_declared() -> None:
    """A driver that is no longer declared, or no longer for this host, is dropped."""
    found = plan(ASR, current=BOTH)
    assert found.dropped == ("gateway",)
    assert found.kept == ()
    assert found.switch


def test_named_drivers_leave_the_others_as_they_are() -> None:
    """`envbuild sync asr` touches nobody else."""
    other = make_wanted(make_driver("asr"), make_package("asr", "2.0"))
    found = plan(other, current=BOTH, named=True)
    assert found.kept == ("gateway",)
    assert found.dropped == ()
    assert found.switch


def test_a_named_driver_that_is_current_is_nothing_to_do() -> None:
    """Naming a driver that is as declared writes no new generation."""
    assert plan(ASR, current=BOTH, named=True).is_empty


def test_a_generation_without_shims_of_drivers_names_is_renewed() -> None:
    """What an older envbuild switched to gets them by a sync; no environment is built for it."""
    older = replace(BOTH, drivers=tuple(replace(driver, shim=None) for driver in BOTH.drivers))
    found = plan(ASR, GATEWAY, current=older)
    assert found.switch
    assert found.builds == ()


def test_a_named_driver_is_added() -> None:
    """A driver that this host skips by itself can be named all the same."""
    vllm = make_wanted(make_driver("vllm"))
    found = plan(vllm, current=BOTH, named=True)
    assert found.kept == ("asr", "gateway")
    assert found.switch


def test_the_declaration_counts_as_followed_only_as_a_whole() -> None:
    """A sync of named drivers says nothing about the others, so it records no declaration."""
    assert plan(ASR, current=None, named=True).declaration is None
    assert plan(ASR, current=None).declaration == DECLARED


def test_another_declaration_of_the_same_drivers_is_recorded() -> None:
    """A comment in `drivers.toml` builds nothing, yet the manifest tells which file it follows."""
    found = plan(ASR, GATEWAY, current=BOTH, declaration="sha256:other")
    assert found.switch
    assert found.builds == ()


CHANGED = {
    "the lockfile": {"lock": "sha256:other"},
    "the key": {"key": "0" * 64},
    "the version": {"version": "0.9"},
    "the commands": {"commands": ("asr", "more")},
    "the binary": {"binary": "/opt/envbuild/envs/asr-1.0-x/bin/other"},
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED.keys())
@pytest.mark.parametrize("named", [False, True])
def test_whatever_differs_is_switched(change: dict[str, object], named: bool) -> None:
    """The manifest never goes on saying what is not so any more."""
    entry = replace(entry_of(ASR), **change)
    found = plan(ASR, GATEWAY, current=make_manifest(entry, entry_of(GATEWAY)), named=named)
    assert found.switch


def test_a_declared_variable_is_another_environment() -> None:
    """`env` is baked in, so a change of it is a build and never a change in place."""
    driver = make_driver("asr", env=(("A", "1"),))
    assert make_wanted(driver).environment != ASR.environment


TWO = make_driver("asr", platforms=(str(LINUX.platform), str(ARM.platform)))


def test_only_the_targets_own_files_are_chosen() -> None:
    """A host installs what its target was locked to, and nothing of another platform's."""
    lockfile = make_lockfile(
        TWO,
        make_package(
            "asr",
            targets=(LINUX, ARM),
            files=(
                make_file("asr", tag="cp312-cp312-manylinux_2_28_aarch64", targets=(ARM,)),
                make_file("asr", tag="cp312-cp312-manylinux_2_28_x86_64", targets=(LINUX,)),
            ),
        ),
        make_package("idna", "3.10", targets=(ARM,)),
        make_package("idna", "3.11", targets=(LINUX,)),
    )
    wanted = want(driver=TWO, lockfile=lockfile, lock="sha256:x", target=LINUX, interpreter=PYTHON)
    assert [file.file for file in wanted.files] == [
        "asr-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "idna-3.11-py3-none-any.whl",
    ]


def test_the_path_carries_the_version_of_the_hosts_target() -> None:
    """Where targets lock different versions, the path tells the one that is really there."""
    lockfile = make_lockfile(
        TWO,
        make_package("asr", "1.0", targets=(ARM,)),
        make_package("asr", "2.0", targets=(LINUX,)),
        version="2.0",
    )
    for target, version in ((LINUX, "2.0"), (ARM, "1.0")):
        wanted = want(
            driver=TWO, lockfile=lockfile, lock="sha256:x", target=target, interpreter=PYTHON
        )
        assert wanted.version == version
        assert wanted.environment == f"asr-{version}-{wanted.key[:12]}"


def test_a_version_that_the_target_does_not_need_is_the_lockfiles() -> None:
    """A package that only other targets need still names the version."""
    lockfile = make_lockfile(TWO, make_package("asr", "1.0", targets=(ARM,)), version="1.0")
    wanted = want(driver=TWO, lockfile=lockfile, lock="sha256:x", target=LINUX, interpreter=PYTHON)
    assert (wanted.version, wanted.files) == ("1.0", ())


def test_another_interpreter_is_another_environment() -> None:
    """A host's Python that was upgraded gets environments of its own; the old ones stay whole."""
    newer = make_wanted(make_driver("asr"), interpreter=replace(PYTHON, version="3.12.2"))
    assert newer.key != ASR.key


def test_what_only_another_target_locks_changes_no_key() -> None:
    """A lockfile that gains a platform leaves the environments of every other host as they are."""
    before = make_wanted(make_driver("asr"))
    both = make_package("asr", targets=(LINUX, parse_target(str(ARM))))
    lockfile = make_lockfile(TWO, both)
    after = want(driver=TWO, lockfile=lockfile, lock="sha256:x", target=LINUX, interpreter=PYTHON)
    assert after.key == before.key


def test_a_later_choice_of_python_that_changes_the_version_is_kept_in_mind() -> None:
    """Where the host has not the first Python and the driver is another version for it, both are known."""
    first, second = (parse_target(f"{python}-{LINUX.platform}") for python in ("3.13", "3.12"))
    driver = make_driver("asr", python=("3.13", "3.12"))
    lockfile = make_lockfile(
        driver,
        make_package("asr", "12.0", targets=(second,)),
        make_package("asr", "14.0", targets=(first,)),
    )
    wanted = want(
        driver=driver, lockfile=lockfile, lock="sha256:0", target=second, interpreter=PYTHON
    )
    assert wanted.version == "12.0"
    assert wanted.preferred == Preferred(python="3.13", version="14.0")
    best = want(driver=driver, lockfile=lockfile, lock="sha256:0", target=first, interpreter=PYTHON)
    assert best.preferred is None
