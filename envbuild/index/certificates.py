"""The trusted certificates, and the client's own."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.index.answer import CERTIFICATE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator, Mapping

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems have their trusted certificates, for a Python that was built for another system."""


def trusted_certificates(environ: Mapping[str, str]) -> ssl.SSLContext:
    """The trusted certificates: the host's, or the files and folders in the environment.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` (folders; file names need no hash) replace the host's certificates;
    `SSL_CLIENT_CERT` is the client's certificate with its key. OSError if one cannot be read.
    """
    import os
    import ssl

    file, folders = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if file or folders:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if file:
            with _readable(f"{CERTIFICATE} can be read in $SSL_CERT_FILE"):
                context.load_verify_locations(file)
        for folder in (folders or "").split(os.pathsep):
            if folder and Path(folder).is_dir():
                _load_folder(context, folder)
    else:
        context = ssl.create_default_context()
        if not context.get_ca_certs() and not ssl.get_default_verify_paths().capath:
            for bundle in filter(os.path.exists, _BUNDLES):
                context.load_verify_locations(bundle)
                break
    if own := environ.get("SSL_CLIENT_CERT"):
        with _readable(f"{CERTIFICATE} and key can be read in $SSL_CLIENT_CERT"):
            context.load_cert_chain(own)
    return context


@contextmanager
def _readable(otherwise: str) -> Generator[None]:
    """OSError with these words for a file that cannot be read; an SSLError is an OSError too."""
    try:
        yield
    except OSError as error:
        raise OSError(0, otherwise) from error


def _load_folder(context: ssl.SSLContext, folder: str) -> None:
    """Every certificate in a folder, with any file name: OpenSSL itself reads only hashed names."""
    import os

    for entry in os.scandir(folder):
        if entry.is_file():
            with suppress(OSError):
                context.load_verify_locations(entry.path)
