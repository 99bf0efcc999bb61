"""Package indexes: where they live, what they answer, and the router that uv asks."""
