"""Fitting a device: the best net within its flash, RAM, instructions and operators, learned from a large base."""
