"""Gymnasium environments: thin views over the worlds' own functions."""
