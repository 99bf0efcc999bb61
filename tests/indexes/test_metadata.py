"""METADATA from real servers: beside the wheel, in ranges, out of the whole file, built, remembered."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import HostError, IndexFailureError
from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.index.inner_metadata import InnerMetadataReader
from envbuild.index.metadata import MetadataReader
from envbuild.index.metadata_cache import MetadataCache
from envbuild.index.reader import IndexClient
from envbuild.posix.process import Completed, SystemRunner
from envbuild.uv.sdist import SdistBuilder
from envbuild.value import replace as with_fields
from tests.support.fault_proxy import FaultProxy, Hang, Status
from tests.support.index_server import IndexServer, Offer
from tests.support.indexes import locations, resolved
from tests.support.pypiserver_process import run_pypiserver
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from envbuild.index.locations import IndexLocations
    from envbuild.posix.process import Command
    from envbuild.resolution.resolution import ResolvedFile

    MakeReader = Callable[[IndexLocations], MetadataReader]

BIG = Wheel(name="big", requires=("b>=1",), files={"big/data": os.urandom(1 << 20)})
SMALL = Wheel(name="small", requires=("b>=1",))


class NoRunner:
    """Runs nothing: a wheel is read, never built."""

    def run(self, command: Command) -> Completed:
        """Fail the test."""
        raise AssertionError(command.argv)


@pytest.fixture
def reader(scratch: Path) -> Iterator[MakeReader]:
    """Make a reader over some locations, with a cache in the test's folder."""
    with IndexClient({}, read_timeout=1) as client:

        def make(places: IndexLocations) -> MetadataReader:
            builder = SdistBuilder(runner=NoRunner(), cache=scratch / "uv", index_environment=dict)
            cache = MetadataCache(folder=scratch / "metadata")
            return MetadataReader(
                locations=places,
                client=client,
                inner=InnerMetadataReader(client),
                cache=cache,
                builder=builder,
            )

        yield make


def on(index: IndexServer, wheel: Wheel) -> ResolvedFile:
    """The wheel as uv saw it on the index itself."""
    return resolved(wheel, f"{index.origin}/files/{wheel.filename}")


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "default"])
@pytest.mark.parametrize(
    "offer",
    [
        Offer(),
        Offer(metadata=False),
        Offer(ranges=False),
        Offer(json=False),
        Offer(json=False, metadata=False),
        Offer(json=False, ranges=False),
        Offer(metadata=False, ranges=False),
        Offer(hashes=False, sizes=False, metadata=False, ranges=False),
    ],
    ids=str,
)
def test_every_kind_of_index_gives_the_same(
    reader: MakeReader, index: IndexServer, offer: Offer, bound: bool
) -> None:
    """With or without PEP 658, ranges, sizes and hashes: requirements and size come out."""
    index.add(BIG)
    index.offer = offer
    places = (
        locations("http://127.0.0.1:9/", own=(index.url, "big")) if bound else locations(index.url)
    )
    found = reader(places).read(on(index, BIG))
    assert found.requires == ("b>=1",)
    assert found.size == len(BIG.to_bytes())


