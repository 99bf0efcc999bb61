"""What is found out after uv failed: the right class, the right words, nothing where all is well."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import IndexFailureError, UnsatisfiableError
from envbuild.index.answer import Fault, IndexAnswer
from envbuild.index.diagnosis import diagnose_resolution
from envbuild.index.file_diagnosis import diagnose_files
from envbuild.lockfile.lockfile import ChosenFile
from envbuild.resolution.resolution import ResolveRequest
from envbuild.target.target import parse_target
from envbuild.value import replace
from tests.support.fault_proxy import Change, FaultProxy, Hang, Reset, Status, Truncate
from tests.support.index_server import IndexServer, Offer
from tests.support.indexes import locations
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.index.reader import IndexClient
    from tests.support.fault_proxy import Fault as Injected

REQUEST = ResolveRequest(
    driver="d",
    requires=("acme", "lib>=1"),
    constraints=(),
    overrides=(),
    target=parse_target("3.12-x86_64-manylinux_2_28"),
    exclude_newer=None,
    allow_sdist=(),
    pins=(),
    indexes=(),
)
ACME = Wheel(name="acme")
LIB = Wheel(name="lib", files={"lib/data": os.urandom(5000)})


def chosen(wheel: Wheel | Sdist) -> ChosenFile:
    """The file as a plan has it."""
    return ChosenFile(
        package=wheel.name,
        version="1.0",
        index="default",
        file=wheel.filename,
        sha256=wheel.sha256,
        size=len(wheel.to_bytes()),
    )


def test_where_all_is_well_it_is_not_the_index(client: IndexClient, index: IndexServer) -> None:
    """Ranges that cannot be met are left to uv's own words."""
    index.add(ACME, LIB)
    impossible = replace(REQUEST, requires=("acme>=7", "lib"))
    assert diagnose_resolution(client, locations(index.url), impossible) is None


@pytest.mark.parametrize(
    ("injected", "words"),
    [
        (Status(code=401), "requires a user and a password (401)"),
        (Status(code=403), "does not permit reading the page of package 'lib' (403)"),
        (Status(code=500), "failed to serve the page of package 'lib' (500 Internal Server Error)"),
        (Hang(), "did not answer in time: no byte in 1 s"),
        (Reset(), "cannot be reached: connection reset by peer"),
        (Truncate(after=10), "stopped in the middle of the page of package 'lib'"),
    ],
    ids=str,
)
def test_a_bad_answer_is_an_index_failure(
    client: IndexClient, index: IndexServer, faults: FaultProxy, injected: Injected, words: str
) -> None:
    """What an index did to a directly required package is exit 4, by the index's name and place."""
    index.add(ACME, LIB)
    faults.inject("/lib/", injected)
    found = diagnose_resolution(client, locations(faults.url), REQUEST)
    assert isinstance(found, IndexFailureError)
    assert f"index 'default' ({faults.origin[7:]}) {words}" in str(found)


def test_every_unknown_name_is_said(client: IndexClient, index: IndexServer) -> None:
    """Two names that no index has are two problems, with where each was looked for."""
    index.add(LIB)
    places = locations(index.url, internal=(index.url, "in-*"))
    request = replace(REQUEST, requires=("lib", "acme", "in-house"))
    found = diagnose_resolution(client, places, request)
    assert isinstance(found, IndexFailureError)
    assert [problem.message for problem in found.problems] == [
        "index 'default' has no package 'acme'",
        "index 'internal' has no package 'in-house'",
    ]
    assert "only from there" in (found.problems[1].hint or "")


def test_an_index_that_is_down_is_said_once(client: IndexClient) -> None:
    """However many packages come from it."""
    request = replace(REQUEST, requires=tuple(f"p{number}" for number in range(50)))
    found = diagnose_resolution(client, locations("http://127.0.0.1:9/simple"), request)
    assert isinstance(found, IndexFailureError)
    assert len(found.problems) == 1


