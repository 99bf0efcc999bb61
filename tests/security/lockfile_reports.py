"""One harmless result of each report on declarations and lockfiles."""

from __future__ import annotations

from envbuild.commands.audit import AuditedDriver, AuditResult, Vulnerability
from envbuild.commands.bisect import BisectResult, Culprit
from envbuild.commands.check import CheckResult
from envbuild.commands.comparison import RevisionComparison
from envbuild.commands.conflicts import ConflictsResult, JointAnswer
from envbuild.commands.diff import DiffResult
from envbuild.commands.edit import EditResult
from envbuild.commands.export import Compared, ExportResult
from envbuild.commands.init import InitResult
from envbuild.commands.lock_result import DriverLock, LockResult
from envbuild.commands.outdated import (
    Holder,
    OutdatedDriver,
    OutdatedPackage,
    OutdatedResult,
)
from envbuild.commands.show import Effective, Shown, ShowResult
from envbuild.commands.upgrade import Upgraded
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
from envbuild.errors import Problem
from envbuild.index.advisory import Advisory
from envbuild.launchers.fleet import ExportedFile
from envbuild.lockfile.chains import Bound, Reasons
from envbuild.lockfile.difference import Change, DriverDiff
from envbuild.lockfile.lockfile import HeldBack
from envbuild.lockfile.moves import PackageMove
from envbuild.report.audit import audit_table, render_audit
from envbuild.report.bisect import bisect_table, render_bisect
from envbuild.report.check import check_table, render_check
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
from envbuild.report.lock import lock_table, render_lock
from envbuild.report.outcome import problem_table
from envbuild.report.outdated import outdated_table, render_outdated
from envbuild.report.upgrade import render_upgrade, upgrade_table
from envbuild.report.why import render_tree, render_why, tree_table, why_table
from envbuild.requirement.graph import Edge
from tests.security.report import FINDING, Report
from tests.support.values import LINUX

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

LOCKFILE_REPORTS = (
    Report("check", CHECK, render_check, check_table),
    Report("conflicts", CONFLICTS, render_conflicts, conflicts_table),
    Report("diff", DiffResult(against="main", drivers=(DIFF,)), render_diff, diff_table),
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
    Report("init", InitResult(path="drivers.toml"), render_init, init_table),
    Report(
        "lock",
        LOCKED,
        render_lock,
        lock_table,
    ),
    Report(
        "problems",
        Problem(message="no", file="a.toml", line=1, key="drivers.app", hint="do", detail="words"),
        lambda problem: render_problems([problem]),
        problem_table,
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
"""What `init`, `lock` and their like print; `sync` prints the same words as these and those of stores."""
