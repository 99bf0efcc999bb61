"""What `drivers.toml` declares."""
