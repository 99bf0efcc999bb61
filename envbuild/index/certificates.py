"""The certificates that are trusted, and the one that is shown."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.index.answer import CERTIFICATE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

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
            _load(context, file, "SSL_CERT_FILE")
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
        try:
            context.load_cert_chain(own)
        except (OSError, ssl.SSLError) as error:
            raise OSError(0, f"{CERTIFICATE} and key can be read in $SSL_CLIENT_CERT") from error
    return context


def _load(context: ssl.SSLContext, file: str, variable: str) -> None:
    import ssl

    try:
        context.load_verify_locations(file)
    except (OSError, ssl.SSLError) as error:
        raise OSError(0, f"{CERTIFICATE} can be read in ${variable}") from error


def _load_folder(context: ssl.SSLContext, folder: str) -> None:
    """Every certificate in a folder, with any file name: OpenSSL itself reads only hashed names."""
    import os
    import ssl

    for entry in os.scandir(folder):
        if entry.is_file():
            with suppress(OSError, ssl.SSLError):
                context.load_verify_locations(entry.path)
