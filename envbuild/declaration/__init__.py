"""The content of `drivers.toml`."""
