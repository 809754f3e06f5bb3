"""Inference by the Open Inference Protocol: the graph that devices run, for any client that asks."""
