"""The documentation as a site, in a real browser: `nox -s site`."""
