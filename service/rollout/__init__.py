"""Staged rollouts that are judged by how well the model does: pure decisions, no database and no network."""
