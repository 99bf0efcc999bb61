"""What uv is asked to do."""
