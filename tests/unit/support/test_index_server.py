"""The index that tests ask is as the specifications say, and tells what it was asked."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.support.index_server import HTML, JSON, IndexServer, Offer
from tests.support.scenarios import load_scenario, parse_scenario
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

THING = Wheel(name="thing", version="1.0", requires=("a",), requires_python=">=3.11")


@pytest.fixture
def thing() -> Iterator[IndexServer]:
    """An index with one wheel."""
    with IndexServer([THING]) as server:
        yield server


def get(url: str, **headers: str) -> tuple[int, Message, bytes]:
    """Status, headers and body; statuses that are errors too."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers=spelled)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_json_page(thing: IndexServer) -> None:
    """PEP 691 and 700: everything that a resolver may want to know."""
    _, headers, body = get(f"{thing.url}/thing/", Accept=JSON)
    page = json.loads(body)
    assert headers["Content-Type"] == JSON
    assert page["versions"] == ["1.0"]
    assert page["files"] == [
        {
            "filename": THING.filename,
            "url": f"../../files/{THING.filename}",
            "hashes": {"sha256": THING.sha256},
            "requires-python": ">=3.11",
            "yanked": False,
            "core-metadata": {"sha256": hashlib.sha256(THING.metadata()).hexdigest()},
            "size": len(THING.to_bytes()),
            "upload-time": "2026-01-01T00:00:00Z",
        }
    ]


def test_html_page(thing: IndexServer) -> None:
    """PEP 503 for those who do not ask for JSON, with hash, Python range and metadata."""
    _, headers, body = get(f"{thing.url}/thing/", Accept=f"{HTML}, text/html")
    assert headers["Content-Type"] == HTML
    assert f'href="../../files/{THING.filename}#sha256={THING.sha256}"' in body.decode()
    assert 'data-requires-python="&gt;=3.11"' in body.decode()
    assert 'data-core-metadata="sha256=' in body.decode()


def test_less_is_offered_on_demand(thing: IndexServer) -> None:
    """Each extra can be switched off while the server runs."""
    thing.offer = Offer(metadata=False, sizes=False, upload_times=False, hashes=False)
    entry = json.loads(get(f"{thing.url}/thing/", Accept=JSON)[2])["files"][0]
    assert entry.keys() == {"filename", "url", "hashes", "requires-python", "yanked"}
    assert get(f"{thing.origin}/files/{THING.filename}.metadata")[0] == 404
    thing.offer = Offer(json=False)
    assert get(f"{thing.url}/thing/", Accept=JSON)[1]["Content-Type"].startswith("text/html")
    thing.offer = Offer(html=False)
    assert get(f"{thing.url}/thing/", Accept="text/html")[0] == 406


def test_metadata_beside_the_wheel(thing: IndexServer) -> None:
    """PEP 658."""
    assert get(f"{thing.origin}/files/{THING.filename}.metadata")[2] == THING.metadata()


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=-7", slice(-7, None)), ("bytes=5-", slice(5, None))],
)
def test_ranges(thing: IndexServer, asked: str, part: slice) -> None:
    """Parts of a wheel are answered with 206, or with the whole where ranges are off."""
    url = f"{thing.origin}/files/{THING.filename}"
    assert get(url, Range=asked)[::2] == (206, THING.to_bytes()[part])
    thing.offer = Offer(ranges=False)
    assert get(url, Range=asked)[::2] == (200, THING.to_bytes())


def test_range_beyond_the_end(thing: IndexServer) -> None:
    """A range without a byte in it is 416."""
    assert get(f"{thing.origin}/files/{THING.filename}", Range="bytes=999999-")[0] == 416


def test_login(thing: IndexServer) -> None:
    """Without the password every address answers 401."""
    thing.offer = Offer(login=("me", "s:cret/"))
    status, headers, _ = get(f"{thing.url}/thing/")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="index"')
    assert get(f"{thing.url}/thing/", Authorization="Basic bWU6czpjcmV0Lw==")[0] == 200
    assert "me:s%3Acret%2F@127.0.0.1" in thing.url_with_login


def test_unknown_and_unnormalised_names(thing: IndexServer) -> None:
    """Unknown is 404; another spelling is sent to the normalised one."""
    assert get(f"{thing.url}/nothing/")[0] == 404
    assert get(f"{thing.url}/Thing/")[0] == 200
    assert [asked.status for asked in thing.asked("hing/$")] == [404, 301, 200]


def test_content_changes_while_running(thing: IndexServer) -> None:
    """A test can change a wheel under its recorded hash, add and remove files."""
    thing.replace(THING.filename, b"other")
    entry = json.loads(get(f"{thing.url}/thing/", Accept=JSON)[2])["files"][0]
    assert entry["hashes"]["sha256"] == THING.sha256
    assert get(f"{thing.origin}/files/{THING.filename}")[2] == b"other"
    thing.add(Wheel(name="thing", version="2.0"), Sdist(wheel=Wheel(name="thing", version="3")))
    page = json.loads(get(f"{thing.url}/thing/", Accept=JSON)[2])
    assert page["versions"] == ["1.0", "2.0", "3"]
    thing.remove(THING.filename)
    assert get(f"{thing.origin}/files/{THING.filename}")[0] == 404
    thing.remove("thing")
    assert get(f"{thing.url}/thing/")[0] == 404
    with pytest.raises(KeyError):
        thing.remove("thing")


def test_log_of_requests(thing: IndexServer) -> None:
    """What was asked, and with which headers, can be asserted."""
    get(f"{thing.url}/thing/", X_Test="1")
    (asked,) = thing.asked("thing")
    assert (asked.method, asked.path, asked.status) == ("GET", "/simple/thing/", 200)
    assert asked.headers["x-test"] == "1"


def test_server_ends_by_itself() -> None:
    """A server that nobody stops is gone after its lifetime."""
    with IndexServer(lifetime=0.1) as server:
        assert server.stopping.wait(5)


def test_scenario_of_the_repository(index: IndexServer) -> None:
    """A file becomes an index."""
    load_scenario("diamond").fill(index)
    page = json.loads(get(f"{index.url}/top/", Accept=JSON)[2])
    assert page["versions"] == ["1.0"]
    metadata = get(f"{index.origin}/files/top-1.0-py3-none-any.whl.metadata")[2].decode()
    assert "Provides-Extra: fast" in metadata


def test_scenario_says_everything() -> None:
    """Each key of the format has its effect, and the case's own tables are kept."""
    scenario = parse_scenario(
        "x",
        """
        expect = "fine"
        [packages]
        "s 1.0" = { sdist = true }
        "t 1.0" = { tags = ["cp312-cp312-linux_x86_64", "py3-none-any"], commands = ["serve"] }
        "u 1.0" = { uploaded = "2026-02-01T00:00:00Z", yanked = "broken", extras = ["x"] }
        """,
    )
    assert [file.filename for file in scenario.files] == [
        "s-1.0.tar.gz",
        "t-1.0-cp312-cp312-linux_x86_64.whl",
        "t-1.0-py3-none-any.whl",
        "u-1.0-py3-none-any.whl",
    ]
    assert scenario.releases[-1].yanked == "broken"
    assert scenario.case == {"expect": "fine"}


def test_unknown_key_of_a_scenario() -> None:
    """A slip in a scenario is no silent pass."""
    with pytest.raises(ValueError, match="unknown require"):
        parse_scenario("x", '[packages]\n"a 1.0" = { require = [] }')
