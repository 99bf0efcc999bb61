"""From a plan to environments and a generation."""
