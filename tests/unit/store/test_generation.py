"""What the next generation's manifest says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.store.generation import next_manifest, says_the_same
from envbuild.store.plan import Plan, Wanted, plan_sync
from envbuild.value import replace
from tests.support.values import (
    CREATED,
    STORE,
    make_declaration,
    make_driver,
    make_entry,
    make_manifest,
    make_package,
    make_wanted,
)

if TYPE_CHECKING:
    from envbuild.store.manifest import Manifest

ASR = make_wanted(make_driver("asr", binary="uvicorn"))
EMBEDDINGS = make_wanted(make_driver("embeddings", binary="uvicorn"))
GATEWAY = make_wanted(
    make_driver("gateway", binary="litellm", env=(("A", "1"),)),
    make_package("gateway", "1.80.0"),
    make_package("httpx", "0.28.1"),
)
LATER = "2026-11-21T08:00:00Z"


def plan(*wanted: Wanted, current: Manifest | None = None, named: bool = False) -> Plan:
    """The plan for drivers whose environments are all valid."""
    return plan_sync(
        wanted=wanted,
        skips=(),
        named=named,
        declaration=make_declaration().digest,
        current=current,
        valid={item.environment for item in wanted},
    )


def after(
    *wanted: Wanted,
    current: Manifest | None = None,
    named: bool = False,
    failed: tuple[str, ...] = (),
    created: str = CREATED,
) -> Manifest:
    """The manifest after a sync of some drivers, of which some failed."""
    return next_manifest(
        plan=plan(*wanted, current=current, named=named),
        built=tuple(item for item in wanted if item.driver.name not in failed),
        failed=failed,
        current=current,
        number=current.generation + 1 if current is not None else 1,
        created=created,
        store=STORE,
        size_of=len,
    )


def names(manifest: Manifest) -> list[str]:
    """The drivers of a manifest, in order."""
    return [driver.name for driver in manifest.drivers]


def test_an_entry_says_where_everything_is() -> None:
    """A launcher finds the binary, the interpreter and what is installed, all by absolute paths."""
    manifest = after(GATEWAY)
    environment = f"{STORE}/envs/gateway-1.80.0-{GATEWAY.key[:12]}"
    assert manifest == make_manifest(
        make_entry(
            "gateway",
            "1.80.0",
            key=GATEWAY.key,
            lock=GATEWAY.lock,
            environment=environment,
            binary=f"{environment}/bin/litellm",
            stable_binary=f"{STORE}/current/gateway/bin/litellm",
            commands=("litellm",),
            shims=(("litellm", "litellm"),),
            env=(("A", "1"),),
            packages=(("gateway", "1.80.0"), ("httpx", "0.28.1")),
            size=len(GATEWAY.environment),
        ),
        envbuild=__version__,
    )


def test_drivers_stand_in_the_declarations_order() -> None:
    """The first declared of two drivers with one command has its shim, in every sync alike."""
    manifest = after(ASR, EMBEDDINGS, GATEWAY)
    assert names(manifest) == ["asr", "embeddings", "gateway"]
    assert [driver.shims for driver in manifest.drivers] == [
        (("uvicorn", "uvicorn"),),
        (("uvicorn", "embeddings"),),
        (("litellm", "litellm"),),
    ]


def test_without_names_nothing_else_stays() -> None:
    """A driver that is not declared any more is gone, and its shim with it."""
    before = after(ASR, EMBEDDINGS)
    manifest = after(EMBEDDINGS, current=before)
    assert names(manifest) == ["embeddings"]
    assert manifest.drivers[0].shims == (("uvicorn", "uvicorn"),)


def test_named_drivers_are_renewed_in_their_place() -> None:
    """Renewing one of two drivers with one command does not swap their shims."""
    before = after(ASR, EMBEDDINGS, GATEWAY)
    newer = make_wanted(make_driver("asr", binary="uvicorn"), make_package("asr", "2.0"))
    manifest = after(newer, current=before, named=True)
    assert names(manifest) == names(before)
    assert manifest.drivers[0].version == "2.0"
    assert manifest.drivers[1:] == before.drivers[1:]


def test_naming_every_driver_moves_nobodys_shim() -> None:
    """Drivers that the declaration orders anew keep their shims until a sync without names."""
    before = after(ASR, EMBEDDINGS)
    assert after(EMBEDDINGS, ASR, current=before, named=True).drivers == before.drivers
    anew = after(EMBEDDINGS, ASR, current=before)
    assert dict(anew.drivers[0].shims) == {"uvicorn": "uvicorn"}


def test_a_named_driver_is_added_at_the_end() -> None:
    """A driver that is added takes nobody's shim away."""
    before = after(EMBEDDINGS)
    manifest = after(ASR, current=before, named=True)
    assert names(manifest) == ["embeddings", "asr"]
    assert dict(manifest.drivers[0].shims) == {"uvicorn": "uvicorn"}
    assert dict(manifest.drivers[1].shims) == {"uvicorn": "asr"}


