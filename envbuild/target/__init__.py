"""What a lockfile is for, and what a host is."""
