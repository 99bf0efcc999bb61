"""What `lock`, `sync`, `list` and `which` print, as text and as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.build.builder import Applied, Failure
from envbuild.commands.lock_result import CrossCheck, DriverLock, LockFailure, LockResult, NoSet
from envbuild.commands.sync import SyncResult
from envbuild.errors import IndexFailureError, Problem, UnsatisfiableError
from envbuild.lockfile.difference import Change, file_change
from envbuild.lockfile.lockfile import HeldBack
from envbuild.lockfile.picks import Difference, PickedSide
from envbuild.report.list import list_table, render_list, which_table
from envbuild.report.lock import lock_table, render_lock
from envbuild.report.outcome import Outcome, problems_table, render_table
from envbuild.report.sync import render_sync, sync_table
from envbuild.store.generation import next_manifest
from envbuild.store.manifest import Manifest, Preferred, manifest_table
from envbuild.store.plan import Plan, Skip, Wanted, plan_sync
from envbuild.text import Text, text_of
from envbuild.value import replace
from tests.support.golden import assert_golden
from tests.support.values import (
    ARM,
    CREATED,
    LINUX,
    STORE,
    digest,
    make_declaration,
    make_driver,
    make_entry,
    make_file,
    make_manifest,
    make_package,
    make_wanted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "report"


def locked(driver: str, *changes: Change, reasons: tuple[str, ...] = (), **more: Any) -> DriverLock:
    """What locking came to for a driver with 41 packages."""
    plain = DriverLock(
        driver=driver,
        fresh=not reasons,
        reasons=reasons,
        changes=changes,
        version="1.2.1",
        packages=41,
        digest="",
    )
    return replace(plain, **more)


MOVES = (
    Change(package="anyio", before=(), after=("4.11.0",)),
    Change(package="idna", before=("3.10", "3.11"), after=("3.11",)),
    Change(package="sniffio", before=("1.3.1",), after=()),
    file_change("torch", "2.8.0", ("torch-2.8.0-a.whl", "1" * 64), ("torch-2.8.0-a.whl", "2" * 64)),
    file_change("triton", "3.4", ("triton-3.4-a.whl", "3" * 64), ("triton-3.4-1-a.whl", "4" * 64)),
    Change(package="urllib3", before=("2.6.3",), after=("2.7.0",)),
)

LOCKS = {
    "lock-first": LockResult(
        checked=False,
        drivers=(
            locked(
                "asr",
                Change(package="faster-whisper", before=(), after=("1.2.1",)),
                Change(package="torch", before=(), after=("2.8.0", "2.9.0")),
                reasons=("there is no lockfile",),
                warnings=("torch 2.8.0 is yanked from index 'default': it is broken",),
                held_back=(
                    HeldBack(
                        package="faster-whisper",
                        locked="1.2.1",
                        passed_over="1.3.0",
                        reason="source",
                        blockers=("av", "jiwer"),
                        targets=(LINUX,),
                    ),
                ),
            ),
            locked(
                "gateway",
                Change(package="litellm", before=(), after=("1.2.1",)),
                reasons=("there is no lockfile",),
                packages=1,
            ),
        ),
        undeclared=(),
    ),
    "lock-again": LockResult(
        checked=False,
        drivers=(
            locked("asr"),
            locked("gateway", *MOVES, reasons=("an upgrade of everything was requested",)),
            locked("vllm", reasons=("version-of: vllm became torch", "python: 3.11 is gone")),
        ),
        undeclared=("locks/ocr.toml",),
    ),
    "lock-check": LockResult(
        checked=True,
        drivers=(
            locked("asr"),
            locked(
                "gateway",
                reasons=(
                    "requires: litellm[proxy]>=1.81 is new",
                    "requires: litellm[proxy] is gone",
                ),
            ),
            locked("vllm", reasons=("there is no lockfile",), version=None, packages=None),
        ),
        undeclared=(),
        resolved=False,
    ),
    "lock-upgrade-check": LockResult(
        checked=True,
        drivers=(
            locked("asr"),
            locked("gateway", *MOVES, reasons=("an upgrade of everything was requested",)),
        ),
        undeclared=(),
    ),
    "lock-partly": LockResult(
        checked=False,
        drivers=(locked("gateway", *MOVES, reasons=("python: 3.11 is gone",)),),
        undeclared=(),
        failures=(
            LockFailure(
                drivers=("asr", "tts"),
                error=UnsatisfiableError(Problem(message="no versions", hint="widen a range")),
            ),
        ),
    ),
    "lock-cross-check": LockResult(
        checked=True,
        drivers=(locked("asr"), locked("gateway"), locked("vllm")),
        undeclared=(),
        cross_checks=(
            CrossCheck(
                driver="asr",
                resolver="uv",
                judge="pip-tools",
                packages=82,
                builds=2,
                agreed=(LINUX, ARM),
            ),
            CrossCheck(
                driver="gateway",
                resolver="uv",
                judge="pip-tools",
                packages=41,
                differences=(
                    Difference(
                        package="openai",
                        targets=(LINUX,),
                        locked=PickedSide(
                            version="2.54.0",
                            required_by=("litellm 1.106.2 requires openai<3",),
                            why="not 3.57.0: litellm 1.106.2 requires openai<3",
                        ),
                        judged=PickedSide(
                            version="3.57.0",
                            required_by=("litellm 1.108.7 requires openai>=2",),
                            why="it could take 2.54.0 too, and preferred 3.57.0",
                        ),
                    ),
                    Difference(
                        package="distro",
                        targets=(LINUX,),
                        locked=PickedSide(
                            version="1.9.0",
                            required_by=("openai 2.54.0 requires distro",),
                            why="what it took requires it",
                        ),
                        judged=PickedSide(
                            version=None, required_by=(), why="nothing that it took requires it"
                        ),
                    ),
                ),
                not_judged=((ARM, "this host is x86_64-manylinux_2_36"),),
            ),
            CrossCheck(
                driver="vllm",
                resolver="uv",
                judge="pip-tools",
                packages=0,
                unsatisfied=(
                    NoSet(
                        target=LINUX, words="a 1.0 requires b<2\nthe driver requires b>=2\x1b[0m"
                    ),
                    NoSet(target=LINUX, words="a 1.0 requires b<2", build="flash-attn"),
                ),
                differences=(
                    Difference(
                        package="packaging",
                        build="flash-attn",
                        targets=(ARM,),
                        locked=PickedSide(version="26.0", required_by=(), why="a"),
                        judged=PickedSide(version="25.0", required_by=(), why="b"),
                    ),
                ),
            ),
        ),
    ),
    "lock-nothing": LockResult(checked=False, drivers=(), undeclared=()),
}


def both(name: str, text: str, table: Mapping[str, object]) -> None:
    """Compare a result's text and its JSON with the golden files of that name."""
    assert_golden(FOLDER / f"{name}.txt", text)
    assert_golden(FOLDER / f"{name}.json", render_table(table))


