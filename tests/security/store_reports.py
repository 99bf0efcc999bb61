"""One harmless result of each report on stores, and on what is built and runs."""

from __future__ import annotations

from envbuild.commands.build import BuildResult, LockedWheel
from envbuild.commands.child import TryResult
from envbuild.commands.doctor import Diagnosis, UnitCommand
from envbuild.commands.gc import Collected
from envbuild.commands.host_report import RunningProcesses
from envbuild.commands.probe import DriverProbes, ProbeReport
from envbuild.commands.ps import Running
from envbuild.commands.repair import Repaired
from envbuild.commands.status import Disk, DriverStatus, Status
from envbuild.commands.verify import InUse, Verified, VerifiedEnvironment
from envbuild.environment.lease import Process
from envbuild.environment.probe import Probe, ProbeResult
from envbuild.lockfile.difference import Change, DriverDiff
from envbuild.report.build import build_table, render_build
from envbuild.report.child import render_try, try_table
from envbuild.report.list import list_table, render_list
from envbuild.report.status import render_status, status_table
from envbuild.report.store import (
    gc_table,
    history_table,
    ps_table,
    render_gc,
    render_history,
    render_ps,
)
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
from envbuild.store.garbage import GcPlan, Kept
from envbuild.store.history import Generation
from envbuild.store.last_run import LastRun
from envbuild.store.manifest import manifest_table
from tests.security.report import FINDING, Report
from tests.support.values import LINUX, make_entry, make_manifest

RESULT = ProbeResult(
    driver="app",
    probe=Probe(argv=("app", "--version"), timeout=1, key="probe[0]"),
    seconds=1.0,
    failure="it failed",
    output="words",
    log="log",
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

STORE_REPORTS = (
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
    Report(
        "list",
        MANIFEST,
        lambda manifest: render_list(manifest_table(manifest)),
        lambda manifest: list_table(manifest_table(manifest)),
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
    Report("verify", VERIFIED, render_verify, verify_table),
)
"""What `list`, `verify` and their like print; `rollback` prints the same words."""