def test_metadata_is_remembered(reader: MakeReader, index: IndexServer, scratch: Path) -> None:
    """What was read of bytes with that sha256 is read from the cache, in another run too."""
    index.add(SMALL)
    first = reader(locations(index.url)).read(on(index, SMALL))
    asked = len(index.requests)
    assert reader(locations(index.url)).read(on(index, SMALL)) == first
    assert len(index.requests) == asked
    entry = scratch / "metadata" / SMALL.sha256[:2] / f"{SMALL.sha256}.json"
    entry.write_bytes(entry.read_bytes()[:-9])
    assert reader(locations(index.url)).read(on(index, SMALL)) == first
    assert len(index.requests) > asked


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "default"])
@pytest.mark.parametrize(
    "offer",
    [Offer(metadata_hashes=False), Offer(metadata_hashes=False, ranges=False), Offer(json=False)],
    ids=["unhashed", "unhashed-without-ranges", "html"],
)
def test_what_nobody_vouches_for_is_forgotten(
    reader: MakeReader, index: IndexServer, scratch: Path, offer: Offer, bound: bool
) -> None:
    """A wrong METADATA lasts no longer than the page that brought it: once the index is mended, the next
    command reads the right one.
    """
    index.add(BIG)
    index.offer = offer
    wrong = Wheel(name="big", requires=("evil",), files=BIG.files)
    restored = index.files[BIG.filename]
    index.files[BIG.filename] = replace(
        restored, content=wrong.to_bytes(), metadata=wrong.metadata()
    )
    places = (
        locations("http://127.0.0.1:9/", own=(index.url, "big")) if bound else locations(index.url)
    )
    made = reader(places)
    told = made.read(on(index, BIG)) if offer.ranges or bound else None
    assert told is None or told.requires == ("evil",)
    index.files[BIG.filename] = restored
    with IndexClient({}, read_timeout=1) as client:
        cache = MetadataCache(folder=scratch / "metadata")
        inner = InnerMetadataReader(client)
        again = MetadataReader(
            locations=places, client=client, inner=inner, cache=cache, builder=made.builder
        )
        assert again.read(on(index, BIG)).requires == ("b>=1",)


@pytest.mark.parametrize("ranges", [True, False])
def test_an_unhashed_metadata_that_lies_is_not_asked(
    reader: MakeReader, index: IndexServer, ranges: bool
) -> None:
    """What a wheel says about itself inside is what counts, where the page has no hash of what lies beside it."""
    index.add(SMALL)
    index.offer = Offer(metadata_hashes=False, ranges=ranges)
    lie = Wheel(name="small").metadata()
    index.files[SMALL.filename] = replace(index.files[SMALL.filename], metadata=lie)
    places = locations("http://127.0.0.1:9/", own=(index.url, "small"))
    assert reader(places).read(on(index, SMALL)).requires == ("b>=1",)


def test_a_folder_is_read_in_place(reader: MakeReader, scratch: Path) -> None:
    """Wheels of a folder are opened where they are."""
    BIG.write(scratch / "wheels")
    found = reader(locations(scratch / "wheels")).read(resolved(BIG))
    assert (found.requires, found.size) == (("b>=1",), len(BIG.to_bytes()))


def test_pypiserver_is_an_index_too(reader: MakeReader, scratch: Path) -> None:
    """A server of another make, without PEP 658 and JSON."""
    BIG.write(scratch / "wheels")
    with run_pypiserver(scratch / "wheels") as url:
        found = reader(locations("http://127.0.0.1:9/", own=(url, "big"))).read(resolved(BIG))
    assert (found.requires, found.size) == (("b>=1",), len(BIG.to_bytes()))


def test_a_whole_wheel_must_have_its_hash(reader: MakeReader, index: IndexServer) -> None:
    """A wheel that had to be downloaded whole is not believed with another hash."""
    index.add(BIG)
    index.offer = Offer(metadata=False, ranges=False)
    index.replace(BIG.filename, Wheel(name="big", requires=("evil",)).to_bytes() + bytes(1 << 17))
    with pytest.raises(IndexAnswerError) as caught:
        reader(locations(index.url)).read(on(index, BIG))
    assert caught.value.answer.fault is Fault.CHANGED


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "default"])
def test_wrong_metadata_names_index_and_file(
    reader: MakeReader, index: IndexServer, bound: bool
) -> None:
    """A requirement that is none is said of the file that has it, exit 4."""
    wrong = Wheel(name="wrong", requires=("b >=> 1",))
    index.add(wrong)
    places = (
        locations("http://127.0.0.1:9/", own=(index.url, "w*")) if bound else locations(index.url)
    )
    with pytest.raises(IndexFailureError) as caught:
        reader(places).read(on(index, wrong))
    assert caught.value.exit_code == 4
    assert "wrong-1.0-py3-none-any.whl that cannot be read: it requires 'b >=> 1'" in str(
        caught.value
    )


