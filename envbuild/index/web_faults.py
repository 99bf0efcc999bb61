"""Every way in which a request can fail, as one exception of a closed set."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from envbuild.index.answer import Fault

if TYPE_CHECKING:
    from collections.abc import Generator


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
    ) -> None:
        self.fault = fault
        self.host = host
        """`host:port` of the last URL that was asked."""

        self.status = status
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""

        self.reason = reason
        """What else is known, as the end of a sentence; holds no URL."""

        super().__init__(f"{host}: {fault.value}")


@contextmanager
def head_faults(host: str, connect_timeout: float, read_timeout: float) -> Generator[None]:
    """Turn whatever can go wrong until the answer's first line into a WebError."""
    from urllib3 import exceptions as known

    try:
        yield
    except known.NewConnectionError as error:  # no time-out, whatever its base class says
        raise WebError(Fault.UNREACHABLE, host=host, reason=_reason(error)) from error
    except known.ConnectTimeoutError:
        reason = f"no connection in {connect_timeout:g} s"
        raise WebError(Fault.TIMED_OUT, host=host, reason=reason) from None
    except known.ReadTimeoutError:
        reason = f"no word in {read_timeout:g} s"
        raise WebError(Fault.TIMED_OUT, host=host, reason=reason) from None
    except known.HTTPError as error:
        raise WebError(Fault.UNREACHABLE, host=host, reason=_reason(error)) from error


@contextmanager
def body_faults(host: str) -> Generator[None]:
    """Turn whatever can go wrong within a body into a WebError."""
    from urllib3 import exceptions as known

    try:
        yield
    except known.ReadTimeoutError:
        reason = "it fell silent in the middle of its answer"
        raise WebError(Fault.TIMED_OUT, host=host, reason=reason) from None
    except known.DecodeError:
        reason = "its compression is broken"
        raise WebError(Fault.GARBAGE, host=host, reason=reason) from None
    except known.HTTPError as error:
        raise WebError(Fault.TRUNCATED, host=host) from error


def _reason(error: Exception) -> str:
    """Why no answer came, in a few words; never urllib3's own, which repeat addresses."""
    import ssl

    from urllib3 import exceptions as known

    if isinstance(error, known.NameResolutionError):
        return "its name cannot be looked up"
    if isinstance(error, known.ProxySchemeUnknown):
        return "the proxy is of a kind that cannot be used"
    cause: BaseException | None = error
    prefix = "the proxy: " if isinstance(error, known.ProxyError) else ""
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            words = getattr(cause, "verify_message", None) or cause.reason or "handshake failed"
            return f"{prefix}TLS: {words.lower().replace('_', ' ')}"
        if isinstance(cause, OSError) and cause.strerror:
            return f"{prefix}{cause.strerror.lower()}"
        cause = cause.__cause__ or cause.__context__
    return f"{prefix}it hung up, or does not speak HTTP"
