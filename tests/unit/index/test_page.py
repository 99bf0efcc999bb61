"""Pages of indexes: HTML and JSON give the same value, and what is no page is said to be none."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urldefrag, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.index.page import JSON, IndexFile, ProjectPage
from envbuild.index.page_parser import page_of, parse_page

URL = "https://index.example/simple/acme/"
DIGEST = "ab" * 32
HTML = "text/html; charset=utf-8"


def html(body: str, head: str = "") -> str:
    """A page as indexes without JSON write it."""
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def parse_json(*files: dict[str, Any]) -> ProjectPage:
    """A page as PEP 691 has it, parsed."""
    text = json.dumps({"meta": {"api-version": "1.0"}, "name": "acme", "files": files})
    return parse_page("acme", text, JSON, URL)


def test_html_tells_all_it_can() -> None:
    """PEP 503, 592, 658: address, hash, Python, yanked and METADATA come out of HTML."""
    page = parse_page(
        "acme",
        html(
            f'<a href="../../files/acme-1.0-py3-none-any.whl#sha256={DIGEST}" '
            'data-requires-python="&gt;=3.8" data-yanked="broken" '
            f'data-core-metadata="sha256={DIGEST}">acme</a>'
            '<a href="acme-1.0.tar.gz" data-yanked data-dist-info-metadata="true">acme</a>'
        ),
        HTML,
        URL,
    )
    assert page.files == (
        IndexFile(
            filename="acme-1.0-py3-none-any.whl",
            url="https://index.example/files/acme-1.0-py3-none-any.whl",
            sha256=DIGEST,
            requires_python=">=3.8",
            yanked="broken",
            has_metadata=True,
            metadata_sha256=DIGEST,
        ),
        IndexFile(
            filename="acme-1.0.tar.gz",
            url="https://index.example/simple/acme/acme-1.0.tar.gz",
            yanked="",
            has_metadata=True,
        ),
    )


def test_json_tells_sizes_and_times_too() -> None:
    """PEP 691 and 700: what HTML has, and size and upload time."""
    entry = {
        "filename": "acme-1.0-py3-none-any.whl",
        "url": "https://files.example/acme-1.0-py3-none-any.whl",
        "hashes": {"sha256": DIGEST.upper(), "md5": "0"},
        "size": 123,
        "upload-time": "2026-01-01T00:00:00Z",
        "requires-python": ">=3.8",
        "yanked": False,
        "core-metadata": {"sha256": DIGEST},
    }
    (file,) = parse_json(entry).files
    assert file == IndexFile(
        filename="acme-1.0-py3-none-any.whl",
        url="https://files.example/acme-1.0-py3-none-any.whl",
        sha256=DIGEST,
        size=123,
        upload_time="2026-01-01T00:00:00Z",
        requires_python=">=3.8",
        has_metadata=True,
        metadata_sha256=DIGEST,
    )


def test_what_is_not_as_specified_is_not_believed() -> None:
    """A size, a hash or a time of the wrong kind counts as not given."""
    entry = {
        "filename": "acme-1.0.zip",
        "url": "acme-1.0.zip",
        "hashes": {"sha256": "short"},
        "size": -1,
        "upload-time": 5,
        "requires-python": None,
        "yanked": None,
        "dist-info-metadata": False,
    }
    (file,) = parse_json(entry).files
    assert file == IndexFile(filename="acme-1.0.zip", url=f"{URL}acme-1.0.zip")


def test_a_base_element_moves_relative_links() -> None:
    """HTML's own rule for relative addresses holds."""
    body = '<a href="x-1.0.tar.gz">x</a>'
    page = parse_page("x", html(body, '<base href="https://cdn.example/x/">'), HTML, URL)
    assert page.files[0].url == "https://cdn.example/x/x-1.0.tar.gz"


def test_a_newer_minor_version_is_no_news() -> None:
    """A page that says version 1.9 is read, and no warning reaches the user."""
    head = '<meta name="pypi:repository-version" content="1.9">'
    page = parse_page("x", html('<a href="x-1.0.tar.gz">x</a>', head), HTML, URL)
    assert len(page.files) == 1


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("hello", "text/plain", "its type is text/plain"),
        ("hello", "", "its type is not given"),
        ("hello", "text/html", "it is not HTML"),
        ("", "text/html", "it is not HTML"),
        ('{"files": [', JSON, "breaks off or is wrong in line 1"),
        ("[]", JSON, "holds no list of files"),
        ('{"files": {}}', JSON, "holds no list of files"),
        ('{"files": [1]}', JSON, "holds no list of files"),
        ('{"files": [{"filename": "x"}]}', JSON, "without a name or an address"),
        ('{"files": [{"filename": "../x", "url": "x"}]}', JSON, "without a name or an address"),
        (html('<a href="http://[x-1.0.tar.gz">x</a>'), HTML, "its HTML is malformed"),
        (
            html("", '<meta name="pypi:repository-version" content="2.0">'),
            HTML,
            "it is of a newer format",
        ),
    ],
)
def test_what_is_no_page_is_said_to_be_none(text: str, kind: str, words: str) -> None:
    """Garbage has a reason that fits into a message."""
    with pytest.raises(ValueError, match=words):
        parse_page("acme", text, kind, URL)


