"""Build sources through their build backends (PEP 517): requirements, environment, hooks, limits, wheels."""
