"""Container images of built environments, made without a container engine."""
