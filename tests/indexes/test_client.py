"""The index client against real servers on loopback: pages, files, METADATA, every bad answer."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import TYPE_CHECKING

import pytest

from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.index.reader import IndexClient
from envbuild.posix.workers import Workers
from tests.support.fault_proxy import (
    Change,
    FaultProxy,
    Hang,
    Redirect,
    Reset,
    Status,
    Trickle,
    Truncate,
)
from tests.support.index_server import IndexServer, Offer
from tests.support.indexes import locations
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fault_proxy import Fault as Injected

ACME = Wheel(name="acme", version="1.0", requires=("b",), requires_python=">=3.8")
FILE = ACME.filename


@pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
def test_a_page_is_read_in_either_form(client: IndexClient, index: IndexServer, json: bool) -> None:
    """PEP 691 and PEP 503 give the same files with absolute addresses."""
    index.add(ACME, Sdist(wheel=ACME))
    index.offer = Offer(json=json)
    page = client.project_page(locations(index.url).default, "acme")
    assert [file.filename for file in page.files] == [FILE, "acme-1.0.tar.gz"]
    wheel = page.files[0]
    assert wheel.url == f"{index.origin}/files/{FILE}"
    assert (wheel.sha256, wheel.requires_python) == (ACME.sha256, ">=3.8")
    assert wheel.size == (len(ACME.to_bytes()) if json else None)
    assert client.metadata_beside(locations(index.url).default, "acme", wheel) == ACME.metadata()


def test_a_page_is_asked_for_once(client: IndexClient, index: IndexServer) -> None:
    """All of a command sees one page, however many threads want it first, and whatever becomes of it."""
    index.add(ACME)
    default = locations(index.url).default
    with Workers(8) as pool:
        pages = list(pool.map(lambda _: client.project_page(default, "acme"), range(8)))
    assert len(index.asked("/simple/acme/")) == 1
    index.remove(FILE)
    assert all(page.file(FILE) for page in (*pages, client.project_page(default, "acme")))


def test_a_page_that_failed_has_failed(
    client: IndexClient, index: IndexServer, faults: FaultProxy
) -> None:
    """What one target was told of a page is what the next one is told."""
    index.add(ACME)
    default = locations(faults.url).default
    faults.inject("/simple/", Status(code=403), times=1)
    for _ in range(2):
        with pytest.raises(IndexAnswerError) as caught:
            client.project_page(default, "acme")
        assert caught.value.answer.fault is Fault.FORBIDDEN


def test_a_mirror_that_is_down_is_left_alone(
    client: IndexClient, index: IndexServer, faults: FaultProxy
) -> None:
    """Its pages and its files come from the next one, which is asked for the file where it has it."""
    index.add(ACME, Wheel(name="b"))
    both = locations(f"{faults.url} {index.url}").default
    listed = client.project_page(both, "acme").files[0]
    assert listed.url.startswith(faults.origin)
    faults.inject("/", Status(code=503))
    asked = len(faults.requests)
    assert client.download(both, "acme", listed)[0] == ACME.sha256
    assert client.metadata_beside(both, "acme", listed) == ACME.metadata()
    assert client.project_page(both, "b").files[0].url.startswith(index.origin)
    assert len(faults.requests) == asked + 1 + 2  # a request and its retries


def test_mirrors_have_the_same_files(
    client: IndexClient, index: IndexServer, faults: FaultProxy
) -> None:
    """A file that is another one on the next mirror is not taken for the one of the first page."""
    index.add(ACME)
    listed = client.project_page(locations(faults.url).default, "acme").files[0]
    index.replace(FILE, b"another", tell=True)
    both = locations(f"http://127.0.0.1:9/simple {index.url}").default
    with pytest.raises(IndexAnswerError, match="its sha256 there differs") as caught:
        client.download(both, "acme", listed)
    assert caught.value.answer.fault is Fault.CHANGED


def test_a_folder_of_wheels_has_pages_too(client: IndexClient, scratch: Path) -> None:
    """A folder lists what its file names say, other files are left alone."""
    folder = scratch / "wheels"
    ACME.write(folder)
    Sdist(wheel=ACME).write(folder)
    Wheel(name="acme-more").write(folder)
    (folder / "acme-1.0.txt").touch()
    (folder / "acme.whl").mkdir()
    default = locations(folder).default
    page = client.project_page(default, "acme")
    assert [file.filename for file in page.files] == [FILE, "acme-1.0.tar.gz"]
    content = ACME.to_bytes()
    assert client.download(default, "acme", page.files[0]) == (ACME.sha256, len(content))
    assert client.file_size(default, "acme", page.files[0]) == len(content)


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_answers_badly_in_its_own_way(
    client: IndexClient, scratch: Path, there: bool
) -> None:
    """A package that is not in the folder is not found; a folder that is not there not reached."""
    if there:
        (scratch / "wheels").mkdir()
    with pytest.raises(IndexAnswerError) as caught:
        client.project_page(locations(scratch / "wheels").default, "acme")
    assert caught.value.answer.fault is (Fault.NOT_FOUND if there else Fault.UNREACHABLE)


BAD = [
    (Status(code=401), Fault.UNAUTHORISED),
    (Status(code=403), Fault.FORBIDDEN),
    (Status(code=404), Fault.NOT_FOUND),
    (Status(code=429), Fault.BUSY),
    (Status(code=500), Fault.SERVER_ERROR),
    (Status(code=503), Fault.SERVER_ERROR),
    (Hang(), Fault.TIMED_OUT),
    (Reset(), Fault.UNREACHABLE),
    (Reset(after=10), Fault.TRUNCATED),
    (Truncate(after=10), Fault.TRUNCATED),
    (Redirect(), Fault.REDIRECTS),
    (Redirect(to="ftp://host.example/"), Fault.GARBAGE),
]


@pytest.mark.parametrize(("injected", "fault"), BAD, ids=str)
def test_every_bad_page_is_told_from_the_others(
    client: IndexClient, index: IndexServer, faults: FaultProxy, injected: Injected, fault: Fault
) -> None:
    """What a bad network or a bad index does to a page has one value each."""
    index.add(ACME)
    faults.inject("/simple/", injected)
    with pytest.raises(IndexAnswerError) as caught:
        client.project_page(locations(faults.url).default, "acme")
    answer = caught.value.answer
    assert answer.fault is fault
    assert (answer.package, answer.file, answer.host) == ("acme", None, None)
    assert "http" not in str(caught.value)


@pytest.mark.parametrize(("injected", "fault"), [*BAD, (Change(), Fault.CHANGED)], ids=str)
def test_every_bad_file_is_told_from_the_others(
    client: IndexClient, index: IndexServer, faults: FaultProxy, injected: Injected, fault: Fault
) -> None:
    """The same for a file, and one more: other content than the page says."""
    index.add(ACME)
    default = locations(faults.url).default
    listed = client.project_page(default, "acme").files[0]
    faults.inject(r"\.whl$", injected)
    with pytest.raises(IndexAnswerError) as caught:
        client.download(default, "acme", listed)
    assert caught.value.answer.fault is fault
    assert caught.value.answer.file == FILE


def test_an_index_that_is_down_is_not_reached(client: IndexClient) -> None:
    """A refused connection is said in words."""
    with pytest.raises(IndexAnswerError) as caught:
        client.project_page(locations("http://127.0.0.1:9/simple").default, "acme")
    assert caught.value.answer.fault is Fault.UNREACHABLE
    assert "connection refused" in str(caught.value)


def test_a_name_that_is_not_known_is_not_reached(client: IndexClient) -> None:
    """A host that has no address is said in words."""
    with pytest.raises(IndexAnswerError) as caught:
        client.project_page(locations("http://host.invalid/simple").default, "acme")
    assert "host.invalid) cannot be reached: its name cannot be resolved" in str(caught.value)


def test_a_server_that_speaks_no_tls_is_not_reached(
    client: IndexClient, index: IndexServer
) -> None:
    """A wrong scheme is said to be a matter of TLS."""
    url = index.url.replace("http:", "https:")
    with pytest.raises(IndexAnswerError) as caught:
        client.project_page(locations(url).default, "acme")
    assert caught.value.answer.fault is Fault.UNREACHABLE
    assert "it does not speak TLS" in str(caught.value)


@pytest.mark.parametrize(
    "injected", [Status(code=502), Reset(), Reset(after=5), Truncate(after=5), Hang()], ids=str
)
def test_a_passing_fault_is_survived(
    client: IndexClient, index: IndexServer, faults: FaultProxy, injected: Injected
) -> None:
    """A connection that breaks or says nothing, or a server that stumbles, is asked twice more."""
    index.add(ACME)
    faults.inject("/simple/", injected, times=2)
    assert client.project_page(locations(faults.url).default, "acme").files


def test_a_clear_answer_is_asked_for_once(
    client: IndexClient, index: IndexServer, faults: FaultProxy
) -> None:
    """A refusal is believed at once: nothing is asked again."""
    faults.inject("/simple/", Status(code=403))
    with pytest.raises(IndexAnswerError):
        client.project_page(locations(faults.url).default, "acme")
    assert faults.count("/simple/") == 1


def test_a_slow_index_is_waited_for(
    client: IndexClient, index: IndexServer, faults: FaultProxy
) -> None:
    """The time-out is one of silence, not of the whole answer."""
    index.add(ACME)
    faults.inject("/simple/", Trickle(pause=0.4, piece=100))
    assert client.project_page(locations(faults.url).default, "acme").files


def test_credentials_are_sent_to_the_index_and_to_nobody_else(
    client: IndexClient, index: IndexServer, faults: FaultProxy
) -> None:
    """The index gets user and password; a host that it redirects to gets none."""
    index.add(ACME)
    index.offer = Offer(login=("me", "s3cret"))
    assert client.project_page(locations(index.url_with_login).default, "acme").files
    with IndexServer([ACME]) as other:
        faults.inject("/simple/", Redirect(to=f"{other.url}/acme/"))
        url = index.url_with_login.replace(index.origin[7:], faults.origin[7:])
        with IndexClient({}) as another:
            assert another.project_page(locations(url).default, "acme").files
        assert "authorization" in faults.requests[-1].headers
        assert "authorization" not in other.asked("/acme/")[0].headers


def test_a_bound_page_does_not_lead_to_another_host(
    client: IndexClient, index: IndexServer, faults: FaultProxy
) -> None:
    """An index that sends unknown names on to the public one does not get that way with bound ones."""
    index.add(ACME)
    faults.inject("/simple/", Redirect(to=f"{index.url.replace('127.0.0.1', 'localhost')}/acme/"))
    found = locations(index.url, internal=(faults.url, "acme")).of("acme")
    with pytest.raises(IndexAnswerError) as caught:
        client.project_page(found, "acme")
    assert caught.value.answer.fault is Fault.LED_AWAY
    assert "it redirects to localhost" in str(caught.value)
    assert not index.requests


def test_metadata_beside_a_wheel_is_checked(
    client: IndexClient, index: IndexServer, faults: FaultProxy
) -> None:
    """METADATA with another hash than its page says is not believed."""
    index.add(ACME)
    default = locations(faults.url).default
    listed = client.project_page(default, "acme").files[0]
    faults.inject(r"\.metadata$", Change())
    with pytest.raises(IndexAnswerError) as caught:
        client.metadata_beside(default, "acme", listed)
    assert caught.value.answer.fault is Fault.CHANGED
    assert caught.value.answer.file == f"{FILE}.metadata"


@pytest.mark.parametrize("ranges", [True, False])
def test_a_size_costs_no_download(client: IndexClient, index: IndexServer, ranges: bool) -> None:
    """The size comes from the first byte's answer, or from the headers of the whole."""
    large = Wheel(name="acme", files={"acme/data": hashlib.sha256(b"").digest() * 40_000})
    index.add(large)
    index.offer = Offer(ranges=ranges)
    default = locations(index.url).default
    listed = client.project_page(default, "acme").files[0]
    assert client.file_size(default, "acme", listed) == len(large.to_bytes())


