"""Releases: lockfiles, wheels, bytecode and content digests as one OCI artifact."""
