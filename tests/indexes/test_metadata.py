"""METADATA from real servers: beside the wheel, in ranges, out of the whole file, built, remembered."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import HostError, IndexFailureError, Problem
from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.index.built_metadata import BuiltMetadataReader
from envbuild.index.inner_metadata import InnerMetadataReader
from envbuild.index.listed_sources import ListedSources
from envbuild.index.metadata import MetadataReader
from envbuild.index.metadata_cache import MetadataCache
from envbuild.index.reader import IndexClient
from envbuild.index.stand_ins import NO_SOURCES
from envbuild.value import replace as with_fields
from tests.support.fault_proxy import FaultProxy, Hang, Status
from tests.support.index_server import IndexServer, Offer
from tests.support.indexes import locations, resolved
from tests.support.pypiserver_process import run_pypiserver
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from envbuild.backend.source import SourceTree
    from envbuild.declaration.index import Bindings
    from envbuild.index.locations import IndexLocations
    from envbuild.index.stand_ins import SourceRules
    from envbuild.resolution.resolution import ResolvedFile

    MakeReader = Callable[[IndexLocations], MetadataReader]

BIG = Wheel(name="big", requires=("b>=1",), files={"big/data": os.urandom(1 << 20)})
SMALL = Wheel(name="small", requires=("b>=1",))


@pytest.fixture
def reader(scratch: Path) -> Iterator[MakeReader]:
    """Make a reader over some locations, with a cache in the test's folder."""
    with IndexClient({}, read_timeout=1) as client:

        def make(places: IndexLocations) -> MetadataReader:
            cache = MetadataCache(folder=scratch / "metadata")
            return MetadataReader(
                locations=places,
                client=client,
                inner=InnerMetadataReader(client),
                cache=cache,
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


def test_the_end_of_a_similar_wheel_is_read_at_once(reader: MakeReader, index: IndexServer) -> None:
    """A long list of files takes several requests for one version of a package, and one for each further version."""
    files = {f"long/{number:04}{'x' * 60}.py": "" for number in range(1000)}
    data = os.urandom(1 << 20)
    wheels = [
        Wheel(name="long", version=version, requires=("b>=1",), files={"a": data, **files, **more})
        for version, more in (("1.0", {}), ("2.0", {"long/new.py": ""}), ("3.0", {}))
    ]
    index.offer = Offer(metadata=False)
    index.add(*wheels)
    made = reader(locations(index.url))
    counts = []
    for wheel in wheels:
        assert made.read(on(index, wheel)).requires == ("b>=1",)
        counts.append(len(index.asked(wheel.filename)))
    assert counts[0] > 1
    assert counts[1:] == [1, 1]


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
        again = MetadataReader(locations=places, client=client, inner=inner, cache=cache)
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


class Backend:
    """A build backend that answers, or fails."""

    def __init__(self, error: HostError | None = None) -> None:
        self.error = error
        self.asked: list[tuple[str, str]] = []

    def prepare(
        self, tree: SourceTree, python: str, bindings: Bindings, rules: SourceRules
    ) -> bytes:
        """METADATA that depends on the Python."""
        self.asked.append((tree.name, python))
        if self.error is not None:
            raise self.error
        assert (tree.path / "PKG-INFO").is_file()
        return Wheel(name="raw", requires=(f"for-{python.replace('.', '-')}",)).metadata()


def sources(client: IndexClient, backend: Backend) -> ListedSources:
    """What comes as source, with that backend."""
    return ListedSources(client, BuiltMetadataReader(client, backend), NO_SOURCES, ())


def test_what_a_source_says_itself_needs_no_build(
    index: IndexServer, reader: MakeReader, scratch: Path
) -> None:
    """PKG-INFO of version 2.2 that calls nothing dynamic is the wheel's (PEP 643); the size is the archive's."""
    sdist = Sdist(wheel=Wheel(name="raw", requires=("b>=2",)), tells=scratch / "told")
    index.add(sdist)
    made = reader(locations(index.url))
    backend = Backend()
    able = with_fields(made, sources=sources(made.client, backend))
    file = with_fields(resolved(sdist), python="3.12")
    found = able.read(file)
    assert (found.requires, found.size) == (("b>=2",), len(sdist.to_bytes()))
    assert not backend.asked
    assert not (scratch / "told").exists()


@pytest.mark.parametrize("dynamic", [b"Version: 2.1", b"Version: 2.2\nDynamic: Requires-Dist"])
def test_else_the_backend_is_asked_for_each_python(
    index: IndexServer,
    reader: MakeReader,
    scratch: Path,
    dynamic: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once for each Python, however often it is read; every answer is kept apart."""
    sdist = Sdist(wheel=Wheel(name="raw", requires=("b>=2",)))
    old = sdist.metadata().replace(b"Version: 2.2", dynamic, 1)
    monkeypatch.setattr(Sdist, "metadata", lambda _: old)
    index.add(sdist)
    made = reader(locations(index.url))
    backend = Backend()
    able = with_fields(made, sources=sources(made.client, backend))
    files = [with_fields(resolved(sdist), python=python) for python in ("3.11", "3.12")]
    found = able.read_all(files)
    assert [found[file.content].requires for file in files] == [("for-3-11",), ("for-3-12",)]
    assert able.read_all(files) == found
    assert sorted(backend.asked) == [(sdist.filename, "3.11"), (sdist.filename, "3.12")]


def test_a_backend_that_fails_says_so_in_its_own_words(
    index: IndexServer, reader: MakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be asked is the host's matter, exit 5, with the backend's words."""
    sdist = Sdist(wheel=Wheel(name="raw"))
    monkeypatch.setattr(Sdist, "metadata", lambda _: b"Metadata-Version: 2.1\nName: raw\n")
    index.add(sdist)
    made = reader(locations(index.url))
    backend = Backend(HostError(Problem(message="raw cannot be asked", detail="cc: not found")))
    failing = with_fields(made, sources=sources(made.client, backend))
    with pytest.raises(HostError, match="cc: not found"):
        failing.read_all([with_fields(resolved(sdist), python="3.12")])


def test_no_permission_ends_it(reader: MakeReader, index: IndexServer, faults: FaultProxy) -> None:
    """A file that may not be read is said to be so, and not looked for in other ways."""
    index.add(BIG)
    index.offer = Offer(metadata=False)
    faults.inject(r"\.whl$", Status(code=403))
    file = resolved(BIG, f"{faults.origin}/files/{BIG.filename}")
    with pytest.raises(IndexAnswerError) as caught:
        reader(locations(faults.url)).read(file)
    assert caught.value.answer.fault is Fault.FORBIDDEN