def test_a_download_goes_to_its_sink(client: IndexClient, index: IndexServer) -> None:
    """Content, hash and size of a whole file."""
    index.add(ACME)
    default = locations(index.url).default
    sink = io.BytesIO()
    listed = client.project_page(default, "acme").files[0]
    found = client.download(default, "acme", listed, sink)
    assert found == (ACME.sha256, len(ACME.to_bytes()))
    assert sink.getvalue() == ACME.to_bytes()


def test_many_threads_share_a_client(client: IndexClient, index: IndexServer) -> None:
    """Side by side the answers are those of one after the other."""
    names = [f"p{number}" for number in range(40)]
    index.add(*(Wheel(name=name) for name in names))
    default = locations(index.url).default
    found: dict[str, int] = {}

    def ask(name: str) -> None:
        found[name] = len(client.project_page(default, name).files)

    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == dict.fromkeys(names, 1)


def test_a_proxy_is_used_where_the_environment_names_one(index: IndexServer) -> None:
    """Where nothing leaves but through a proxy, indexes are asked through it, whatever their host."""
    index.add(ACME)
    with IndexClient({"http_proxy": index.origin}) as client:
        assert client.project_page(locations("http://far.invalid/simple").default, "acme").files
    assert index.requests[0].path == "http://far.invalid/simple/acme/"
