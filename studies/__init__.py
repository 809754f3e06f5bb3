"""Real-data tasks: what is learned in simulation, measured on public recordings."""
