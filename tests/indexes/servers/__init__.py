"""Index servers, proxies and a keyring that others wrote: `nox -s indexes`."""
