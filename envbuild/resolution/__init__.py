"""What resolving gives, and what it starts from."""