def test_a_fragment_that_is_no_digest_is_left_out() -> None:
    """Listings of folders lead to places within themselves; digests stay digests."""
    digest = "0" * 64
    links = f"""<a href="#top">top</a><a href='a-1.tar.gz#what'>a</a><a href="b-1.tar.gz#sha256={digest}">b</a>"""
    files = parse_page("x", html(links), HTML, "http://h/p/").files
    assert [(file.url, file.sha256) for file in files] == [
        ("http://h/p/a-1.tar.gz", None),
        ("http://h/p/b-1.tar.gz", digest),
    ]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("<html>" + "<a href=x>" * 50_001, HTML, "it has more than 50000 links"),
        ('{"files":[' + "[]," * 500_001 + "{}]}", JSON, "its JSON has more than 500000 parts"),
    ],
)
def test_a_page_of_too_many_parts_is_not_parsed(text: str, kind: str, words: str) -> None:
    """A few bytes each would be a gigabyte of objects."""
    with pytest.raises(ValueError, match=words):
        parse_page("x", text, kind, "http://h/p/")


def test_an_html_page_may_be_empty() -> None:
    """A package without files is a page all the same."""
    assert parse_page("acme", html(""), HTML, URL).files == ()


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1)
_FILES = st.builds(
    IndexFile,
    filename=_TEXT,
    url=st.just("https://files.example/x"),
    sha256=st.none() | st.just(DIGEST),
    size=st.none() | st.integers(0),
    requires_python=st.none() | _TEXT,
    upload_time=st.none() | _TEXT,
    yanked=st.none() | st.text(),
    has_metadata=st.just(value=True),
    metadata_sha256=st.none() | st.just(DIGEST),
)


@given(st.lists(_FILES))
def test_what_is_rendered_parses_to_the_same(files: list[IndexFile]) -> None:
    """The router's pages lose nothing of the index's own, and each file is found by its name."""
    page = page_of("acme", files)
    assert page.files == tuple(files)
    for file in files:
        same = [one for one in files if one.filename == file.filename]
        assert page.file(file.filename) == same[0]
        assert page.digests(file.filename) == tuple(dict.fromkeys(one.sha256 for one in same))
    assert [(name, page.file_at(place)) for name, place in page.names()] == [
        (file.filename, file) for file in files if file.yanked is None
    ]
    assert page.tells_times == any(file.upload_time for file in files)
    assert page.file('","filename":"') is None


def test_digests_of_other_kinds_are_served_where_there_is_no_sha256() -> None:
    """A resolver tells what it has by them; what is no digest is left out."""
    hashes = {"md5": "0" * 32, "sha1": 5, "sha256": "short", "blake2b": "x"}
    (entry,) = json.loads(parse_json({"filename": "a", "url": "a", "hashes": hashes}).text)["files"]
    assert entry["hashes"] == {"md5": "0" * 32}


def test_what_is_served_names_the_router_alone() -> None:
    """Every file is at the router, and every wheel has its METADATA there; what the index said is kept beside it."""
    wheel = {"filename": "a b-1-py3-none-any.whl", "url": "/x.whl", "hashes": {"sha256": DIGEST}}
    (entry,) = json.loads(parse_json(wheel).text)["files"]
    assert entry == {
        "filename": "a b-1-py3-none-any.whl",
        "url": f"../../files/acme/a%20b-1-py3-none-any.whl?{DIGEST[:16]}",
        "hashes": {"sha256": DIGEST},
        "_url": "https://index.example/x.whl",
        "core-metadata": True,
    }


@given(
    st.text(alphabet="abZ09.-_+%~!,=@/:;?#&\\\\ é", max_size=30).map(
        "https://files.example/".__add__
    )
    | st.from_regex(r"https?://[a-zA-Z.]{1,9}(:80)?(/[a-z.%~-]{0,4}){1,4}", fullmatch=True)
)
def test_whole_addresses_are_what_joining_makes_of_them(url: str) -> None:
    """Most addresses need not be joined with their page's: what is left as it stands is the same."""
    (file,) = parse_json({"filename": "acme-1.0.tar.gz", "url": url}).files
    try:
        joined = urldefrag(urljoin(URL, url)).url
    except ValueError:
        return
    assert file.url == joined


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"status": "archived", "reason": "moved"}, "archived"),
        ({"status": "active"}, None),
        ({"status": 'x","files":['}, None),
        ({"status": 1}, None),
        ("archived", None),
        (None, None),
    ],
)
def test_the_status_of_a_project(said: object, status: str | None) -> None:
    """PEP 792: only a word counts, and an active project has nothing to say."""
    table = {"meta": {"api-version": "1.4"}, "name": "acme", "files": [], "project-status": said}
    page = parse_page("acme", json.dumps(table), JSON, URL)
    assert (page.status, page.files) == (status, ())


def test_the_status_of_a_project_in_html() -> None:
    """The same in the head of an HTML page; a file's name cannot claim one."""
    head = '<meta name="pypi:project-status" content="quarantined">'
    assert parse_page("acme", html("", head), HTML, URL).status == "quarantined"
    named = page_of("acme", [IndexFile(filename='"_status":"archived"', url=URL)])
    assert named.status is None