@pytest.mark.parametrize("name", LOCKS)
def test_lock(name: str) -> None:
    """Per driver: fresh or not, why, and what was added, removed and moved."""
    both(name, render_lock(LOCKS[name]), lock_table(LOCKS[name]))


ASR = make_wanted(
    make_driver("asr", binary="uvicorn"),
    make_package("asr", "1.2.1"),
    make_package("onnxruntime", files=(replace(make_file("onnxruntime"), size=17_445_000),)),
    key=digest("asr"),
)
GATEWAY = make_wanted(
    make_driver("gateway", binary="litellm"),
    make_package("gateway", "1.80.0"),
    key=digest("gateway"),
)
SKIP = Skip(driver="vllm", reason="it needs CUDA >=12.4; there is no NVIDIA driver")
REFUSED = IndexFailureError(
    Problem(
        message="the default index gave a wheel with another hash",
        hint="lock again, or ask who serves it",
        detail="asr-1.2.1-py3-none-any.whl",
    )
)


def planned(
    *wanted: Wanted, current: Manifest | None = None, names: bool = False, valid: bool = False
) -> Plan:
    """A plan for a host without an NVIDIA driver."""
    return plan_sync(
        wanted=wanted,
        skips=() if names else (SKIP,),
        named=names,
        declaration=make_declaration().digest,
        current=current,
        valid={item.environment for item in wanted} if valid else (),
    )


def after(plan: Plan, current: Manifest | None = None, failed: tuple[str, ...] = ()) -> Manifest:
    """The generation that the plan leads to."""
    return next_manifest(
        plan=plan,
        built=tuple(item for item in plan.wanted if item.driver.name not in failed),
        failed=failed,
        current=current,
        number=current.generation + 1 if current is not None else 1,
        created=CREATED,
        store=STORE,
        size_of=lambda _: 190_000_000,
    )


def applied(
    plan: Plan, manifest: Manifest | None, *failures: Failure, switched: bool
) -> SyncResult:
    """The result of a plan that was applied."""
    failed = {failure.driver for failure in failures}
    built = tuple(w.driver.name for w in plan.builds if w.driver.name not in failed)
    done = Applied(built=built, failures=failures, manifest=manifest, switched=switched)
    return SyncResult(plan=plan, applied=done, manifest=manifest)


