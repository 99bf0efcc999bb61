"""A service that answers with what it gets."""
