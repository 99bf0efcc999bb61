"""Which hosts a `NO_PROXY` exempts, and how long a server asks to wait."""

from __future__ import annotations

import email.utils
import time

import pytest

from envbuild.index.proxies import is_exempt, proxies_of, proxy_for
from envbuild.index.retrying import retry_after


@pytest.mark.parametrize(
    ("host", "port", "listed"),
    [
        ("example.com", 443, "example.com"),
        ("files.example.com", 443, "example.com"),
        ("files.example.com", 443, ".example.com"),
        ("files.example.com", 443, "*.example.com"),
        ("EXAMPLE.com", 443, "other.org, Example.COM "),
        ("example.com", 8080, "example.com:8080"),
        ("10.1.2.3", 80, "10.0.0.0/8"),
        ("10.1.2.3", 80, "10.1.2.3"),
        ("::1", 80, "::1"),
        ("fd00::5", 80, "fd00::/8"),
        ("anything", None, "*"),
    ],
)
def test_exempt(host: str, port: int | None, listed: str) -> None:
    """By name, suffix, address or network, with or without a port."""
    assert is_exempt(host, port, listed)


@pytest.mark.parametrize(
    ("host", "port", "listed"),
    [
        ("example.com", 443, ""),
        ("example.com", 443, ",,"),
        ("badexample.com", 443, "example.com"),
        ("example.com", 443, "example.com:8080"),
        ("11.1.2.3", 80, "10.0.0.0/8"),
        ("10.example.com", 80, "10.0.0.0/8"),
    ],
)
def test_not_exempt(host: str, port: int | None, listed: str) -> None:
    """Neither a longer name, nor another port, nor an address outside."""
    assert not is_exempt(host, port, listed)


def test_a_server_asks_to_wait_in_seconds_or_until_a_date() -> None:
    """RFC 9110; what is neither is nothing."""
    assert retry_after({"Retry-After": "7"}) == 7
    until = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert 90 < (retry_after({"Retry-After": until}) or 0) <= 100
    assert retry_after({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}) == 0
    for odd in ("", "soon", "-1", "٣"):
        assert retry_after({"Retry-After": odd}) is None


@pytest.mark.parametrize("order", [1, -1])
def test_both_forms_of_a_variable(order: int) -> None:
    """Upper case goes first, as for uv, whatever stands first in the environment; an empty one says nothing."""
    told = [("HTTP_PROXY", "upper:1"), ("http_proxy", "lower:1"), ("https_proxy", "lower:2")]
    told += [("HTTPS_PROXY", ""), ("ALL_PROXY", "socks5h://all:3"), ("NO_PROXY", "a.example")]
    known = proxies_of(dict(told[::order]))
    assert proxy_for("http://b.example/", known) == "http://upper:1"
    assert proxy_for("https://b.example/", known) == "http://lower:2"
    assert proxy_for("https://a.example/", known) is None
    assert proxy_for("http://b.example/", proxies_of({"all_proxy": "c:4"})) == "http://c:4"
