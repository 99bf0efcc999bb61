"""From a declaration and its lockfiles to this host's plan, over a real folder of lockfiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.commands.sync import Planner
from envbuild.errors import HostError, NoError, Problem, UsageError
from envbuild.store.plan import Plan, Skip
from envbuild.target.accelerator import Accelerator, FoundAccelerator
from envbuild.target.target import Host, Interpreter, parse_target
from envbuild.value import replace
from tests.support.values import (
    HOST,
    PYTHON,
    make_declaration,
    make_driver,
    make_lockfile,
    make_package,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.folder import LockFolder
    from envbuild.store.manifest import Manifest

OLD = "x86_64-manylinux_2_17"
NEW = "x86_64-manylinux_2_28"
TOO_NEW = "x86_64-manylinux_2_39"
ARM = "aarch64-manylinux_2_28"
MUSL = "x86_64-musllinux_1_2"

ASR = make_driver("asr")
GATEWAY = make_driver("gateway")
VLLM = make_driver("vllm", accelerator=Accelerator(kind="cuda", versions=">=12.4"))
GPU_HOST = replace(HOST, accelerators=(FoundAccelerator(kind="cuda", version="12.8"),))


def plan(
    folder: LockFolder,
    *drivers: Driver,
    names: tuple[str, ...] = (),
    host: Host = HOST,
    interpreter_for: Callable[[Driver, tuple[str, ...]], Interpreter] = lambda *_: PYTHON,
    current: Manifest | None = None,
    is_valid: Callable[[str], bool] = lambda _: False,
) -> Plan:
    """The plan for a declaration of these drivers."""
    return Planner(
        declaration=make_declaration(*drivers),
        folder=folder,
        host=host,
        host_packages=lambda _: None,
        interpreter_for=interpreter_for,
        current=current,
        is_valid=is_valid,
    ).plan(names)


def lock(folder: LockFolder, *drivers: Driver) -> None:
    """Write fresh lockfiles."""
    for driver in drivers:
        folder.write(make_lockfile(driver))


def test_every_enabled_driver_is_wanted(folder: LockFolder) -> None:
    """Without names the plan has what is declared, in its order, and nothing that is disabled."""
    off = replace(VLLM, enabled=False, accelerator=None)
    lock(folder, GATEWAY, ASR)
    found = plan(folder, GATEWAY, off, ASR)
    assert [wanted.driver.name for wanted in found.wanted] == ["gateway", "asr"]
    assert found.builds == found.wanted


def test_a_valid_environment_is_not_built(folder: LockFolder) -> None:
    """Only environments without a receipt are built."""
    lock(folder, ASR, GATEWAY)
    found = plan(folder, ASR, GATEWAY, is_valid=lambda name: name.startswith("asr-"))
    assert [wanted.driver.name for wanted in found.builds] == ["gateway"]


def test_the_lockfiles_bytes_are_in_the_plan(folder: LockFolder) -> None:
    """The manifest will name the very lockfile that was installed."""
    lock(folder, ASR)
    stored = folder.read("asr")
    assert stored is not None
    assert plan(folder, ASR).wanted[0].lock == stored.digest


def test_a_driver_without_its_accelerator_is_skipped(folder: LockFolder) -> None:
    """A host without an NVIDIA driver gets the others, is told why, and needs no lockfile for it."""
    lock(folder, ASR)
    found = plan(folder, ASR, VLLM)
    assert [wanted.driver.name for wanted in found.wanted] == ["asr"]
    assert found.skips == (Skip(driver="vllm", reason="it needs CUDA >=12.4; no NVIDIA driver"),)


def test_a_driver_with_its_accelerator_is_wanted(folder: LockFolder) -> None:
    """The same declaration on a host with a GPU."""
    lock(folder, VLLM)
    found = plan(folder, VLLM, host=GPU_HOST)
    assert [wanted.driver.name for wanted in found.wanted] == ["vllm"]
    assert found.skips == ()


def test_a_named_driver_is_wanted_all_the_same(folder: LockFolder) -> None:
    """`envbuild sync vllm` builds on any host, for images and for trying."""
    lock(folder, VLLM)
    found = plan(folder, ASR, VLLM, names=("vllm",))
    assert [wanted.driver.name for wanted in found.wanted] == ["vllm"]
    assert found.skips == ()


def test_a_named_driver_may_be_disabled(folder: LockFolder) -> None:
    """A disabled driver is built by its name alone."""
    off = replace(ASR, enabled=False)
    lock(folder, off)
    assert plan(folder, off).wanted == ()
    assert len(plan(folder, off, names=("asr",)).wanted) == 1


@pytest.mark.parametrize(
    ("platforms", "chosen"),
    [
        ((OLD, NEW), NEW),
        ((NEW, OLD), NEW),
        ((ARM, OLD, TOO_NEW, MUSL), OLD),
        ((NEW, TOO_NEW), NEW),
    ],
)
def test_the_newest_platform_that_runs_here_is_taken(
    folder: LockFolder, platforms: tuple[str, ...], chosen: str
) -> None:
    """A host takes the lockfile's target that fits it best, in whatever order they are declared."""
    driver = replace(ASR, platforms=platforms)
    lock(folder, driver)
    assert plan(folder, driver).wanted[0].target == parse_target(f"3.12-{chosen}")


