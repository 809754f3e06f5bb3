"""Many adaptations at once: candidates of one device, devices of a fleet."""
