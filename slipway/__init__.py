"""Slipway's light package: everything a device or a client needs, and nothing that trains."""

__version__ = "0.1.0"
