"""Sensor models: pure functions of the true state."""
