"""All failures of a request, as one exception with a closed set of faults."""

from __future__ import annotations

import re
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from envbuild.index.answer import PROXY, TLS, Fault

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
"""How OpenSSL, by its version, calls an answer in plain text."""

_SOCKS = "socks"
"""PySocks' module: urllib3 says nothing of a SOCKS proxy but by what it raises from."""

_SOCKS_ANSWERS = ("SOCKS5AuthError", "SOCKS5Error", "SOCKS4Error")


class WebError(Exception):
    """A request did not get a good answer."""

    def __init__(
        self,
        fault: Fault,
        *,
        host: str,
        status: int | None = None,
        reason: str | None = None,
        retry_after: float | None = None,
        is_final: bool = False,
        challenge: str | None = None,
    ) -> None:
        self.fault = fault
        self.host = host
        """`host:port` of the last URL that was asked."""

        self.status = status
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""

        self.is_final = is_final
        """Whether all the time that there is has gone, so that asking again is out of question."""

        self.challenge = challenge
        """How the server wants to be told who asks (`WWW-Authenticate`)."""

        self.reason = reason
        """More details, as the end of a sentence; without a URL."""

        super().__init__(f"{host}: {fault.value}")


@contextmanager
def head_faults(host: str, connect_timeout: float, read_timeout: float) -> Generator[None]:
    """Turn every failure before the answer's first line into a WebError."""
    from urllib3 import exceptions as known

    try:
        yield
    except known.NewConnectionError as error:  # not a time-out, despite its base class
        raise _unreachable(error, host) from error
    except known.ConnectTimeoutError:
        reason = f"no connection in {connect_timeout:g} s"
        raise WebError(Fault.TIMED_OUT, host=host, reason=reason) from None
    except known.ReadTimeoutError:
        reason = f"no byte in {read_timeout:g} s"
        raise WebError(Fault.TIMED_OUT, host=host, reason=reason) from None
    except known.HTTPError as error:
        raise _unreachable(error, host) from error


@contextmanager
def body_faults(host: str) -> Generator[None]:
    """Turn every failure within a body into a WebError."""
    from urllib3 import exceptions as known

    try:
        yield
    except known.ReadTimeoutError:
        reason = "it stopped in the middle of its answer"
        raise WebError(Fault.TIMED_OUT, host=host, reason=reason) from None
    except known.DecodeError:
        reason = "its compressed data is damaged"
        raise WebError(Fault.GARBAGE, host=host, reason=reason) from None
    except known.HTTPError as error:
        raise WebError(Fault.TRUNCATED, host=host) from error


def _unreachable(error: Exception, host: str) -> WebError:
    """No answer came, or a proxy needs credentials."""
    status, socks = _tunnel_status(error), _socks_error(error)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED or "authentication" in socks:
        return WebError(Fault.PROXY_LOGIN, host=host, status=status)
    reason = f"{PROXY} answers {status or socks}" if status or socks else _reason(error)
    return WebError(Fault.UNREACHABLE, host=host, reason=reason)


def _reason(error: Exception) -> str:
    """The reason in a few words; never urllib3's own text, which may have addresses."""
    import ssl

    from urllib3 import exceptions as known

    if isinstance(error, known.NameResolutionError):
        return "its name cannot be resolved"
    if isinstance(error, known.ProxySchemeUnknown):
        return f"{PROXY} has an unsupported type"
    prefix = f"{PROXY}: " if isinstance(error, known.ProxyError) else ""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            if cause.reason in _NO_TLS:
                return f"{prefix}it does not speak TLS"
            words = getattr(cause, "verify_message", None) or cause.reason or "handshake failed"
            return f"{prefix}{TLS}: {words.lower().replace('_', ' ')}"
        if isinstance(cause, OSError) and cause.strerror:
            return f"{prefix}{cause.strerror.lower()}"
        if type(cause).__module__ == _SOCKS:
            prefix = f"{PROXY}: "
    return f"{prefix}it closed the connection, or does not speak HTTP"


def _tunnel_status(error: Exception) -> int | None:
    """The status by which a proxy refuses to lead to a host on https, or None."""
    from urllib3 import exceptions as known

    if not isinstance(error, known.ProxyError):
        return None
    found = re.match(r"Tunnel connection failed: (\d{3})\b", str(error.original_error))
    return int(found[1]) if found else None


def _socks_error(error: Exception) -> str:
    """The error of a SOCKS proxy, in PySocks' fixed words; empty if there is none."""
    for cause in _causes(error):
        kind = type(cause)
        if kind.__module__ == _SOCKS and kind.__name__ in _SOCKS_ANSWERS:
            return str(getattr(cause, "msg", "")).lower()
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, what it came from, and so on."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
