"""All that touches the world: processes, files, indexes, interpreters, the store."""