def test_many_files_side_by_side(reader: MakeReader, index: IndexServer) -> None:
    """All files of a resolution at once, each by its sha256; one that is asked for twice once."""
    wheels = [Wheel(name=f"p{number}", requires=(f"q{number}",)) for number in range(30)]
    index.add(*wheels)
    files = [on(index, wheel) for wheel in wheels]
    found = reader(locations(index.url)).read_all([*files, *files])
    assert found.keys() == {wheel.sha256 for wheel in wheels}
    assert found[wheels[7].sha256].requires == ("q7",)
    assert len(index.asked("/simple/")) == len(index.asked(r"\.whl$")) == 30
    assert reader(locations(index.url)).read_all([]) == {}


def test_every_problem_is_said_once(
    reader: MakeReader, index: IndexServer, faults: FaultProxy
) -> None:
    """Many files fail for one reason: one problem, and the rest is not waited for."""
    wheels = [Wheel(name=f"p{number}") for number in range(60)]
    index.add(*wheels)
    index.offer = Offer(metadata=False)
    faults.inject(r"\.whl$", Hang())
    files = [resolved(wheel, f"{faults.origin}/files/{wheel.filename}") for wheel in wheels]
    with pytest.raises(IndexFailureError) as caught:
        reader(locations(faults.url)).read_all(files)
    assert len(caught.value.problems) == 1
    assert faults.count(r"\.whl$") < len(wheels)


def test_a_source_distribution_is_built(
    index: IndexServer, reader: MakeReader, scratch: Path
) -> None:
    """Where a declaration allows it, METADATA is that of the wheel which uv builds; the size its own."""
    sdist = Sdist(wheel=Wheel(name="raw", requires=("b>=2",)), tells=scratch / "told")
    index.add(sdist)
    made = reader(locations(index.url))
    builder = SdistBuilder(runner=SystemRunner(), cache=scratch / "uv", index_environment=dict)
    able = with_fields(made, builder=builder)
    found = able.read(resolved(sdist))
    assert (found.requires, found.size) == (("b>=2",), len(sdist.to_bytes()))
    assert (scratch / "told").exists()
    sdist.write(scratch / "wheels")
    made.cache.folder.rename(scratch / "aside")
    in_folder = with_fields(able, locations=locations(scratch / "wheels"))
    assert in_folder.read(resolved(sdist)) == found


def test_a_build_that_fails_says_so_in_its_own_words(
    index: IndexServer, scratch: Path, reader: MakeReader
) -> None:
    """A build that cannot be done is the host's matter, exit 5, with uv's words."""

    class Failing:
        def run(self, command: Command) -> Completed:
            """Fail like a compiler that is not there."""
            return Completed(code=2, stdout="", stderr="cc: not found")

    sdist = Sdist(wheel=Wheel(name="raw"))
    index.add(sdist)
    made = reader(locations(index.url))
    builder = SdistBuilder(runner=Failing(), cache=scratch / "uv", index_environment=dict)
    failing = with_fields(made, builder=builder)
    with pytest.raises(HostError) as caught:
        failing.read_all([resolved(sdist)])
    assert str(caught.value).startswith(
        "raw-1.0.tar.gz cannot be built into a wheel\n  cc: not found"
    )


def test_no_permission_ends_it(reader: MakeReader, index: IndexServer, faults: FaultProxy) -> None:
    """A file that may not be read is said to be so, and not looked for in other ways."""
    index.add(BIG)
    index.offer = Offer(metadata=False)
    faults.inject(r"\.whl$", Status(code=403))
    file = resolved(BIG, f"{faults.origin}/files/{BIG.filename}")
    with pytest.raises(IndexAnswerError) as caught:
        reader(locations(faults.url)).read(file)
    assert caught.value.answer.fault is Fault.FORBIDDEN
