"""Where git sources are, and who asks there: the host's word before the declaration's, and no password shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.declaration.source import GitSource
from envbuild.errors import IndexFailureError, UsageError
from envbuild.index.credentials import Netrc
from envbuild.index.source_places import locate_sources
from envbuild.sourcetree.git_access import GitLogin
from envbuild.sourcetree.git_tree import GitTree

if TYPE_CHECKING:
    from pathlib import Path

HTTPS = "https://git.example.com:8443/team/svc.git"


def locate(url: str = HTTPS, **environ: str) -> GitTree:
    """The repository of one source."""
    source = GitSource(package="svc", line=3, url=url)
    (found,) = locate_sources((source,), environ, Netrc(environ))
    assert isinstance(found.tree, GitTree)
    return found.tree


def netrc(folder: Path, text: str) -> str:
    """A netrc file."""
    path = folder / "netrc"
    path.write_text(text)
    return str(path)


def test_netrc_says_who_asks(tmp_path: Path) -> None:
    """The user's own helpers are asked before; another host's entry is not taken."""
    own = netrc(tmp_path, "machine git.example.com login me password s3cret\n")
    found = locate(NETRC=own)
    assert found.login == GitLogin(user="me", password="s3cret")
    assert "s3cret" not in repr(found)
    assert locate("https://other.example.com/svc.git", NETRC=own).login is None
    assert locate("git@git.example.com:team/svc.git", NETRC=own).login is None


def test_a_hosts_address_goes_before(tmp_path: Path) -> None:
    """Its password is for it alone and no part of the address; messages have the declared one."""
    own = netrc(tmp_path, "machine git.example.com login me password s3cret\n")
    address = HTTPS.replace("https://", "https://you:p%40ss@")
    found = locate(NETRC=own, ENVBUILD_SOURCE_SVC=address)
    assert (found.url, found.shown, found.variable) == (HTTPS, HTTPS, "ENVBUILD_SOURCE_SVC")
    assert found.login == GitLogin(user="you", password="p@ss", alone=True)
    assert locate(ENVBUILD_SOURCE_SVC="/srv/svc.git").url == "file:///srv/svc.git"
    assert locate(ENVBUILD_SOURCE_SVC="git@loop:svc").url == "git@loop:svc"


@pytest.mark.parametrize(
    "address", ["ssh://me:s3cret@h/svc", "svc.git", "http://h/svc", "https://"]
)
def test_a_wrong_address_is_refused(address: str) -> None:
    """By its variable, and without its words."""
    with pytest.raises(UsageError) as caught:
        locate(ENVBUILD_SOURCE_SVC=address)
    assert "$ENVBUILD_SOURCE_SVC: the place of the source of svc" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_netrc_that_cannot_be_parsed_names_the_source(tmp_path: Path) -> None:
    """And no digest that nobody knows."""
    with pytest.raises(IndexFailureError) as caught:
        locate(NETRC=netrc(tmp_path, "machine git.example.com wrong x\n"))
    words = "the netrc file, which the source of svc (git.example.com:8443) needs, cannot be parsed"
    assert words in str(caught.value)


def test_a_password_of_two_lines_is_not_passed_on(tmp_path: Path) -> None:
    """git's helpers speak in lines: a second one would be a word of its own."""
    found = locate(ENVBUILD_SOURCE_SVC="https://me:a%0Ahost=evil@h/svc.git")
    assert found.login is None
