"""Simulators: worlds, sensors, priors, windows without end, and Gymnasium environments over the same physics."""

import gymnasium

gymnasium.register("slipway/Rover-v0", "sim.envs.rover:RoverEnv", max_episode_steps=2000)
gymnasium.register("slipway/Wearable-v0", "sim.envs.wearable:WearableEnv", max_episode_steps=1000)
gymnasium.register("slipway/Contact-v0", "sim.envs.contact:ContactEnv", max_episode_steps=2500)
gymnasium.register("slipway/Pendulum-v0", "sim.envs.pendulum:PendulumEnv", max_episode_steps=2000)
