"""Whatever an index sends, a command ends in time, in little memory, and with one message.

The attacker runs the default index, or the one that a package is bound to, with pages or with one flat page.
"""

from __future__ import annotations

import gzip
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.evil_index import MIB, Drip, EvilIndex, Flood, evil, head
from tests.support.https import HttpsIndex, certify
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer

__all__ = ["evil"]

MEMORY = 200 * MIB
HTML = "text/html"
WRAPPER = """import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
open(sys.argv[1], "w").write(str(peak))
sys.exit(code)
"""


LINK = b'<a href="acme-1-py3-none-any.whl">\n'
ENTRY = b'{"filename":"acme-1-py3-none-any.whl","url":"a"},\n'
REDIRECT = head("Location: file:///etc/passwd", "Content-Length: 0", status="302 Found", kind=HTML)
EVILS = {
    "200 MiB": (Flood(begin=head(kind=HTML), times=200), r"it is longer than 32 MiB"),
    "200 MiB with its length": (
        Flood(begin=head(f"Content-Length: {200 * MIB}"), times=200),
        r"it is longer than 32 MiB",
    ),
    "200 MiB in 200 KiB": (
        Flood(
            begin=head("Content-Encoding: gzip", kind=HTML),
            piece=gzip.compress(b" " * (200 * MIB)),
            times=1,
        ),
        r"it is longer than 32 MiB",
    ),
    "31 MiB of links": (
        Flood(begin=head(kind=HTML) + b"<html>", piece=LINK * (MIB // len(LINK)), times=31),
        r"it has more than 50000 links",
    ),
    "31 MiB of entries": (
        Flood(begin=head() + b'{"files":[', piece=ENTRY * (MIB // len(ENTRY)), times=31),
        r"its JSON has more than 500000 parts",
    ),
    "without end": (
        Drip(begin=head(kind=HTML) + b"<html>", piece=LINK),
        r"it was not complete after 1 s",
    ),
    "redirect to a file": (Flood(begin=REDIRECT, times=0), r"it leads to a file address"),
    "redirect to itself": (
        Flood(begin=REDIRECT.replace(b"file:///etc/passwd", b"/simple/acme/"), times=0),
        r"redirects endlessly",
    ),
}


NAMES = {"default": "default", "bound": "own"}


def lock(
    run: CommandLine,
    side: str,
    form: str,
    url: str,
    python: str,
    env: dict[str, str],
    wrapper: tuple[str, ...] = (),
) -> Result:
    """`lock` of a driver that asks for `acme`, which one index has."""
    bound = '[[index]]\nname = "own"\npath = "nowhere"\npackages = ["acme"]\n'
    more = bound if side == "bound" else ""
    run.declare(declare_drivers({"app": ["acme"]}, python=python, more=more))
    variable = f"ENVBUILD_INDEX_{NAMES[side].upper()}"
    return run.wrapped(
        wrapper, "lock", env={f"{variable}_URL": url, f"{variable}_FORMAT": form, **env}
    )


def assert_one_message(result: Result, index: str, words: str) -> None:
    """Exit 4, and one sentence that names the index and its host, and no password."""
    assert result.code == 4, result
    (message,) = [line for line in result.stderr.splitlines() if "index '" in line]
    assert f"index '{index}" in message
    assert words in message
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize("form", ["simple", "flat"])
@pytest.mark.parametrize("side", ["default", "bound"])
@pytest.mark.parametrize(("answer", "words"), EVILS.values(), ids=EVILS.keys())
def test_a_page_is_bounded(
    run_envbuild: CommandLine,
    python_version: str,
    evil: EvilIndex,
    scratch: Path,
    answer: Drip | Flood,
    words: str,
    side: str,
    form: str,
) -> None:
    """Exit 4, one message with index and host, less than 200 MiB: on either side and in either form."""
    evil.answer = answer
    url = evil.origin.replace("//", "//kim:s3cret@") + "/simple"
    deadline = "1" if isinstance(answer, Drip) else "60"
    peak = scratch / "peak"
    wrapper = (sys.executable, "-c", WRAPPER, str(peak))
    env = {"ENVBUILD_HTTP_DEADLINE": deadline}
    result = lock(run_envbuild, side, form, url, python_version, env, wrapper)
    assert_one_message(result, f"{NAMES[side]}' ({evil.location.place})", words)
    assert int(peak.read_text()) * 1024 < MEMORY


@pytest.mark.parametrize("form", ["simple", "flat"])
@pytest.mark.parametrize("side", ["default", "bound"])
def test_a_page_does_not_lead_from_https_to_http(
    run_envbuild: CommandLine,
    index: IndexServer,
    python_version: str,
    scratch: Path,
    side: str,
    form: str,
) -> None:
    """What nobody vouches for is not fetched in the clear, whoever the index sends there."""
    index.add(command_wheel("acme"))
    path = "/wheels/all/" if form == "flat" else "/simple/acme/"
    env = {"SSL_CERT_FILE": str(certify(scratch))}
    with HttpsIndex(index, scratch, leads=path) as secure:
        secure.target = index.origin
        url = secure.url if form == "simple" else secure.url.replace("/simple", path)
        result = lock(
            run_envbuild, side, form, url.replace("//", "//kim:s3cret@"), python_version, env
        )
    place = secure.origin.partition("//")[2]
    assert_one_message(result, f"{NAMES[side]}' ({place})", "redirects from https to http")
    assert not index.asked()
