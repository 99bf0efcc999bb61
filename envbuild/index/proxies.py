"""Which proxy leads to a URL, by the environment, as curl and uv read it."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxies_of(environ: Mapping[str, str]) -> Mapping[str, str]:
    """An environment's settings for proxies, by the variable's name in lower case.

    If both forms of a name are set, the one in upper case counts, as for uv.
    """
    told = sorted(key for key in environ if key.lower().endswith("_proxy") and environ[key])
    return {key.lower(): environ[key] for key in reversed(told)}


def proxy_for(url: str, known: Mapping[str, str]) -> str | None:
    """The proxy that an environment's `proxies_of` name for a URL, as curl and uv read it, or None."""
    parts = urlsplit(url)
    if is_exempt(parts.hostname or "", parts.port, known.get("no_proxy", "")):
        return None
    proxy = known.get(f"{parts.scheme}_proxy") or known.get("all_proxy")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_exempt(host: str, port: int | None, listed: str) -> bool:
    """Whether a `NO_PROXY` names a host: by its name, a suffix, an address, a network, each with or without a port."""
    return any(_names(item.strip().lower(), host.lower(), port) for item in listed.split(","))


def _names(item: str, host: str, port: int | None) -> bool:
    if item == "*":
        return True
    with suppress(ValueError):
        return ip_address(host) in ip_network(item.strip("[]"), strict=False)
    name, _, its_port = (
        item.rpartition(":") if item.rpartition(":")[2].isdecimal() else (item, "", "")
    )
    if its_port and port is not None and int(its_port) != port:
        return False
    name = name.strip("[]").removeprefix("*").removeprefix(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))
