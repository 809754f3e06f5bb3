"""Domain adaptation: a scope (which numbers may change) times an objective (what pulls them), and the gate."""