FIRST = planned(ASR, GATEWAY)
CURRENT = after(FIRST)
FAILURE = Failure(driver="asr", error=REFUSED)
OLD = make_manifest(make_entry("asr", "1.0"), make_entry("ocr"), generation=4, declaration=None)
SECOND = planned(ASR, GATEWAY, current=OLD)
NAMED = planned(GATEWAY, current=OLD, names=True)
SAME = planned(ASR, GATEWAY, current=CURRENT, valid=True)

SYNCS = {
    "sync-dry-run": SyncResult(plan=FIRST, applied=None, manifest=None),
    "sync-dry-run-again": SyncResult(plan=SECOND, applied=None, manifest=OLD),
    "sync-dry-run-named": SyncResult(plan=NAMED, applied=None, manifest=OLD),
    "sync-nothing": SyncResult(plan=SAME, applied=None, manifest=CURRENT),
    "sync-first": applied(FIRST, CURRENT, switched=True),
    "sync-first-failed": applied(FIRST, None, FAILURE, switched=False),
    "sync-again": applied(SECOND, after(SECOND, OLD), switched=True),
    "sync-failed": applied(SECOND, OLD, FAILURE, switched=False),
    "sync-kept-going": applied(SECOND, after(SECOND, OLD, ("asr",)), FAILURE, switched=True),
    "sync-named": applied(NAMED, after(NAMED, OLD), switched=True),
}


@pytest.mark.parametrize("name", SYNCS)
def test_sync(name: str) -> None:
    """What would be done or was done to each driver, and which generation is current."""
    both(name, render_sync(SYNCS[name]), sync_table(SYNCS[name]))


def test_a_failure_decides_the_exit_code() -> None:
    """Whatever else was built, a driver that failed is the command's answer."""
    assert SYNCS["sync-kept-going"].exit_code == 4
    assert SYNCS["sync-first"].exit_code == SYNCS["sync-dry-run"].exit_code == 0


FLEET = make_manifest(
    make_entry(
        "asr",
        "1.2.1",
        commands=("uvicorn",),
        shims=(("uvicorn", "uvicorn"),),
        preferred=Preferred(python="3.13", version="1.3.0"),
    ),
    make_entry(
        "embeddings",
        "0.10.0",
        commands=("uvicorn", "fastapi"),
        shims=(("uvicorn", "embeddings"), ("fastapi", "fastapi")),
        size=1_500_000_000,
    ),
    make_entry("vllm", "0.11.0", size=10_523_000_000, env=(("VLLM_LOGGING_LEVEL", "WARNING"),)),
    generation=12,
)


@pytest.mark.parametrize(("name", "manifest"), [("list", FLEET), ("list-nothing", make_manifest())])
def test_list(name: str, manifest: Manifest) -> None:
    """Every driver with version, Python, size, since when; and each shim that is called otherwise."""
    table = manifest_table(manifest)
    both(name, render_list(table), list_table(table))


def test_which() -> None:
    """Every path of a driver in one object."""
    table: Any = manifest_table(FLEET)
    found = which_table("vllm", table["drivers"]["vllm"])
    assert_golden(FOLDER / "which.json", render_table(found))


def test_problems() -> None:
    """In JSON mode a failed command's problems stand on stdout, each with all its fields."""
    error = UnsatisfiableError(
        [
            Problem(
                file="drivers.toml",
                line=7,
                key="drivers.asr.requires",
                message="no set of versions satisfies asr",
                detail="Because …",
                hint="widen a range",
            ),
            Problem(message="no more"),
        ]
    )
    assert_golden(FOLDER / "problems.json", render_table(problems_table(error)))
    assert_golden(FOLDER / "problems.txt", f"{error}\n")


RESULTS = sorted(path.name for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", RESULTS)
def test_every_object_tells_its_version_first(name: str) -> None:
    """A reader of JSON knows the format before anything else, and every result is one object."""
    table = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    assert next(iter(table.items())) == ("version", 1)


@pytest.mark.parametrize(("as_json", "expected"), [(False, "text\n"), (True, "{\n")])
def test_only_what_is_asked_for_is_rendered(as_json: bool, expected: str) -> None:
    """Text and JSON are made when they are printed, so that neither costs the other's time."""
    calls: list[str] = []

    def text() -> Text:
        calls.append("text")
        return text_of(["text"])

    def table() -> dict[str, object]:
        calls.append("table")
        return {"a": 1}

    stream = io.StringIO()
    Outcome(code=0, text=text, table=table).show(stream, as_json=as_json)
    assert calls == ["table" if as_json else "text"]
    assert stream.getvalue().startswith(expected)


def test_a_first_lock_can_be_shown_whole() -> None:
    """`lock -v` lists what is only counted otherwise."""
    text = render_lock(LOCKS["lock-first"], whole=True)
    assert_golden(FOLDER / "lock-first-whole.txt", text)
    assert "  + litellm 1.2.1\n" in text
