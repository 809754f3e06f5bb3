"""The file that travels to a device: a graph, what it is, and samples that prove it works there. See SPEC.md."""
