"""`drivers.toml` → Declaration."""
