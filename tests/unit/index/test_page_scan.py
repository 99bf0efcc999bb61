"""A scan of a page finds every wheel of a version, and nothing where the page is of an unforeseen form."""

from __future__ import annotations

import json

import pytest

from envbuild.index.page import JSON
from envbuild.index.page_scan import wheels_of_version

SHA = "a" * 64


def _entry(filename: str, **more: object) -> dict[str, object]:
    return {**more, "filename": filename, "hashes": {"sha256": SHA}, "url": f"/{filename}"}


def _names(*filenames: str, version: str = "1.0") -> list[str]:
    text = json.dumps({"files": [_entry(name) for name in filenames]})
    found = wheels_of_version(text, JSON, version)
    assert found is not None
    return [file.filename for file in found]


@pytest.mark.parametrize("part", ["1.0", "1", "1.0.0", "01.0", "0!1.0", "v1.0"])
def test_every_spelling_of_a_version_is_found(part: str) -> None:
    """PEP 440 has many names for one version, and an index may list several."""
    assert _names(f"a-{part}-py3-none-any.whl") == [f"a-{part}-py3-none-any.whl"]


@pytest.mark.parametrize("part", ["1.1", "10", "1.0.post1", "1.0a0", "1.0+local", "0.1", "x"])
def test_other_versions_are_left_out(part: str) -> None:
    """A version that only looks alike is another one."""
    assert _names(f"a-{part}-py3-none-any.whl") == []


def test_what_is_no_wheel_is_left_out() -> None:
    """Source distributions and leftovers of old are never locked as wheels."""
    assert _names("a-1.0.tar.gz", "a-1.0-py2.7.egg", "a-1.0.whl") == []


def test_all_that_an_entry_says_is_read() -> None:
    """Hash, yanking and Python are those of the entry, wherever in it its file name stands."""
    entry = _entry(
        "a-1.0-py3-none-any.whl", **{"core-metadata": {"sha256": SHA}, "yanked": "broken"}
    )
    text = json.dumps({"meta": {"x": {"y": 1}}, "files": [{**entry, "requires-python": ">=3.9"}]})
    found = wheels_of_version(text, JSON, "1.0")
    assert found is not None
    assert (found[0].sha256, found[0].yanked, found[0].requires_python) == (SHA, "broken", ">=3.9")


def test_html_says_the_same() -> None:
    """A page of links (PEP 503) is read alike, escapes undone."""
    text = (
        f'<!DOCTYPE html><a href="../a-1.0-py3-none-any.whl#sha256={SHA}" '
        'data-requires-python="&gt;=3.9" data-yanked="">a-1.0-py3-none-any.whl</a><br/>\n'
        f'<a href="../a-2.0-py3-none-any.whl#sha256={SHA}">a-2.0-py3-none-any.whl</a>'
    )
    found = wheels_of_version(text, "text/html; charset=utf-8", "1.0")
    assert found is not None
    assert [file.filename for file in found] == ["a-1.0-py3-none-any.whl"]
    assert (found[0].sha256, found[0].yanked, found[0].requires_python) == (SHA, "", ">=3.9")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (JSON, '{"files": [{"filename": "a\\u002d1.0-py3-none-any.whl"}]}'),
        (JSON, '{"files": [{"filename": "a-1.0-py3-none-any.whl", "hashes": {'),
        ("text/html", '<a href="x"><b>a-1.0-py3-none-any.whl</b></a>'),
        ("text/html", '<!-- <a href="x">a-1.0-py3-none-any.whl</a> -->'),
        ("text/plain", "a-1.0-py3-none-any.whl"),
    ],
)
def test_an_unforeseen_form_tells_nothing(kind: str, text: str) -> None:
    """What a whole reading might understand otherwise is left to a whole reading."""
    assert wheels_of_version(text, kind, "1.0") is None
