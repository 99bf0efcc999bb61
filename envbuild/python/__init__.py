"""The Pythons of a host."""