def test_requirements_of_other_targets_are_not_asked_for(
    client: IndexClient, index: IndexServer
) -> None:
    """A marker that does not hold on the target keeps its package out of the diagnosis."""
    index.add(LIB)
    request = replace(REQUEST, requires=("lib", "acme; sys_platform == 'win32'"))
    assert diagnose_resolution(client, locations(index.url), request) is None
    assert not index.asked("acme")


def test_a_page_without_files_is_no_packages_page(client: IndexClient) -> None:
    """A sign-in page that answers everything with 200 and HTML is said to be none."""
    with IndexServer([Wheel(name="simple")], Offer(json=False)) as portal:
        above = locations(portal.origin)  # whose page of `simple` is the list of all packages
        found = diagnose_resolution(client, above, replace(REQUEST, requires=("simple",)))
    assert isinstance(found, IndexFailureError)
    assert "returned no package page for 'simple': it lists no file" in str(found)


def test_what_a_router_saw_goes_first(client: IndexClient, index: IndexServer) -> None:
    """A bad answer deep in the tree counts; what was merely not there does not."""
    index.add(ACME, LIB)
    places = locations(index.url)
    absent = IndexAnswer(fault=Fault.NOT_FOUND, location=places.default, package="deep")
    denied = replace(absent, fault=Fault.FORBIDDEN, status=403)
    assert diagnose_resolution(client, places, REQUEST, [absent]) is None
    found = diagnose_resolution(client, places, REQUEST, [absent, denied, denied])
    assert isinstance(found, IndexFailureError)
    (problem,) = found.problems
    assert problem.message == (
        f"index 'default' ({index.origin[7:]}) does not permit reading "
        "the page of package 'deep' (403)"
    )


@pytest.mark.parametrize(
    ("requires", "constraints", "overrides"),
    [
        (("acme",), (), ()),
        (("acme>=2", "acme<4"), (), ()),
        (("acme",), ("acme==3.0",), ()),
        (("acme==1.0",), (), ("acme>=3",)),
    ],
)
def test_only_a_source_distribution(
    client: IndexClient,
    index: IndexServer,
    requires: tuple[str, ...],
    constraints: tuple[str, ...],
    overrides: tuple[str, ...],
) -> None:
    """Where no allowed version has a wheel but one has its source: exit 3, and `allow-sdist`."""
    index.add(Sdist(wheel=Wheel(name="acme", version="3.0")))
    if requires != ("acme",) or constraints:
        index.add(ACME)
    request = replace(REQUEST, requires=requires, constraints=constraints, overrides=overrides)
    found = diagnose_resolution(client, locations(index.url), request)
    assert isinstance(found, UnsatisfiableError)
    assert str(found) == (
        "drivers.d.requires: only a source distribution exists of acme 3.0 "
        f"on index 'default' ({index.origin[7:]})\n"
        '  hint: allow-sdist = ["acme"] allows building it, which runs its code, '
        "or require a version with a wheel"
    )
    allowed = replace(request, allow_sdist=("acme",))
    assert diagnose_resolution(client, locations(index.url), allowed) is None


def test_a_wheel_of_another_allowed_version_is_enough(
    client: IndexClient, index: IndexServer
) -> None:
    """A newer version without a wheel is no reason where an older one has it."""
    index.add(ACME, LIB, Sdist(wheel=Wheel(name="acme", version="3.0")))
    assert diagnose_resolution(client, locations(index.url), REQUEST) is None


def test_files_that_are_as_locked_are_no_reason(client: IndexClient, index: IndexServer) -> None:
    """Where every file is as it was locked, the index is not blamed."""
    index.add(ACME, LIB)
    assert diagnose_files(client, locations(index.url), [chosen(ACME), chosen(LIB)]) is None


