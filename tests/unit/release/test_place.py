"""How a user names a place, and what cannot be one."""

from __future__ import annotations

import pytest

from envbuild.errors import UsageError
from envbuild.release.place import Address, is_loopback, parse_address


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("dir:/r", {"kind": "dir", "path": "/r"}),
        ("dir:relative/path", {"kind": "dir", "path": "relative/path"}),
        ("tar:/r:1.tar", {"kind": "tar", "path": "/r:1.tar"}),
        ("https://x.example/r/", {"kind": "web", "path": "https://x.example/r"}),
        (
            "oci://r.example:5000/a/b-c:ring-1",
            {"kind": "oci", "host": "r.example:5000", "repository": "a/b-c", "tag": "ring-1"},
        ),
        ("oci://[::1]:5000/a", {"kind": "oci", "host": "[::1]:5000", "repository": "a"}),
        ("oci://localhost/a", {"kind": "oci", "host": "localhost", "repository": "a"}),
    ],
)
def test_an_address(text: str, fields: dict[str, str]) -> None:
    """Each form is taken apart; a tag that is not named is `latest`."""
    assert parse_address(text, key="--from") == Address(text=text, **fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not say what kind"),
        ("/srv/release", "does not say what kind"),
        ("dir:", "names no place"),
        ("ftp://x", "names no place"),
        ("https://", "names no place"),
        ("oci://host", "does not name a repository"),
        ("oci://host/UPPER", "does not name a repository"),
        ("oci://host/../x", "does not name a repository"),
        ("oci://user@host/x", "does not name a repository"),
        ("oci://host/x@sha256:00", "names a digest"),
        ("oci://host/x:sha256:00", "names a digest"),
        ("oci://host/x:1@sha256:00", "names a digest"),
        ("oci://host/x:-a", "cannot be a tag"),
        ("oci://host/x:", "cannot be a tag"),
    ],
)
def test_what_is_no_address(text: str, words: str) -> None:
    """Exit code 2 with the option's name, what is wrong, and how it is written."""
    with pytest.raises(UsageError, match=words) as caught:
        parse_address(text, key="--from")
    assert caught.value.problems[0].key == "--from"
    assert caught.value.problems[0].hint is not None


def test_this_machine() -> None:
    """A registry on loopback needs no TLS; one that only looks so does."""
    hosts = ("localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:80", "[::1]:5000", "[::1]")
    assert all(map(is_loopback, hosts))
    assert not any(map(is_loopback, ("127.0.0.1.example.com", "example.com:5000", "10.0.0.1")))
