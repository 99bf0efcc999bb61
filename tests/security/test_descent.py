"""An index over https leads to plain http, where anybody on the way can change what is said.

The attacker answers for the index on the way, or has got one redirect into it.
He wants a digest locked that he chose, or a METADATA believed that he wrote.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.http import Handler, LoopbackServer
from tests.support.https import HttpsIndex, certify
from tests.support.index_server import Offer
from tests.support.proxies import HttpProxy
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


class Liar(Handler):
    """Lists a file of the true index with a digest of his own."""

    server: LiesOverHttp

    def respond(self) -> None:
        """Say so, whatever is asked."""
        file = {
            "filename": "web-1.0-py3-none-any.whl",
            "url": f"{self.server.files}/web-1.0-py3-none-any.whl",
            "hashes": {"sha256": "e" * 64},
        }
        page = {"meta": {"api-version": "1.0"}, "name": "web", "files": [file]}
        kind = "application/vnd.pypi.simple.v1+json"
        self.answer(200, json.dumps(page).encode(), Content_Type=kind)


class LiesOverHttp(LoopbackServer):
    """What he runs, over plain http."""

    files = ""


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certified")
    certify(folder)
    return folder


@pytest.fixture
def declared(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """One driver, not locked yet."""
    index.add(command_wheel("web"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    return run_envbuild


@pytest.mark.parametrize("everywhere", [{}, {"NO_PROXY": "*"}], ids=["plain", "without-proxies"])
@pytest.mark.parametrize("leads", ["/simple/web/", ".whl"])
def test_https_that_leads_to_http_is_not_followed(
    declared: CommandLine,
    index: IndexServer,
    certified: Path,
    leads: str,
    everywhere: dict[str, str],
) -> None:
    """He leads from a page or from a file whose METADATA nothing vouches for to http: nobody is asked there, exit 4."""
    index.offer = Offer(metadata=False)
    with LiesOverHttp(Liar) as liar, HttpsIndex(index, certified, leads=leads) as front:
        front.target = liar.origin
        liar.files = front.url.replace("/simple", "/files")
        env = {"ENVBUILD_INDEX_DEFAULT_URL": front.url, "SSL_CERT_FILE": str(certified / "ca.pem")}
        result = declared("lock", env=env | everywhere)
        assert not liar.requests
    assert result.code == 4, str(result)
    assert "index 'default'" in result.stderr
    assert "redirects from https to http" in result.stderr
    assert not (declared.cwd / "locks/web.toml").exists()


def test_metadata_that_comes_over_http_is_what_its_page_says(
    declared: CommandLine, index: IndexServer, certified: Path
) -> None:
    """He leads to http what the page, over https, has a digest of: what he puts in its place is refused."""
    with LiesOverHttp(Liar) as liar, HttpsIndex(index, certified, leads=".whl.metadata") as front:
        front.target = liar.origin
        env = {"ENVBUILD_INDEX_DEFAULT_URL": front.url, "SSL_CERT_FILE": str(certified / "ca.pem")}
        result = declared("lock", env=env)
        assert liar.requests
    assert result.code == 4, str(result)
    assert "serves a changed web-1.0-py3-none-any.whl.metadata" in result.stderr
    assert not (declared.cwd / "locks/web.toml").exists()


@pytest.mark.parametrize("name", ["ALL_PROXY", "https_proxy"])
def test_the_users_proxy_for_https_is_used_all_the_same(
    declared: CommandLine, index: IndexServer, certified: Path, name: str
) -> None:
    """Nobody attacks: uv and envbuild ask an https index through the proxy that the user names."""
    exempt = {"NO_PROXY": "", "no_proxy": ""}  # which the tests set elsewhere
    with HttpProxy() as proxy, HttpsIndex(index, certified) as front:
        env = {"ENVBUILD_INDEX_DEFAULT_URL": front.url, "SSL_CERT_FILE": str(certified / "ca.pem")}
        result = declared("lock", env=env | exempt | {name: proxy.origin})
        assert result.code == 0, result
        assert front.connections == len(proxy.seen) >= 1
