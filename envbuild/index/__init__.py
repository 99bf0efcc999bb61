"""Package indexes: where they are, what they answer, and why they fail."""