def test_what_failed_stays_as_it_was() -> None:
    """With --keep-going a driver that could not be renewed goes on in its old environment."""
    before = after(ASR, GATEWAY)
    newer = make_wanted(make_driver("asr", binary="uvicorn"), make_package("asr", "2.0"))
    manifest = after(newer, GATEWAY, current=before, failed=("asr",))
    assert manifest.drivers == before.drivers


def test_what_failed_and_never_was_is_not_there() -> None:
    """With --keep-going a new driver that could not be built has no entry and no shim."""
    manifest = after(ASR, EMBEDDINGS, failed=("asr",))
    assert names(manifest) == ["embeddings"]
    assert dict(manifest.drivers[0].shims) == {"uvicorn": "uvicorn"}


def test_a_failure_keeps_the_declaration_from_being_recorded() -> None:
    """The manifest names a declaration only where the whole of it was followed."""
    assert after(ASR, EMBEDDINGS, failed=("asr",)).declaration is None
    assert after(ASR, named=True).declaration is None
    assert after(ASR).declaration == make_declaration().digest


def test_a_failure_keeps_the_record_of_before() -> None:
    """The next sync without names finds that something is left to do."""
    before = replace(after(ASR, GATEWAY), declaration="sha256:before")
    manifest = after(ASR, GATEWAY, current=before, failed=("asr",))
    assert manifest.declaration == "sha256:before"
    assert plan(ASR, GATEWAY, current=manifest).switch


def test_since_is_kept_while_the_environment_is_the_same() -> None:
    """`list` says since when a driver has been what it is, not when somebody last synced."""
    before = after(ASR, GATEWAY)
    newer = make_wanted(make_driver("asr", binary="uvicorn"), make_package("asr", "2.0"))
    manifest = after(newer, GATEWAY, current=before, created=LATER)
    assert [driver.since for driver in manifest.drivers] == [LATER, CREATED]


def test_a_driver_that_comes_back_begins_anew() -> None:
    """A driver that a generation did not have has its time from when it came back."""
    gone = after(GATEWAY, current=after(ASR, GATEWAY))
    manifest = after(ASR, GATEWAY, current=gone, created=LATER)
    assert manifest.drivers[0].since == LATER


def between(planned: Plan) -> Manifest:
    """What a plan for `ASR` on an empty store leads to where gateway was added meanwhile."""
    return next_manifest(
        plan=planned,
        built=(ASR,),
        failed=(),
        current=after(GATEWAY, named=True),
        number=2,
        created=CREATED,
        store=STORE,
        size_of=len,
    )


def test_a_driver_that_was_added_between_plan_and_switch() -> None:
    """Each sync's word holds at its switch: named drivers leave others, a whole sync drops them."""
    assert sorted(names(between(plan(ASR, named=True)))) == ["asr", "gateway"]
    assert names(between(plan(ASR))) == ["asr"]


def test_manifests_that_say_the_same_differ_in_number_and_date_alone() -> None:
    """Eight syncs at once make one generation: the others find that it says what they would say."""
    one = after(ASR)
    assert says_the_same(one, replace(one, generation=9, created=LATER, envbuild="9"))
    assert not says_the_same(one, replace(one, declaration=None))
    assert not says_the_same(one, replace(one, drivers=()))
