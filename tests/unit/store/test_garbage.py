"""What a gc keeps and why, as values alone."""

from __future__ import annotations

from envbuild.environment.lease import Process
from envbuild.store.garbage import GcPlan, StoredEnvironment, StoredGeneration, plan_gc


def _generation(number: int, *names: str, created: str | None = None) -> StoredGeneration:
    created = created or f"2026-01-{number:02}T00:00:00Z"
    return StoredGeneration(number=number, created=created, environments=names)


def _environment(
    name: str, *, created: str | None = "2026-01-01T00:00:00Z", busy: bool = False, pid: int = 0
) -> StoredEnvironment:
    process = Process(pid=pid, user="svc", since="", environment=name, lease=True, command="x")
    running = (process,) if pid else ()
    return StoredEnvironment(name=name, created=created, processes=running, busy=busy)


def _plan(keep: int, current: int, *, before: str | None = None, pid: int = 0) -> GcPlan:
    return plan_gc(
        generations=tuple(_generation(n, f"e{n}", "common") for n in range(1, 6)),
        environments=tuple(
            _environment(name, pid=pid if name == "e1" else 0)
            for name in ("e1", "e2", "e3", "e4", "e5", "common", "nobody")
        ),
        current=current,
        keep=keep,
        before=before,
    )


def _reasons(plan: GcPlan) -> dict[str, tuple[str, ...]]:
    return {kept.subject: kept.reasons for kept in plan.kept}


def test_the_newest_stay_and_the_current_counts() -> None:
    """`--keep 3` is the current generation and the two newest others."""
    plan = _plan(3, 5)
    assert plan.generations == (1, 2)
    assert plan.environments == ("e1", "e2", "nobody")


def test_a_current_one_that_is_old_stays() -> None:
    """After a rollback the current generation is kept, however old its number is."""
    plan = _plan(2, 2)
    assert plan.generations == (1, 3, 4)
    assert plan.environments == ("e1", "e3", "e4", "nobody")
    assert _reasons(plan)["e2"] == ("current",)


def test_keep_one_is_the_current_alone() -> None:
    """Nothing but what is current stays."""
    assert _plan(1, 5).generations == (1, 2, 3, 4)


def test_what_runs_stays_and_says_who() -> None:
    """A lease keeps the environment though no generation has it any more."""
    plan = _plan(1, 5, pid=7)
    assert "e1" not in plan.environments
    assert _reasons(plan)["e1"] == ("lease held by pid 7 of user svc",)


def test_what_is_being_built_stays() -> None:
    """An environment that nobody names yet is about to be named."""
    plan = plan_gc(
        generations=(),
        environments=(_environment("x", created=None, busy=True),),
        current=None,
        keep=1,
    )
    assert plan.is_empty
    assert _reasons(plan) == {"x": ("build running",)}


def test_age_only_keeps_more() -> None:
    """`--older-than` takes nothing that is younger, and never more than `--keep` leaves over."""
    plan = _plan(1, 5, before="2026-01-03T00:00:00Z")
    assert plan.generations == (1, 2)
    assert _reasons(plan)["generation 3"] == ("made after 2026-01-03T00:00:00Z",)
    assert _plan(3, 5, before="2027-01-01T00:00:00Z").generations == (1, 2)


def test_order_is_by_number_whatever_the_dates_say() -> None:
    """A clock that was set back changes nothing about which generation is newest."""
    dates = ("2030-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2010-01-01T00:00:00Z")
    plan = plan_gc(
        generations=tuple(_generation(n, created=dates[n - 1]) for n in (1, 2, 3)),
        environments=(),
        current=3,
        keep=2,
    )
    assert plan.generations == (1,)


def test_what_has_no_receipt_never_was() -> None:
    """A half of a killed build goes, however young."""
    plan = plan_gc(
        generations=(),
        environments=(_environment("half", created=None),),
        current=None,
        keep=3,
        before="2000-01-01T00:00:00Z",
    )
    assert plan.environments == ("half",)
