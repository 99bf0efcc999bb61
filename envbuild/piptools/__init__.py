"""pip-tools as a resolver: where it is, what it is asked, and what it answers."""
