"""Create drivers from existing files; one module for each format, without access to the disk."""
