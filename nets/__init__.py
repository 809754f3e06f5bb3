"""Networks described once: layer records, the Flax NNX modules built from them, the one training loop."""
