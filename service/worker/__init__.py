"""Worker processes: the only part of the server that imports JAX."""