def test_a_driver_for_other_platforms_is_skipped(folder: LockFolder) -> None:
    """A driver that is locked for none of this host's kind is skipped, with its platforms."""
    driver = replace(ASR, platforms=(ARM, TOO_NEW))
    found = plan(folder, driver)
    assert found.wanted == ()
    assert found.skips[0].reason == f"none of its platforms is this host's ({ARM}, {TOO_NEW})"


def test_a_named_driver_for_other_platforms_is_an_error(folder: LockFolder) -> None:
    """Asked for by name it cannot be skipped: said with what it is locked for and what this host is."""
    driver = replace(ASR, platforms=(ARM,))
    lock(folder, driver)
    with pytest.raises(HostError) as caught:
        plan(folder, driver, names=("asr",))
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == ("drivers.toml", "drivers.asr.platforms")
    assert problem.hint == f"it is locked for {ARM}; this host is x86_64-manylinux_2_36"


def test_the_target_is_that_of_the_interpreter(folder: LockFolder) -> None:
    """Of the declared Pythons the one that the host has decides what is installed."""
    driver = replace(ASR, python=("3.13", "3.12", "3.11"))
    lock(folder, driver)
    assert plan(folder, driver).wanted[0].target.python == "3.12"


def test_an_exact_python_is_preferred_as_declared(folder: LockFolder) -> None:
    """Where two requests are answered by one interpreter, the first declared is its target."""
    driver = replace(ASR, python=("3.12.1", "3.12"))
    lock(folder, driver)
    assert plan(folder, driver).wanted[0].target.python == "3.12.1"


def test_a_missing_interpreter_is_the_hosts_problem(folder: LockFolder) -> None:
    """No interpreter that fits ends the plan with what was found."""

    def none(_driver: Driver, _locked: tuple[str, ...]) -> Interpreter:
        raise HostError(Problem(message="no Python 3.12"))

    lock(folder, ASR)
    with pytest.raises(HostError, match=r"no Python 3\.12"):
        plan(folder, ASR, interpreter_for=none)


def test_lockfiles_that_do_not_answer_are_refused_all_at_once(folder: LockFolder) -> None:
    """Stale, missing and edited lockfiles are said together, exit code 1, each with what to do."""
    lock(folder, ASR, GATEWAY)
    path = folder.path / "gateway.toml"
    path.write_bytes(path.read_bytes() + b"# a word\n")
    stale = replace(ASR, constraints=("idna<4",))
    missing = make_driver("embeddings")
    with pytest.raises(NoError) as caught:
        plan(folder, stale, GATEWAY, missing)
    assert [(problem.file, problem.message) for problem in caught.value.problems] == [
        ("locks/asr.toml", "the lockfile of asr is stale: constraints: idna<4 is new"),
        (
            "locks/gateway.toml",
            "the lockfile was changed after `envbuild lock` wrote it: its digest does not match",
        ),
        ("locks/embeddings.toml", "embeddings has no lockfile"),
    ]
    assert all("envbuild lock" in (p.hint or "") for p in caught.value.problems)


def test_a_lockfile_of_a_driver_that_is_not_named_does_not_matter(folder: LockFolder) -> None:
    """`envbuild sync asr` works while another driver waits for its lock."""
    lock(folder, ASR)
    assert len(plan(folder, ASR, GATEWAY, names=("asr",)).wanted) == 1


def test_an_unknown_driver_is_refused(folder: LockFolder) -> None:
    """A misspelt name is exit code 2, before any lockfile is looked at."""
    with pytest.raises(UsageError, match="there is no driver 'asrr'"):
        plan(folder, ASR, names=("asrr",))


def test_a_name_given_twice_counts_once(folder: LockFolder) -> None:
    """Naming a driver again asks for nothing more."""
    lock(folder, ASR)
    assert len(plan(folder, ASR, names=("asr", "asr")).wanted) == 1


def test_the_version_comes_from_the_package_that_names_it(folder: LockFolder) -> None:
    """The environment's path carries the version of `version-of`."""
    driver = replace(make_driver("asr", "faster-whisper"), version_of="faster-whisper")
    folder.write(make_lockfile(driver, make_package("faster-whisper", "1.2.1")))
    assert plan(folder, driver).wanted[0].environment.startswith("asr-1.2.1-")
