"""Simulators: worlds, sensors, priors, windows without end, and Gymnasium environments over the same physics."""

import gymnasium

gymnasium.register("slipway/Rover-v0", "sim.envs.rover:RoverEnv", max_episode_steps=2000)
