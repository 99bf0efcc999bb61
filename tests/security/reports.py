"""One harmless result of each report, and the same with other texts in every place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.commands.audit import AuditedDriver, AuditResult, Vulnerability
from envbuild.commands.bisect import BisectResult, Culprit
from envbuild.commands.build import BuildResult, LockedWheel
from envbuild.commands.check import CheckResult
from envbuild.commands.child import TryResult
from envbuild.commands.comparison import RevisionComparison
from envbuild.commands.conflicts import ConflictsResult, JointAnswer
from envbuild.commands.diff import DiffResult
from envbuild.commands.doctor import Diagnosis, UnitCommand
from envbuild.commands.edit import EditResult
from envbuild.commands.export import Compared, ExportResult
from envbuild.commands.gc import Collected
from envbuild.commands.host_report import RunningProcesses
from envbuild.commands.init import InitResult
from envbuild.commands.lock_result import DriverLock, LockResult
from envbuild.commands.outdated import (
    Holder,
    OutdatedDriver,
    OutdatedPackage,
    OutdatedResult,
)
from envbuild.commands.probe import DriverProbes, ProbeReport
from envbuild.commands.ps import Running
from envbuild.commands.repair import Repaired
from envbuild.commands.show import Effective, Shown, ShowResult
from envbuild.commands.status import Disk, DriverStatus, Status
from envbuild.commands.upgrade import Upgraded
from envbuild.commands.verify import InUse, Verified, VerifiedEnvironment
from envbuild.commands.why import TreeResult, WhyResult
from envbuild.conflicts.conflict import (
    Cause,
    Conflict,
    Contradiction,
    Move,
    Pair,
    PlatformAnswer,
    Step,
)
from envbuild.conflicts.matrix import Split, VersionWindow
from envbuild.conflicts.shared_groups import Group
from envbuild.declaration.declaration import IgnoredAdvisory
from envbuild.environment.lease import Process
from envbuild.environment.probe import Probe, ProbeResult
from envbuild.errors import Problem
from envbuild.finding import Code, Finding
from envbuild.index.advisory import Advisory
from envbuild.launchers.fleet import ExportedFile
from envbuild.lockfile.chains import Bound, Reasons
from envbuild.lockfile.difference import Change, DriverDiff
from envbuild.lockfile.lockfile import HeldBack
from envbuild.lockfile.moves import PackageMove
from envbuild.report.audit import audit_table, render_audit
from envbuild.report.bisect import bisect_table, render_bisect
from envbuild.report.build import build_table, render_build
from envbuild.report.check import check_table, render_check
from envbuild.report.child import render_try, try_table
from envbuild.report.conflicts import conflicts_table, render_conflicts
from envbuild.report.declaration import (
    edit_table,
    init_table,
    render_edit,
    render_init,
    render_show,
    show_table,
)
from envbuild.report.diff import diff_table, render_diff
from envbuild.report.export import export_table, render_export
from envbuild.report.lines import render_problems
from envbuild.report.list import list_table, render_list
from envbuild.report.lock import lock_table, render_lock
from envbuild.report.outcome import problem_table
from envbuild.report.outdated import outdated_table, render_outdated
from envbuild.report.status import render_status, status_table
from envbuild.report.store import (
    gc_table,
    history_table,
    ps_table,
    render_gc,
    render_history,
    render_ps,
)
from envbuild.report.upgrade import render_upgrade, upgrade_table
from envbuild.report.verify import (
    doctor_table,
    probe_table,
    render_doctor,
    render_probe,
    render_repair,
    render_verify,
    repair_table,
    verify_table,
)
from envbuild.report.why import render_tree, render_why, tree_table, why_table
from envbuild.requirement.graph import Edge
from envbuild.store.garbage import GcPlan, Kept
from envbuild.store.history import Generation
from envbuild.store.last_run import LastRun
from envbuild.store.manifest import manifest_table
from envbuild.target.target import Host, Platform, Target
from envbuild.value import replace
from tests.support.values import LINUX, make_entry, make_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_OURS = frozenset(
    {
        *("error", "warning", "note", "changed", "added", "removed", "moved", "same", "requires"),
        *("constraint", "above", "exact", "stable", "stale-lockfile", "missing", "source"),
    }
)
"""Words that the program itself chooses among."""

_WHOLE = (Target, Platform, Host)
"""Values that are parsed and checked before a report sees them."""

_SEVERAL_LINES = ("detail", "words", "output", "text")
"""Texts that are shown line by line."""


class Report(NamedTuple):
    """A result with what prints it."""

    name: str
    result: Any
    text: Callable[[Any], str]
    table: Callable[[Any], dict[str, object]]


def with_texts(value: Any, change: Callable[[str], str], field: str = "") -> Any:
    """The value with every text in it changed, keys of mappings too."""
    if isinstance(value, str):
        if value in _OF_OURS:
            return value
        changed = change(value)
        return "".join(changed.splitlines()) if field in _SEVERAL_LINES else changed
    if isinstance(value, Mapping):
        return {
            with_texts(key, change, key): with_texts(inner, change, key)
            for key, inner in value.items()
        }
    if isinstance(value, _WHOLE) or field == "versions":
        return value
    if isinstance(value, Change):  # whose versions were parsed
        return replace(value, package=change(value.package))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[with_texts(inner, change) for inner in value])
    if isinstance(value, tuple):
        return tuple(with_texts(inner, change, field) for inner in value)
    fields = getattr(type(value), "__value_fields__", None)
    if fields is None:
        return value
    return type(value)(**{name: with_texts(getattr(value, name), change, name) for name in fields})


FINDING = Finding(
    code=Code.STALE_LOCKFILE,
    subject="app",
    message="it is stale",
    path="a.toml",
    line=3,
    hint="lock",
)
CHANGE = Change(package="numpy", before=("1.0",), after=("2.0",))
DIFF = DriverDiff(
    driver="app", kind="changed", before="1", after="2", changes=(CHANGE,), download=5
)
CAUSE = Cause(
    driver="app",
    line=4,
    kind="requires",
    steps=(Step(package="web", version="1"),),
    package="numpy",
    specifier="<2",
)
PAIR = Pair(
    first="app",
    second="other",
    outcomes=(
        PlatformAnswer(
            platform=LINUX.platform,
            answer=Conflict(
                target=LINUX,
                packages=("numpy",),
                clashes=(Contradiction(package="numpy", causes=(CAUSE,)),),
            ),
        ),
    ),
)
ANSWER = JointAnswer(
    first="app",
    second="other",
    target=LINUX,
    pins=(("numpy", "1"),),
    moves=(Move(driver="app", package="numpy", locked="2", version="1"),),
    words="no",
)
EDGES = (
    Edge(requirer=None, package="web", specifier="", extras=("fast",), text="web[fast]"),
    Edge(requirer="web", package="numpy", specifier="<2", extras=(), text="numpy<2"),
)
COMPARISON = RevisionComparison(
    against="main", drivers=(DIFF,), appeared=(PAIR,), vanished=(("app", "third"),)
)
LOCKED = LockResult(
    checked=False,
    drivers=(
        DriverLock(
            driver="app",
            fresh=False,
            reasons=("it is new",),
            changes=(CHANGE,),
            version="1",
            packages=2,
            digest="",
            warnings=("look",),
            held_back=(
                HeldBack(
                    package="numpy",
                    locked="1.0",
                    passed_over="2.0",
                    reason="source",
                    blockers=("numpy",),
                    targets=(LINUX,),
                ),
            ),
        ),
    ),
    undeclared=("old.toml",),
    broken_rules=(FINDING,),
)
RESULT = ProbeResult(
    driver="app",
    probe=Probe(argv=("app", "--version"), timeout=1, key="probe[0]"),
    seconds=1.0,
    failure="it failed",
    output="words",
    log="log",
)
CHECK = CheckResult(
    file="drivers.toml",
    drivers=("app", "other"),
    findings=(FINDING,),
    comparison=COMPARISON,
    solved=(ANSWER,),
)
CONFLICTS = ConflictsResult(
    file="drivers.toml",
    drivers=("app", "other"),
    pairs=(PAIR,),
    explained=True,
    splits=(
        Split(
            package="numpy",
            pairs=(("app", "other"),),
            windows=(VersionWindow(drivers=("app",), specifiers=("<2",), versions=("1",)),),
        ),
    ),
    groups=(Group(drivers=("app",), target=LINUX, packages=1, apart=2, together=1),),
    solved=(ANSWER,),
    stale=("app",),
)
VERIFIED = Verified(
    quick=False,
    environments=(
        VerifiedEnvironment(
            used=InUse(name="app-1", drivers=("app",), key="k", recorded=None, generations=(1,)),
            findings=(FINDING,),
        ),
    ),
    generations=(),
    current=(),
)
MANIFEST = make_manifest(make_entry("app"), make_entry("other"))
MOVES = (
    DriverDiff(
        driver="app",
        kind="changed",
        before="1",
        after="2",
        changes=(Change(package="numpy", before=("1",), after=()),),
        download=None,
    ),
)

REPORTS = (
    Report("check", CHECK, render_check, check_table),
    Report("conflicts", CONFLICTS, render_conflicts, conflicts_table),
    Report("diff", DiffResult(against="main", drivers=(DIFF,)), render_diff, diff_table),
    Report(
        "doctor",
        Diagnosis(
            facts=(("python", "3.12"),),
            findings=(FINDING,),
            warnings=(FINDING,),
            units=(
                UnitCommand(file="a.service", line=1, executable="x", kind="missing", driver="app"),
            ),
        ),
        render_doctor,
        doctor_table,
    ),
    Report(
        "edit",
        EditResult(
            file="drivers.toml", changes=("+a",), notes=(("app", "b"),), pinned=(("app", 2),)
        ),
        render_edit,
        edit_table,
    ),
    Report(
        "export",
        ExportResult(
            format="env",
            files=(ExportedFile(name="a", text="b\n"),),
            written=(),
            compared=(Compared(file="a", differences=("b",)),),
        ),
        render_export,
        export_table,
    ),
    Report(
        "gc",
        Collected(
            plan=GcPlan(
                generations=(1,),
                environments=("app-1",),
                kept=(Kept(subject="app-2", reasons=("current",)),),
                pythons=("cpython-3.12",),
            ),
            dry_run=False,
            freed=1,
            at_most=None,
            last=None,
            cache=False,
            cache_kept="busy",
        ),
        render_gc,
        gc_table,
    ),
    Report(
        "history",
        (Generation(number=1, current=True, manifest=MANIFEST, changes=MOVES),),
        render_history,
        history_table,
    ),
    Report("init", InitResult(path="drivers.toml"), render_init, init_table),
    Report(
        "list",
        MANIFEST,
        lambda manifest: render_list(manifest_table(manifest)),
        lambda manifest: list_table(manifest_table(manifest)),
    ),
    Report(
        "lock",
        LOCKED,
        render_lock,
        lock_table,
    ),
    Report(
        "probe",
        ProbeReport(
            generation=1,
            drivers=(
                DriverProbes(
                    driver="app",
                    environment="app-1",
                    results=(RESULT,),
                ),
            ),
        ),
        render_probe,
        probe_table,
    ),
    Report(
        "problems",
        Problem(message="no", file="a.toml", line=1, key="drivers.app", hint="do", detail="words"),
        lambda problem: render_problems([problem]),
        problem_table,
    ),
    Report(
        "ps",
        (
            Running(
                process=Process(
                    pid=1,
                    user="root",
                    since="now",
                    environment="app-1",
                    lease=True,
                    command="app serve",
                ),
                driver="app",
                version="1",
                current=True,
            ),
        ),
        render_ps,
        ps_table,
    ),
    Report(
        "repair",
        Repaired(before=VERIFIED, after=VERIFIED, repaired=("app-1",), refused=(FINDING,)),
        render_repair,
        repair_table,
    ),
    Report(
        "show",
        ShowResult(
            file="drivers.toml",
            hosts=("gpu",),
            drivers=(
                Shown(
                    driver="app",
                    extends="base",
                    lines=(Effective(key="env.A", value="b", line=1, table="defaults"),),
                ),
            ),
        ),
        render_show,
        show_table,
    ),
    Report(
        "bisect",
        BisectResult(
            driver="app",
            good="generation 1",
            bad="what is locked",
            moved=2,
            culprits=(
                Culprit(
                    move=PackageMove(package="numpy", before="1", after="2"),
                    chain=EDGES,
                    requirement="numpy<2",
                    brings=(PackageMove(package="web", before=None, after="2"),),
                ),
            ),
            tried=3,
            skipped=1,
            seconds=1.0,
            constrained=(),
        ),
        render_bisect,
        bisect_table,
    ),
    Report(
        "build",
        BuildResult(
            wheels=(
                LockedWheel(
                    driver="app",
                    package="svc",
                    version="1",
                    target=str(LINUX),
                    file="svc-1-py3-none-any.whl",
                    sha256="0" * 64,
                    size=7,
                    new=True,
                ),
            ),
            failures=(),
        ),
        render_build,
        build_table,
    ),
    Report(
        "status",
        Status(
            host="here",
            created="2026-11-20T10:00:00Z",
            store="/store",
            generation=1,
            generation_created="2026-11-20T10:00:00Z",
            declared=True,
            drivers=(
                DriverStatus(
                    name="app",
                    version="1",
                    variant="cpu",
                    locked="2",
                    stale=("it is new",),
                    due=True,
                    outdated=1,
                    probes=LastRun(
                        finished="2026-11-20T10:00:00Z", failed=1, failures=("it failed",)
                    ),
                    drift=1,
                ),
            ),
            drift=(FINDING,),
            running=(RunningProcesses(driver="app", version="1", current=False, count=1),),
            disk=Disk(environments=1, count=1, free=1, size=2),
            verified=None,
        ),
        render_status,
        status_table,
    ),
    Report(
        "audit",
        AuditResult(
            installed=False,
            drivers=(
                AuditedDriver(
                    name="app",
                    version="1",
                    packages=2,
                    vulnerabilities=(
                        Vulnerability(
                            package="numpy",
                            version="1",
                            advisory=Advisory(
                                id="CVE-1",
                                aliases=("GHSA-1",),
                                summary="it breaks",
                                severity="HIGH",
                                fixed=("2",),
                            ),
                            fixed=("2",),
                            fitting=(),
                            held_by=(Holder(chain=("web 1",), specifier="<2", kind="requirement"),),
                            path="locks/app.toml",
                            line=1,
                        ),
                    ),
                    unjudged=("web 1",),
                ),
            ),
            unused=(IgnoredAdvisory(id="CVE-2", reason="no danger", expires="2030-12-31", line=3),),
            file="drivers.toml",
        ),
        render_audit,
        audit_table,
    ),
    Report(
        "try",
        TryResult(
            driver="app",
            environment="/store/envs/app-1",
            results=(RESULT,),
            passed=False,
            promoted=("numpy<2",),
        ),
        render_try,
        try_table,
    ),
    Report(
        "upgrade",
        Upgraded(lock=LOCKED, comparison=COMPARISON, command="envbuild lock"),
        lambda result: render_upgrade(result, "drivers.toml"),
        upgrade_table,
    ),
    Report(
        "outdated",
        OutdatedResult(
            drivers=(
                OutdatedDriver(
                    name="app",
                    targets=(LINUX,),
                    packages=(
                        OutdatedPackage(
                            name="numpy",
                            locked="1",
                            admitted="1",
                            newest="2",
                            is_behind=True,
                            is_major=True,
                            direct=False,
                            held_by=(Holder(chain=("web 1",), specifier="<2", kind="requirement"),),
                            obstacle=None,
                            yanked="broken",
                            status="archived",
                            targets=(LINUX,),
                        ),
                    ),
                    looked_at=2,
                ),
            )
        ),
        render_outdated,
        outdated_table,
    ),
    Report(
        "tree",
        TreeResult(
            file="drivers.toml",
            driver="app",
            version="1",
            lines={"web[fast]": 3},
            target=LINUX,
            others=(),
            packages={"web": "1", "numpy": "1"},
            edges=EDGES,
        ),
        render_tree,
        tree_table,
    ),
    Report("verify", VERIFIED, render_verify, verify_table),
    Report(
        "why",
        WhyResult(
            file="drivers.toml",
            driver="app",
            package="numpy",
            lines={"web[fast]": 3},
            reasons=(
                Reasons(
                    target=LINUX,
                    version="1",
                    chains=(EDGES,),
                    complete=True,
                    further=0,
                    bounds=(
                        Bound(requirer="web", specifier="<2", kind="requires", binding="above"),
                    ),
                ),
            ),
            absent=(),
        ),
        render_why,
        why_table,
    ),
)
"""Every report that is made of foreign values; `sync` and `rollback` print the same words as these."""
