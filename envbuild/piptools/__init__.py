"""pip-tools as a resolver: where it is, its requests, and its answers."""