@pytest.mark.parametrize("everything", [True, False])
def test_a_locked_wheel_that_is_gone(
    client: IndexClient, index: IndexServer, everything: bool
) -> None:
    """A file, or a whole package, that its index no longer has: named, with what to do."""
    index.add(ACME, LIB)
    if not everything:
        index.add(Wheel(name="lib", version="2.0"))
    index.remove(LIB.filename)
    found = diagnose_files(client, locations(index.url), [chosen(ACME), chosen(LIB)])
    assert str(found) == (
        "the locked file lib-1.0-py3-none-any.whl is gone from index 'default' "
        f"({index.origin[7:]})\n"
        "  hint: lock a version that is there: envbuild lock --upgrade-package lib"
    )


@pytest.mark.parametrize("case", ["said", "size", "content"])
def test_a_changed_wheel_is_named(client: IndexClient, index: IndexServer, case: str) -> None:
    """Whether the page says so, the size shows it, or only the content: another file is another file."""
    index.add(ACME, LIB)
    content = LIB.to_bytes()
    changed = {"said": content, "size": content + b"x", "content": content[:-1] + b"x"}[case]
    if case == "said":
        changed = Wheel(name="lib").to_bytes()
    index.replace(LIB.filename, changed, tell=case == "said")
    found = diagnose_files(client, locations(index.url), [chosen(ACME), chosen(LIB)])
    assert isinstance(found, IndexFailureError)
    (problem,) = found.problems
    assert problem.message.startswith(
        f"index 'default' ({index.origin[7:]}) serves a changed {LIB.filename}: "
        f"locked is sha256 {LIB.sha256[:12]}…, "
    )
    ending = {"said": "its page says", "size": "bytes instead of", "content": "its content has"}
    assert ending[case] in problem.message


@pytest.mark.parametrize(
    ("injected", "words"),
    [
        (Status(code=401), "requires a user and a password (401)"),
        (Status(code=403), f"does not permit reading {LIB.filename} (403)"),
        (Status(code=404), f"lists {LIB.filename} but does not have it (404)"),
        (Status(code=503), f"failed to serve {LIB.filename} (503 Service Unavailable)"),
        (Hang(), "did not answer in time: no byte in 1 s"),
        (Reset(), "cannot be reached: connection reset by peer"),
        (Truncate(after=100), f"stopped in the middle of {LIB.filename}"),
        (Change(), f"serves a changed {LIB.filename}: locked is"),
    ],
    ids=str,
)
def test_a_file_that_does_not_come_is_named(
    client: IndexClient, index: IndexServer, faults: FaultProxy, injected: Injected, words: str
) -> None:
    """Each way in which a listed file fails has its own words."""
    index.add(ACME, LIB)
    faults.inject("lib.*whl$", injected)
    found = diagnose_files(client, locations(faults.url), [chosen(ACME), chosen(LIB)])
    assert isinstance(found, IndexFailureError)
    assert f"index 'default' ({faults.origin[7:]}) {words}" in str(found)
    assert len(found.problems) == 1


def test_a_folder_is_diagnosed_like_an_index(client: IndexClient, scratch: Path) -> None:
    """A wheel in a folder can be gone or changed too."""
    places = locations(scratch / "wheels")
    ACME.write(scratch / "wheels")
    assert diagnose_files(client, places, [chosen(ACME)]) is None
    assert "is gone from index" in str(diagnose_files(client, places, [chosen(LIB)]))
    path = scratch / "wheels" / ACME.filename
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert "its content has" in str(diagnose_files(client, places, [chosen(ACME)]))


def test_a_diagnosis_downloads_no_more_than_it_may(client: IndexClient, index: IndexServer) -> None:
    """Small files first, and large ones not at all: a failed sync is not answered with gigabytes."""
    budget = len(ACME.to_bytes())
    index.add(ACME, LIB)
    large = replace(chosen(LIB), size=len(LIB.to_bytes()))
    files = [large, chosen(ACME)]
    assert diagnose_files(client, locations(index.url), files, budget=budget) is None
    whole = [asked.path for asked in index.asked(r"\.whl$") if asked.status == 200]
    assert whole == [f"/files/{ACME.filename}"]
