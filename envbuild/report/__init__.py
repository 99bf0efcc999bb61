"""Results as text, JSON and other output forms."""
