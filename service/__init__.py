"""The server: a gRPC process that never imports JAX, and worker processes that do."""
