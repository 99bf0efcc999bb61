"""uv: where it is, and everything that it is asked to do."""
